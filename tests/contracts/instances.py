"""Instances of landscapes, drawn from generators that tests seed."""

from typing import Any

import numpy as np

from landscape_gym.streams import RowDraws

BATCH = 5


def draws(*seeds: int, dtype: Any = np.float64) -> RowDraws:
    return RowDraws([np.random.default_rng(seed) for seed in seeds], np.dtype(dtype))


def batch(landscape: Any, dtype: Any = np.float64) -> tuple[Any, Any]:
    """Instances, and points in the middle half of the box, where rounding is mild."""
    instances = landscape.sample(draws(*range(BATCH), dtype=dtype))
    low, high = landscape.box
    uniform = np.random.default_rng(7).uniform(0.25, 0.75, (BATCH, landscape.dim))
    return instances, (low + (high - low) * uniform).astype(dtype)
