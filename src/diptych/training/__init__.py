"""Training: from pairs and a recipe to a run directory with a model in it."""
