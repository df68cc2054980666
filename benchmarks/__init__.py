"""What the environment's speed is compared with, and the comparison."""

import os

# Before NumPy is imported: its BLAS, like torch, computes on one thread, here and in subprocesses.
os.environ.setdefault("OMP_NUM_THREADS", "1")
