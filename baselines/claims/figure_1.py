"""The paper's Figure 1: a double well, gradient descent and the optimal path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from baselines.claims.evidence import Effort, Evidence, agree, at_least
from baselines.claims.figures import SERIES, contours, label, mark, panels
from baselines.claims.measure import trace
from landscape_gym.control import GridPolicy, GridSolution, grid_solution
from landscape_gym.landscapes import DoubleWell
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem, NormalStart
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rendering.palette import GREEN, INK
from landscape_gym.rules.gradient_descent import GradientDescent

START = (-0.6, 0.55)
LANDSCAPE = DoubleWell()
WELL = NavigationProblem(
    landscape=LANDSCAPE,
    gamma=0.1,
    dt=0.05,
    episode_steps=300,
    start=NormalStart(START, 0.0),
)
GAMMAS = (0.1, 0.5, 2.0)
DESCENT = RulePolicy(GradientDescent(0.5))


@dataclass(frozen=True)
class FigureOneClaim:
    """Constants: the tilt of the well, which sets its stationary points."""

    name: ClassVar[str] = "figure-1"
    title: ClassVar[str] = "Figure 1: a path over the hill"
    sentence: ClassVar[str] = (
        "From (-0.6, 0.55) gradient descent ends in the local minimum, the multi-step optimum in "
        "the global one; on its way the loss does not fall monotonically."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "The loss is `(x^2 - 1)^2 - x/2 + y^2`, eta = k = 1, and paths are by dynamic programming, "
        "where the paper minimises the objective over paths.",
    )

    tilt: float = 0.5
    """Of the well, for the closed form of its stationary points."""

    def evidence(self, effort: Effort) -> Evidence:
        """Where paths end, and the hill that they cross."""
        left, top, right = np.sort(np.roots([4.0, 0.0, -4.0, -self.tilt]).real)
        best, descent = optimal(0.1, effort), descent_path()
        heights = LANDSCAPE.values(best)[:, 0]
        loss = loss_along(best)
        checks = (
            # A grid of 501 nodes or more, with moves refined between them.
            agree(
                "x where the optimal path ends, gamma = 0.1",
                2e-3,
                closed=float(right),
                solver=float(solved(0.1, effort.nodes).path(np.array([START]), 300)[-1, 0, 0]),
                simulated=float(best[-1, 0]),
            ),
            # After 15 units of time at a rate of 0.5 L'' = 3.2: rounding.
            agree(
                "x where gradient descent ends",
                1e-9,
                closed=float(left),
                simulated=float(descent[-1, 0]),
            ),
            # The path's points are up to 0.06 apart at the top, where L'' is -3.8: half a step off
            # the top costs 0.002.
            agree(
                "the highest loss of x on the way: the hill's",
                3e-3,
                closed=float((top**2 - 1) ** 2 - self.tilt * top),
                simulated=float(heights.max()),
            ),
            at_least(
                "how far the whole loss rises on the way",
                0.05,
                simulated=float(loss.max() - loss[: loss.argmax()].min()),
            ),
        )
        return Evidence(checks, lambda: draw(effort))


@cache
def solved(gamma: float, nodes: int) -> GridSolution:
    """The optimum on a grid."""
    return grid_solution(WELL.replace(gamma=gamma), points=nodes, estimate=False)


def optimal(gamma: float, effort: Effort) -> Array:
    """The optimal path in the environment, (steps + 1, 2)."""
    solution = solved(gamma, effort.nodes)
    return trace(solution.problem, GridPolicy(solution)).theta[:, 0]


def descent_path() -> Array:
    """That of gradient descent."""
    return trace(WELL, DESCENT).theta[:, 0]


def loss_along(path: Array) -> Array:
    """Loss along a path, (steps + 1,)."""
    return LANDSCAPE.loss(NoInstances(), path)


def draw(effort: Effort) -> Figure:
    """Paths on the landscape, and kinetic and potential term along the optimal one."""
    figure, (left, right) = panels(2, 3.7)
    x, y = np.linspace(-1.6, 1.6, 161), np.linspace(-1.0, 1.0, 101)
    points = np.stack(np.meshgrid(x, y), axis=-1)
    loss = loss_along(points.reshape(-1, 2)).reshape(points.shape[:2])
    contours(left, x, y, np.minimum(loss, 2.0))
    for series, gamma in zip(SERIES, GAMMAS, strict=False):
        left.plot(*optimal(gamma, effort).T, label=f"gamma = {gamma:g}", **series)
    left.plot(*descent_path().T, color=INK, lw=1.2, label="descent")
    mark(left, START, "start")
    mark(left, LANDSCAPE.minimum(NoInstances()).location[0], "minimum")
    label(left, "Optimal paths: long horizons cross the hill", "x", "y")
    left.legend(fontsize=8, framealpha=0.85, edgecolor="none", loc="lower left", ncols=2)
    left.set_ylim(-1.0, 0.9)
    path = optimal(0.1, effort)
    time = WELL.dt * np.arange(len(path))
    kinetic = 0.5 * np.sum((np.diff(path, axis=0) / WELL.dt) ** 2, axis=1)
    right.plot(time[:-1], kinetic, label="kinetic: |u|$^2$ / 2", **SERIES[1])
    floor = loss.min()
    right.plot(time, loss_along(path) - floor, color=GREEN, label="potential: loss above minimum")
    right.set_xlim(0, 5)
    label(right, "Along the path for gamma = 0.1", "time", "cost per unit time")
    return figure
