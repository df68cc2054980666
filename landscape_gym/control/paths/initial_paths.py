"""Guesses of a path, from which solvers of paths start: each may lead to another local optimum.

Problem and notation: `trajectory.py`. A guess is the controls of a path, (T, rows, m). Each
family has one free constant (how fast), which is chosen for each row by the cost of the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from landscape_gym.control.paths.trajectory import PathProblem, times, transposed_times
from landscape_gym.landscapes.base import Array

RATES = 4.0 ** np.arange(-5, 6)
"""Step sizes of gradient descent that are tried, in units of ``dt eta k``."""

Guess = Callable[[PathProblem, Array], Array]


def still(path: PathProblem, start: Array) -> Array:
    """Do nothing, u = 0."""
    return np.zeros((path.T, len(start), path.m))


def towards(target: Array) -> Guess:
    """Straight to `target` (d,) at constant speed, then stay; in the best of 1, 2, 4, .. steps."""

    def guess(path: PathProblem, start: Array) -> Array:
        durations = 2 ** np.arange(int(np.log2(path.T)) + 1)
        fractions = np.minimum((np.arange(path.T) + 1)[:, None] / durations, 1.0)
        reach = (target - start)[None, None] * fractions[:, :, None, None]
        waypoints = start + reach  # (T, durations, rows, d)
        flat = waypoints.reshape(path.T, -1, path.d)
        return _cheapest(path, start, _track(path, np.tile(start, (len(durations), 1)), flat))

    return guess


def descent(path: PathProblem, start: Array) -> Array:
    """Gradient descent with the best of some constant learning rates (preconditioned by G).

    ``u = -(rate eta k) G^-1 B' l'``, for control matrix B.
    """
    # In terms of R and of B times dt: eta k G^-1 B' = q / (2 dt) R^-1 (dt B)'.
    R_inverse = np.linalg.inv(path.R) if path.R.ndim == 2 else 1 / path.R
    rates = np.repeat(path.dt * RATES, len(start))[:, None] * path.q / (2 * path.dt)
    x = np.tile(start, (len(RATES), 1))
    u = np.empty((path.T, len(x), path.m))
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(path.T):
            grad = path.slopes(x[None])[1][0]
            u[t] = -rates * times(R_inverse, transposed_times(path.B, grad))
            x = path.move(x, u[t])
    return _cheapest(path, start, u)


def cheapest_of(guesses: Iterable[Guess]) -> Guess:
    """For each row, the guess whose path costs least as it is."""
    several = tuple(guesses)

    def guess(path: PathProblem, start: Array) -> Array:
        return _cheapest(path, start, np.concatenate([g(path, start) for g in several], axis=1))

    return guess


def _cheapest(path: PathProblem, start: Array, u: Array) -> Array:
    """Of several controls a row, (T, several * rows, m), those of the path that costs least."""
    several = u.shape[1] // len(start)
    cost = path.cost(path.rollout(np.tile(start, (several, 1)), u), u).reshape(several, -1)
    rows = np.arange(len(start))
    return u.reshape(path.T, several, len(start), path.m)[:, cost.argmin(axis=0), rows]


def _track(path: PathProblem, start: Array, waypoints: Array) -> Array:
    """Controls that follow `waypoints` (T, rows, d), as near as they can."""
    inverse = np.linalg.pinv(path.B) if path.B.ndim == 2 else 1 / path.B
    x, u = start, np.empty((path.T, len(start), path.m))
    for t in range(path.T):
        u[t] = times(inverse, waypoints[t] - path.coast(x))
        x = path.move(x, u[t])
    return u
