"""Files, folders and videos through a translator."""
