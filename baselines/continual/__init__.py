"""Loss of plasticity on streams of tasks, and what keeps it: ``python -m baselines.continual``."""
