"""Gradient descent is what is optimal when the horizon is short (theory section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize_scalar

from baselines.claims.evidence import Effort, Evidence, agree, at_least
from baselines.claims.figures import SERIES, label, panels
from baselines.claims.measure import slope, trace
from landscape_gym.control import (
    Law,
    LinearQuadratic,
    LinearQuadraticPolicy,
    convergence_rate,
    ensemble,
    finite_horizon,
)
from landscape_gym.evaluation import compare
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem, NormalStart
from landscape_gym.registration import REGIMES
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rendering.palette import INK
from landscape_gym.rules import GradientDescent

H, G = np.array([[2.0, 0.8], [0.8, 1.0]]), np.array([[1.0, -0.4], [-0.4, 0.5]])
START = (1.0, -2.0)
GAMMAS = np.array([8.0, 16.0, 32.0, 64.0])
REGIME = REGIMES["short-horizon"].problem


@dataclass(frozen=True)
class GradientDescentClaim:
    """Constants: the learning rate of the limit, and how fast it is approached."""

    name: ClassVar[str] = "gradient-descent"
    title: ClassVar[str] = "Gradient descent is short-horizon navigation"
    sentence: ClassVar[str] = (
        "Planning a single step ahead, or with a discount rate gamma that is large, the optimal "
        "policy is gradient descent, in the metric of parameter space."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "The limit is approached as pull / gamma^2 with pull = eta k h, which is the square of "
        "the horizon measured in the landscape's own time.",
        "In steps of dt the learning rate is `eta k dt / (1 - beta)`, not `eta k / gamma`: the "
        "horizon that counts is that of the discounted sum of steps.",
    )

    rate: float = 1.0
    """Learning rate of the limit, in units of eta k / gamma."""
    power: float = -2.0
    """Exponent of its error in gamma."""

    def evidence(self, effort: Effort) -> Evidence:
        """One step exactly, how fast the limit is approached, and what descent costs."""
        regime = compare(
            REGIME,
            {
                "descent": RulePolicy(GradientDescent(self.rate * discrete_rate(REGIME))),
                "optimum": LinearQuadraticPolicy(REGIME),
            },
            episodes=effort.episodes,
            optimum="optimum",
        )
        checks = (
            # Linear algebra in float64 of numbers near 1.
            agree(
                "one step: first component of u, dense H and G, dt = 0.5",
                1e-12,
                closed=self.one_step(),
                solver=one_step_solved(),
                simulated=one_step_simulated(),
            ),
            # The next term of the expansion is of relative size 2 / gamma^2, up to 3 % at the
            # first of the discount rates, which moves a fit over four octaves by less than 0.05.
            agree(
                "exponent of the error of u = -(eta k / gamma) g in gamma",
                0.05,
                closed=self.power,
                solver=slope(GAMMAS, self.errors()),
                simulated=slope(GAMMAS, self.simulated_errors()),
            ),
            # A ratio of means over the same episodes; its 95 % interval is narrower than 1e-6.
            agree(
                "gamma = 10: regret fraction of descent",
                2e-6,
                solver=regret(REGIME, self.rate * discrete_rate(REGIME), REGIME.steps),
                simulated=regime["descent"].regret.value,
            ),
            at_least(
                "gamma = 0.3, h from 0.05 to 5: regret fraction at the best constant rate",
                0.01,
                solver=lowest_regret(wide(0.3)),
            ),
        )
        return Evidence(checks, self.draw)

    def one_step(self) -> float:
        """Theory's ``u = -eta k dt (G + eta k dt^2 H)^-1 g``, with eta = k = 1 and dt = 0.5."""
        u = -self.rate * 0.5 * np.linalg.solve(G + 0.25 * H, H @ START)
        return float(u[0])

    def errors(self, gammas: Array = GAMMAS) -> Array:
        """Relative error of the limit's velocity in continuous time, where pull = 1."""
        exact = np.array([convergence_rate(1.0, gamma=gamma) for gamma in gammas])
        return self.rate / gammas / exact - 1

    def simulated_errors(self) -> Array:
        """The same of what the optimum does in the environment, in short steps."""
        errors = []
        for gamma in GAMMAS:
            problem = NavigationProblem(
                landscape=Quadratic(dim=1, curvature=(1.0,)),
                gamma=gamma,
                dt=0.05 / gamma,
                episode_steps=1,
                start=NormalStart(1.0, 0.0),
            )
            seen = trace(problem, LinearQuadraticPolicy(problem))
            rate = -float(seen.control[0, 0, 0] / seen.gradient[0, 0, 0])
            errors.append(self.rate * discrete_rate(problem) / rate - 1)
        return np.array(errors)

    def draw(self) -> Figure:
        """The error of the limit, and what descent costs, against the discount rate."""
        figure, (left, right) = panels(2)
        gammas = np.geomspace(0.5, 100, 40)
        left.loglog(gammas, np.abs(self.errors(gammas)), label="continuous time", **SERIES[0])
        left.loglog(gammas, gammas**-2.0, label="pull / gamma$^2$", **SERIES[1])
        left.loglog(GAMMAS, np.abs(self.simulated_errors()), "o", color=INK, label="environment")
        label(left, "The optimum tends to descent", "discount rate gamma", "relative error of u")
        rates = np.geomspace(0.3, 60, 16)
        problems = [wide(gamma) for gamma in rates]
        derived = [regret(each, self.rate * discrete_rate(each)) for each in problems]
        right.loglog(rates, derived, label="rate eta k dt / (1 - beta)", **SERIES[0])
        best = [lowest_regret(each) for each in problems]
        right.loglog(rates, best, label="best constant rate", **SERIES[1])
        label(
            right,
            "Long horizons leave it behind (h from 0.05 to 5)",
            "discount rate gamma",
            "regret fraction",
        )
        return figure


def discrete_rate(problem: NavigationProblem) -> float:
    """``eta k dt / (1 - beta)``: the limit's learning rate in steps of dt."""
    return problem.eta * problem.k * problem.dt / -math.expm1(-problem.gamma * problem.dt)


def wide(gamma: float) -> NavigationProblem:
    """Five coordinates whose curvatures differ by a factor of 100."""
    h = tuple(np.geomspace(0.05, 5.0, 5))
    return REGIME.replace(
        landscape=Quadratic(dim=5, curvature=h), gamma=gamma, dt=0.1 / (1 + gamma)
    )


def lowest_regret(problem: NavigationProblem) -> float:
    """Regret fraction of the best constant learning rate."""
    limit = discrete_rate(problem)  # which is too fast for all horizons but the shortest
    found: Any = minimize_scalar(
        lambda log: regret(problem, limit * np.exp(log)), bounds=(-4.0, 0.2), method="bounded"
    )
    return float(found.fun)


def one_step_solved() -> float:
    """The first component of the optimal u of a single step, by the backward recursion."""
    lq = LinearQuadratic.of(H, G=G, gamma=0.0, dt=0.5)
    return -float((finite_horizon(lq, 1).law.K[0] @ START)[0])


def one_step_simulated() -> float:
    """The same of what the optimum does in the environment."""
    problem = NavigationProblem(
        landscape=Quadratic(dim=2, curvature=H.tolist()),
        metric=G.tolist(),
        gamma=0.0,
        dt=0.5,
        horizon=1,
        start=NormalStart(START, 0.0),
    )
    return float(trace(problem, LinearQuadraticPolicy(problem)).control[0, 0, 0])


def regret(problem: NavigationProblem, rate: float, steps: int | None = None) -> float:
    """Regret fraction of gradient descent, exactly, of so many steps or of all."""
    parts = ensemble(problem)
    law = Law(rate * parts.hessian, -rate * parts.hessian, 0.0 * parts.hessian)
    still = Law(*(0.0 * part for part in law))
    best, null = (parts.expected_cost(steps, each) for each in (parts.law, still))
    return (parts.expected_cost(steps, law) - best) / (null - best)
