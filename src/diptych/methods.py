"""How to train, by name: the methods that recipes are made of."""

METHODS = ("diptych", "pix2pix")
DEFAULT_RECIPE = METHODS[0]  # where none is named
