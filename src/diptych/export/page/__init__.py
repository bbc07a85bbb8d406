"""A model as a page that needs no server: static files, and the model runs in the browser."""
