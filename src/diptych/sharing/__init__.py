"""What stands beside a model file where it is shared: its card, and pictures where asked for."""
