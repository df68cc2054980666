"""The paper's Figure 3: metric and default dynamics bend the optimal path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from baselines.claims.evidence import Check, Effort, Evidence, agree, at_least
from baselines.claims.figures import contours, label, mark, panels
from baselines.claims.measure import at_zero_step, trace
from landscape_gym.control import ContinuousSolution, LinearQuadraticPolicy, continuous_riccati
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import Decay, NavigationProblem, NormalStart, Rotation
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rendering.palette import BLUE, GREYS, VERMILION

Z = np.array([0.0, -0.5])
START = np.array([1.5, 1.5])
PAPER = NavigationProblem(
    landscape=Quadratic(dim=2, curvature=(4.0, 4.0), optimum=tuple(Z)),
    gamma=0.0,
    dt=0.002,
    start=NormalStart(tuple(START), 0.0),
)
"""Settings of the paper's fig3-nongrad.ipynb."""
PANELS: dict[str, dict[str, Any]] = {
    "(a) f = 0, G = 1": {},
    "(b) G = diag(1/50, 1)": {"metric": (1 / 50, 1.0)},
    "(c) rotation, q = 10": {"default_dynamics": Rotation(10.0)},
    "(d) decay, j = 10": {"default_dynamics": Decay(10.0)},
}
SOON = 0.1
"""Time at which positions are compared, on the way."""


@dataclass(frozen=True)
class FigureThreeClaim:
    """Constants of the closed forms: pull = eta k h, and the rates of default dynamics."""

    name: ClassVar[str] = "figure-3"
    title: ClassVar[str] = "Figure 3: geometry and default dynamics"
    sentence: ClassVar[str] = (
        "An anisotropic metric makes the optimal path anisotropic though the loss is not; under "
        "rotation it spirals and under decay it goes straight, and both end short of the minimum."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "Both default dynamics are strong, ten units against a pull of 4, so that paths end at "
        "theta 2 = -0.0192 where the minimum is at -0.5.",
        "The orange dot of the paper's panel (c) is at -0.0002: its notebook marks pull / D z. At "
        "the figure's scale the difference does not show. Panel (d) is right, as gamma = 0.",
    )

    pull: float = 4.0
    """eta k h."""
    stiffness: float = 50.0
    """Of coordinate 1 against coordinate 2, by the metric."""
    q: float = 10.0
    """Radians per unit time."""
    j: float = 10.0
    """Decay per unit time."""

    def evidence(self, effort: Effort) -> Evidence:
        """Positions on the way, and ends."""
        r = np.sqrt(self.pull)
        turn = np.array(
            [
                [np.cos(self.q * SOON), -np.sin(self.q * SOON)],
                [np.sin(self.q * SOON), np.cos(self.q * SOON)],
            ]
        )
        spiral_end = self.pull / (self.pull + self.q**2) * Z
        decay_end = self.pull / (self.pull + self.j**2) * Z
        decayed = np.exp(-np.sqrt(self.pull + self.j**2) * SOON)
        along = np.exp(-r * np.sqrt([self.stiffness, 1.0]) * SOON)
        positions = (
            Z + np.exp(-r * SOON) * (START - Z),
            Z + along * (START - Z),
            spiral_end + np.exp(-r * SOON) * turn @ (START - spiral_end),
            decay_end + decayed * (START - decay_end),
        )
        checks = [
            check
            for panel, position in zip(PANELS, positions, strict=True)
            for check in position_checks(panel, position)
        ]
        checks += [
            # Riccati to rounding, the environment as above.
            agree(
                f"{panel}: theta 2 where the path ends",
                1e-10,
                closed=float(end[1]),
                solver=float(solution(panel).end_point(Z)[1]),
                simulated=float(seen_at(panel, 8.0, 0.004)[1]),
                sampling=1e-5,
            )
            for panel, end in zip(list(PANELS)[2:], (spiral_end, decay_end), strict=True)
        ]
        checks.append(
            at_least(
                "(c): the path's end over the notebook's mark",
                50.0,
                solver=float(solution("(c) rotation, q = 10").end_point(Z)[1] / notebook_mark()[1]),
            )
        )
        return Evidence(tuple(checks), draw)


def position_checks(panel: str, position: Array) -> list[Check]:
    """Both coordinates on the way: closed form, the Riccati solution's field, and environment."""
    found = solution(panel)
    values, vectors = np.linalg.eig(found.C)
    end = found.end_point(Z)
    flow = (vectors * np.exp(SOON * values) @ np.linalg.inv(vectors)).real
    solved = end + flow @ (START - end)
    seen = seen_at(panel, SOON, 0.002)
    # The environment's next term is dt^2 times the cube of rates up to 14, times 0.1: 1e-3.
    return [
        agree(
            f"{panel}: theta {i + 1} at time {SOON:g}",
            1e-9,
            closed=float(position[i]),
            solver=float(solved[i]),
            simulated=float(seen[i]),
            sampling=1e-3,
        )
        for i in range(2)
    ]


@cache
def solution(panel: str) -> ContinuousSolution:
    """The optimum in continuous time."""
    problem = PAPER.replace(**PANELS[panel])
    F, G = problem.dynamics_matrix, problem.metric_matrix
    return continuous_riccati(4.0 * np.eye(2), F=F, G=G, gamma=0.0)


@cache
def seen_at(panel: str, time: float, dt: float) -> Array:
    """Where the path is at a time, in the environment, as the time step goes to 0."""
    return at_zero_step(lambda step: path(panel, step, time)[-1], dt)


def path(panel: str, dt: float, time: float) -> Array:
    """The optimal path in the environment, (steps + 1, 2)."""
    problem = replace(PAPER, dt=dt, episode_steps=round(time / dt)).replace(**PANELS[panel])
    return trace(problem, LinearQuadraticPolicy(problem)).theta[:, 0]


def notebook_mark() -> Array:
    """The point marked as the end of panel (c)'s path."""
    return 4.0 / (4.0 + 100.0) ** 2 * Z


def draw() -> Figure:
    """The velocity field and the path of each panel."""
    figure, axes = panels(2, 4.0, rows=2)
    grid = np.linspace(-2, 2, 81)
    x, y = np.meshgrid(grid, grid)
    coarse = np.linspace(-1.8, 1.8, 10)
    field = np.stack(np.meshgrid(coarse, coarse), axis=-1)
    for panel, each in zip(PANELS, axes, strict=True):
        contours(each, grid, grid, x**2 + (y + 0.5) ** 2)
        found = solution(panel)
        end = found.end_point(Z)
        velocity = (field - end) @ found.C.T
        speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
        arrows = velocity / np.maximum(speed, 1e-12)
        each.quiver(*field.T, *arrows.T, color=GREYS[3], scale=16, width=0.005)
        each.plot(*path(panel, 0.002, 4.0).T, color=BLUE, linewidth=1.8)
        mark(each, START, "start")
        mark(each, Z, "minimum")
        each.plot(*end, "X", color=VERMILION, markersize=9, zorder=6, markeredgecolor="white")
        each.set_aspect("equal")
        each.set(xlim=(-2, 2), ylim=(-2, 2))
        label(each, panel, "theta 1", "theta 2")
    axes[0].plot([], [], "X", color=VERMILION, label="the path's end")
    mark(axes[0], (np.nan, np.nan), "minimum", "the loss's minimum")
    axes[0].legend(fontsize=8.5, loc="lower left", framealpha=0.9)
    return figure
