"""Files to arrays and back, and padding to a multiple."""
