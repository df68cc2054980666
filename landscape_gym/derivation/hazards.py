"""Hazards that are not known: the rates among which the true one is to be found."""

from __future__ import annotations

import math

import numpy as np

from landscape_gym.configuration import vector
from landscape_gym.problem import NavigationProblem

POINTS = 25
"""Rates of a grid; neighbours are then within a third of each other over three decades."""


def spaced_hazards(problem: NavigationProblem, points: int = POINTS) -> tuple[float, ...]:
    """Rates per unit time, evenly spaced in the logarithm: no rate is preferred.

    From one change in ten episodes to one in two steps: a learner cannot tell slower ones from
    none, nor faster ones from noise.

    Example:
        >>> [round(rate, 3) for rate in spaced_hazards(NavigationProblem(episode_steps=200), 3)]
        [0.005, 0.186, 6.931]
    """
    slow, fast = 0.1 / (problem.steps * problem.dt), math.log(2) / problem.dt
    return tuple(np.geomspace(slow, fast, points).tolist())


def check_hazards(hazards: tuple[float, ...]) -> tuple[float, ...]:
    """The rates, if they are a grid.

    Raises:
        ValueError: unless they are some numbers > 0.
    """
    rates = vector("hazards", hazards)
    if not rates or min(rates) <= 0:
        raise ValueError(f"hazards are some rates > 0, got {rates}; for none use hazard = 0.")
    return rates


def chances(hazards: tuple[float, ...], dt: float) -> tuple[float, ...]:
    """Probabilities per step of a change at these rates.

    Example:
        >>> [round(chance, 4) for chance in chances((0.1, 1.0), dt=0.1)]
        [0.01, 0.0952]
    """
    return tuple(-math.expm1(-hazard * dt) for hazard in hazards)
