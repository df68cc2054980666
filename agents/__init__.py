"""How agents are trained here: presets, training, and a run from configuration to picture."""

from agents.presets import PRESETS, Preset
from agents.run import Run, RunConfig, run

__all__ = ["PRESETS", "Preset", "Run", "RunConfig", "run"]
