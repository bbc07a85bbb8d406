"""Models as the programs open them that people already sit in front of."""
