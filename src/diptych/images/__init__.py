"""Files to arrays and back, and padding to a multiple."""

import logging

# What tifffile logs of damaged files is in our errors; without any handler Python would print it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
