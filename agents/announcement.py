"""The first line of a training: what, how much, about how long, and where it goes."""

from __future__ import annotations

from pathlib import Path

from agents.config import RunConfig
from agents.durations import usual


def announcement(config: RunConfig, folder: Path, steps: int) -> str:
    """The line, of one seed.

    Args:
        config: What is asked for.
        folder: Of the run.
        steps: Environment steps that it takes.
    """
    long = usual(config.preset_name, steps)
    return (
        f"{config.regime}, seed {config.seed}: {config.algorithm}, preset {config.preset_name}, "
        f"{steps:,} steps, about {long}, into {folder}"
    )
