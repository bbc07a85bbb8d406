"""Pages for a person in a browser."""
