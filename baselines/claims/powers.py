"""Rules that divide gradients by a power of their size, where coordinates drift unlike (theory 11).

In units phi the drift's variance of a coordinate of curvature h is ``eps^2 h^-p``. That of the
environment is the same in all coordinates: those are theta = h^(p/2) phi, of curvature h^(1 - p).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from baselines.stationary import drifting, told
from landscape_gym.control import HiddenCurvature, best_linear_rule
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Quadratic
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import CurvatureNoise, NavigationProblem, NormalStart

DRIFTS = (-1.0, 0.0, 1.0)
"""p."""
H = np.geomspace(0.2, 5.0, 9)
EPS = {"solver": 0.003, "simulated": 0.03}
STEPS, MEMORY, SEED = 500, 0.995, 1_000_000
WAITS = 30
"""Steps before the first move: v is not known by a few squares, whose inverses have no mean."""


@dataclass(frozen=True)
class PowerRule:
    """``u_t = -lr y_t / v_t^power`` in units phi: theta = units phi."""

    channels = ("gradient",)
    lr: float
    power: float
    units: tuple[float, ...]

    def init(self, gradient: Any) -> Any:
        """The mean of squares, the sum of its weights, and gradients seen."""
        return 0.0 * gradient, 0.0, 0

    def update(self, gradient: Any, state: Any) -> tuple[Any, Any]:
        """The velocity of theta, and what is remembered."""
        units = np.asarray(self.units)
        square, weight, seen = state
        square = MEMORY * square + (1 - MEMORY) * (units * gradient) ** 2
        weight = MEMORY * weight + 1 - MEMORY
        u = -self.lr * (seen >= WAITS) * units * gradient / (square / weight) ** self.power
        return units * u, (square, weight, seen + 1)


def setting(p: float, way: str) -> HiddenCurvature:
    """In units phi, with free control."""
    return drifting(EPS[way], p=p, h=H)


def power_cost(p: float, power: float) -> float:
    """The best rule of that exponent over LQG, told h."""
    known = setting(p, "solver")
    return best_linear_rule(known, momentum=False, power=power).cost / told(known)


@cache
def settled_power(p: float) -> float:
    """The exponent of least cost."""
    found: Any = minimize_scalar(
        lambda power: power_cost(p, power), bounds=(-0.5, 1.5), method="bounded"
    )
    return float(found.x)


def simulated_cost(p: float, power: float, episodes: int) -> float:
    """Mean cost in the environment of the exponent with its best learning rate."""
    units = H ** (p / 2)
    problem = NavigationProblem(
        landscape=Quadratic(dim=len(H), curvature=tuple(H ** (1 - p))),
        noise=CurvatureNoise(1.0),
        drift=EPS["simulated"] ** 2,
        start=NormalStart(0.0, 0.0),
        eta=1e9,
        gamma=0.0,
        dt=1.0,
        episode_steps=STEPS,
    )
    lr = best_linear_rule(setting(p, "simulated"), momentum=False, power=power).a
    rule = PowerRule(lr, power, tuple(units))
    return float(rollout(problem, RulePolicy(rule), episodes=episodes, seed=SEED).cost.mean())
