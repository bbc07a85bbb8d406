"""The perceptual study: which one is real? (section 4.1 of the paper)."""
