"""Translation: a model file in, pictures out."""
