"""What training minimises beside the paper's own objective: ``perceptual.LPIPS``."""
