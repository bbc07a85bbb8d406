"""Pictures larger than memory, translated by windows to what they are when translated whole."""
