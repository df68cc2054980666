"""How agents are trained here: presets, training, and a run from configuration to picture."""

from landscape_gym.extras import needed_by

with needed_by(__name__):
    from agents.algorithms import ALGORITHMS
    from agents.config import RunConfig
    from agents.presets import PRESETS
    from agents.run import Run, run
    from agents.seeds import Seeds, run_seeds

__all__ = ["ALGORITHMS", "PRESETS", "Run", "RunConfig", "Seeds", "run", "run_seeds"]
