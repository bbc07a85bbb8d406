"""How a machine is asked by itself."""

import re

HOME = {"localhost", "127.0.0.1", "::1"}  # where only it may ask
# The Host header of such a request; that of a page elsewhere, whose name points here, is that name.
HOME_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
