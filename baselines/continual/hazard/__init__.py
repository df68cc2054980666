"""Nobody says how often tasks change: ``python -m baselines.continual.hazard``."""
