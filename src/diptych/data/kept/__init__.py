"""Pictures that do not lie in files of their own, kept as files: block after block."""
