"""How fast a running estimate of the curvature has to forget (theory 7(b))."""

from __future__ import annotations

import math

from landscape_gym.problem import NavigationProblem


def curvature_memory(problem: NavigationProblem) -> float:
    """b2: decay per step of the mean that estimates the curvature.

    A datum counts for as long as the curvature stays what it was: until the episode is over, or the
    task is redrawn, if that comes earlier. An exponential mean forgets at that rate.

    Example:
        >>> curvature_memory(NavigationProblem(episode_steps=200))
        0.9950124791926823
    """
    return math.exp(-1.0 / problem.steps - problem.hazard * problem.dt)
