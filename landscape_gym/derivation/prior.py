"""What is known before an episode begins: moments of start and target, variance of the noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.noise import EXACT
from landscape_gym.problem import (
    NavigationProblem,
    NormalStart,
    UniformStart,
)


class Moments(NamedTuple):
    """Mean and variance of a random vector with independent coordinates of one variance."""

    mean: Array
    """(d,)"""
    variance: float

    def minus(self, other: Moments) -> Moments:
        """Of the difference to another vector, independent of this."""
        return Moments(self.mean - other.mean, self.variance + other.variance)


def start_moments(problem: NavigationProblem) -> Moments:
    """Of the starting parameters on a quadratic landscape, exactly.

    Example:
        >>> start_moments(NavigationProblem(start={"kind": "uniform", "low": 0, "high": 1})).mean
        array([0.5, 0.5])
    """
    start = problem.start or NormalStart()  # a quadratic landscape's own default
    if isinstance(start, NormalStart):
        mean, variance = start.mean, start.std**2
    else:
        low, high = ends(start, problem)
        mean, variance = (low + high) / 2, (high - low) ** 2 / 12
    return Moments(np.broadcast_to(np.asarray(mean, np.float64), (problem.dim,)), variance)


def target_moments(landscape: Quadratic) -> Moments:
    """Of the target's prior."""
    mean = np.broadcast_to(np.asarray(landscape.optimum, np.float64), (landscape.dim,))
    return Moments(mean, landscape.optimum_std**2)


def noise_variance(problem: NavigationProblem, curvature: Array) -> Array:
    """Variance of the observed gradient along directions of these curvatures, like `curvature`.

    A minibatch of a log-likelihood counts as noise of variance curvature / batch size: per datum
    the gradient has the Fisher information, which is near the Hessian, as its covariance (theory
    7(b)).

    Raises:
        Refusal: for noise whose variance is not known or depends on the gradient.
    """
    return (problem.noise or EXACT).variance(problem.landscape, curvature)


def ends(start: UniformStart, problem: NavigationProblem) -> tuple[float, float]:
    """The ends of the cube of starts."""
    low, high = problem.landscape.box
    return low if start.low is None else start.low, high if start.high is None else start.high
