"""The first line of a training: what, how much, about how long, and where it goes."""

from __future__ import annotations

from pathlib import Path

from agents.config import RunConfig

SECONDS = {"recurrent_ppo": 200e-6, "sac": 2e-3, "td3": 2e-3}
"""Of a core for a step in training, about, by algorithm; others take `USUAL`."""
USUAL = 25e-6


def announcement(config: RunConfig, folder: Path) -> str:
    """The line, of one seed.

    Args:
        config: What is asked for.
        folder: Of the run.
    """
    training = config.training()
    name = f"{config.regime}, seed {config.seed}: {training.algorithm}, preset {config.preset_name}"
    steps = getattr(training, "timesteps", None)
    if steps is None:
        return f"{name}, into {folder}"
    minutes = steps * SECONDS.get(training.algorithm, USUAL) / 60
    long = f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute or less"
    return f"{name}, {steps:,} steps, about {long}, into {folder}"
