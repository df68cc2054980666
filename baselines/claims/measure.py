"""What policies do in the environment, step by step, and the laws that this amounts to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import UNBOUNDED, Policy, StatefulPolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.readout.walk import walk


class Trace(NamedTuple):
    """Episodes of one policy."""

    theta: Array
    """Parameters, (steps + 1, episodes, d)."""
    target: Array
    """The minimum that was in force at each step, (steps, episodes, d)."""
    gradient: Array
    """The gradient as it was seen, (steps, episodes, d)."""
    control: Array
    """(steps, episodes, m)"""


def trace(
    problem: NavigationProblem, policy: Policy, *, episodes: int = 1, seed: int = 1_000_000
) -> Trace:
    """Run a policy and keep everything; for short runs."""
    walked = walk(problem, policy, ["target"], episodes=episodes, steps=problem.steps, seed=seed)
    theta = np.concatenate([walked.theta, walked.end[None]])
    return Trace(theta, walked.hidden["target"], walked.gradient, walked.control)


def regression(controls: Array, *regressors: Array) -> list[Array]:
    """Coefficients of controls on regressors and 1, by least squares.

    Args:
        controls: (..., m).
        regressors: (..., d) each.

    Returns:
        A matrix (m, d) for each regressor, and a vector (m,).
    """
    parts = [np.reshape(each, (-1, each.shape[-1])) for each in regressors]
    design = np.column_stack([*parts, np.ones(len(parts[0]))])
    found = np.linalg.lstsq(design, controls.reshape(-1, controls.shape[-1]), rcond=None)[0].T
    ends = np.cumsum([part.shape[1] for part in parts])
    *matrices, constant = np.split(found, ends, axis=1)
    return [*matrices, constant[:, 0]]


def at_zero_step(measure: Callable[[float], Any], dt: float) -> Array:
    """What a measurement tends to as the time step does to 0: its error is then of order dt^2.

    Example:
        >>> float(at_zero_step(lambda dt: 1 + dt + dt**2, 0.001).round(4))
        1.0
    """
    coarse, fine = (np.asarray(measure(step)) for step in (dt, dt / 2))
    return 2 * fine - coarse


def slope(x: Any, y: Any) -> float:
    """The exponent p of y = constant x^p, by least squares.

    Example:
        >>> round(slope([1.0, 2.0, 4.0], [3.0, 12.0, 48.0]), 6)
        2.0
    """
    return float(np.polyfit(np.log(x), np.log(np.abs(y)), 1)[0])


class Steering(StatefulPolicy):
    """``u = -K (theta - z)`` with gains of the caller's choice, seeing theta and z."""

    observation = ObservationConfig(("parameters", "target"))
    name = "steering"
    privileged = True

    def __init__(self, gain: Any, weight: float = 0.0, mean: float = 0.0) -> None:
        """Steer by a gain (d, d); at ``(1 - weight) z + weight mean`` instead of z."""
        self.gain, self.weight, self.mean = np.atleast_2d(gain), weight, mean

    def act(self, observation: Array, state: None) -> tuple[Array, None]:
        """The velocity as an action."""
        theta, z = np.split(observation, 2, axis=1)
        aim = (1 - self.weight) * z + self.weight * self.mean
        return -(theta - aim) @ self.gain.T / UNBOUNDED.scale, None
