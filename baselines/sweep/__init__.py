"""Many cells of work, on one machine or a cluster, each with a result file of its own."""

from baselines.sweep.engine import Swept, sweep
from baselines.sweep.executors import EXECUTORS, Workers

__all__ = ["EXECUTORS", "Swept", "Workers", "sweep"]
