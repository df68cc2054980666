"""Targets that show only through noisy gradients: beliefs, and the controllers that act on them."""
