"""The paper's Figure 2(a) to (d): what the discount rate does to convergence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from baselines.claims.evidence import Check, Effort, Evidence, agree
from baselines.claims.figures import SERIES, contours, label, mark, panels
from baselines.claims.measure import at_zero_step, trace
from landscape_gym.control import LinearQuadraticPolicy, continuous_riccati, diagonal_gain
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem, NormalStart
from landscape_gym.rendering.canvas import Figure

GAMMAS = (0.0, 1.0, 10.0)
FAR = 400.0
"""A discount rate at which the limit of short horizons holds to 1e-4."""


@dataclass(frozen=True)
class FigureTwoClaim:
    """Constants: rates for curvature 1, and how much faster four times the curvature is."""

    name: ClassVar[str] = "figure-2"
    title: ClassVar[str] = "Figure 2(a-d): the horizon sets rates of convergence"
    sentence: ClassVar[str] = (
        "On a quadratic loss coordinate i converges at "
        "`r_i = (gamma^2/4 + eta k h_i)^(1/2) - gamma/2`: four times the curvature is four times "
        "as fast for gamma >> 1, but only twice as fast for gamma = 0."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "Theory's cost of the optimal path, `(r^2 + eta k h) e^2 / (2 eta (2 r + gamma))`, is "
        "`r e^2 / (2 eta)`: the square of the distance, priced at the rate.",
        "At gamma dt near 1 the discrete gain is far from r (0.154 against 0.099 at gamma = 10, "
        "dt = 0.1): discrete problems need the discrete solution.",
    )

    rates: tuple[float, ...] = (1.0, 0.6180340, 0.0990195)
    """For h = 1 and `GAMMAS`."""
    ballistic: float = 2.0
    """How much faster four times the curvature is for gamma = 0."""
    descent: float = 4.0
    """The same for gamma >> 1."""

    def evidence(self, effort: Effort) -> Evidence:
        """Rates, costs and the two ratios."""
        checks = (
            *(
                check
                for gamma, rate in zip(GAMMAS, self.rates, strict=True)
                for check in rate_checks(gamma, rate)
            ),
            # Extrapolation to dt = 0 leaves (dt r)^2; at `FAR` the limit leaves pull / gamma^2.
            ratio_check(0.0, self.ballistic, 0.01),
            ratio_check(FAR, self.descent, 1e-5),
        )
        return Evidence(checks, draw)


def rate_checks(gamma: float, rate: float) -> tuple[Check, Check]:
    """Rate and cost for h = 1."""
    solution = continuous_riccati([[1.0]], gamma=gamma)
    # Seven digits are given; the environment's next term is (gamma dt)^2, (dt)^2.
    return (
        agree(
            f"gamma = {gamma:g}: rate for h = 1",
            1e-6,
            closed=rate,
            solver=float(solution.law.K[0, 0]),
            simulated=float(measured_rates(gamma, 0.01)[0]),
            sampling=1e-4 if gamma < 5 else 4e-4,
        ),
        agree(
            f"gamma = {gamma:g}: cost of the path from a distance of 1",
            1e-6,
            closed=(rate**2 + 1) / (2 * (2 * rate + gamma)),
            solver=float(solution.P[0, 0]) / 2,
            simulated=float(at_zero_step(lambda dt: simulated_cost(gamma, dt), 0.01)),
            sampling=1e-4,
        ),
    )


def ratio_check(gamma: float, ratio: float, dt: float) -> Check:
    """How much faster h = 4 converges than h = 1."""
    solution = continuous_riccati(np.diag([1.0, 4.0]), gamma=gamma)
    measured = measured_rates(gamma, dt)
    return agree(
        f"gamma = {gamma:g}: rate for h = 4 over rate for h = 1",
        1e-3,
        closed=ratio,
        solver=float(solution.law.K[1, 1] / solution.law.K[0, 0]),
        simulated=float(measured[1] / measured[0]),
    )


def environment(
    gamma: float, dt: float, steps: int, h: tuple[float, ...] = (1.0, 4.0)
) -> NavigationProblem:
    """A quadratic loss with its minimum at 0, from 1 in each coordinate."""
    return NavigationProblem(
        landscape=Quadratic(dim=len(h), curvature=h),
        gamma=gamma,
        dt=dt,
        episode_steps=steps,
        start=NormalStart(1.0, 0.0),
    )


@cache
def measured_rates(gamma: float, dt: float) -> Array:
    """Rates for h = 1 and 4, along the optimum's path in the environment."""

    def measure(step: float) -> Array:
        problem = environment(gamma, step, 50)
        theta = trace(problem, LinearQuadraticPolicy(problem)).theta[:, 0]
        return -np.log(theta[-1] / theta[0]) / (50 * step)

    return at_zero_step(measure, dt)


@cache
def simulated_cost(gamma: float, dt: float) -> float:
    """Cost of the optimum from a distance of 1, where h = 1."""
    problem = environment(gamma, dt, round(12 / dt), h=(1.0,))
    return float(rollout(problem, LinearQuadraticPolicy(problem), episodes=1, seed=0).cost[0])


def draw() -> Figure:
    """Paths, losses, shapes in the plane, and the ratio of rates."""
    figure, axes = panels(2, 3.2, rows=2)
    for series, gamma in zip(SERIES, GAMMAS, strict=False):
        problem = environment(gamma, 0.02, 500, h=(1.0,))
        theta = trace(problem, LinearQuadraticPolicy(problem)).theta[:, 0, 0]
        time, name = 0.02 * np.arange(501), f"gamma = {gamma:g}"
        axes[0].plot(time, 1 - theta, label=name, **series)
        axes[1].plot(time, theta**2 / 2, label=name, **series)
        plane = environment(gamma, 0.02, 4000, h=(1 / 9, 1.0))
        path = trace(plane, LinearQuadraticPolicy(plane)).theta[:, 0]
        axes[2].plot(*path.T, label=name, **series)
        h = np.linspace(0.02, 2, 60)
        fast, slow = (
            diagonal_gain(each, metric=1.0, eta=1, k=1, gamma=gamma, dt=1e-3).gain
            for each in (4 * h, h)
        )
        axes[3].plot(h, fast / slow, label=name, **series)
    grid = np.linspace(-0.4, 1.3, 80)
    x, y = np.meshgrid(grid, grid)
    contours(axes[2], grid, grid, x**2 / 18 + y**2 / 2)
    mark(axes[2], (1, 1), "start")
    mark(axes[2], (0, 0), "minimum")
    label(axes[0], "(a) Parameter, from 0 to 1", "time", "theta")
    label(axes[1], "(b) Loss", "time", "loss")
    label(axes[2], "(c) Curvatures 1/9 and 1", "theta 1", "theta 2")
    label(axes[3], "(d) Rate for 4 h over rate for h", "curvature h", "ratio")
    axes[3].set_ylim(1.8, 4.2)
    return figure
