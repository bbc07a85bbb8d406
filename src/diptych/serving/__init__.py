"""A model as a page for people and as an HTTP service."""
