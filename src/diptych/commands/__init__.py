"""The command line: one file a command, and what it shows beside it; `app` gathers them."""
