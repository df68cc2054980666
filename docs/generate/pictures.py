"""Pictures of the double well: which horizons climb out of the near well, and from where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.generate.effort import Effort
from docs.generate.wells import GLOBAL_MINIMUM, LOCAL_MAXIMUM, LOCAL_MINIMUM, START, double_well
from landscape_gym.control import GridSolution, critical_discount, grid_solution
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.rendering.palette import BLACK, BLUE, GREEN, GREYS, ORANGE, VERMILION, YELLOW
from landscape_gym.rendering.png import save

DISCOUNTS = {0.1: BLUE, 0.5: GREEN, 1.0: ORANGE, 2.0: VERMILION}
"""Colours of discount rates, cold where the path crosses."""
DASHES = {0.1: "-", 0.5: (0, (6, 2)), 1.0: "-", 2.0: (0, (3, 2))}
GREY, PALE = GREYS[1], GREYS[5]
DPI = 100
PAPER_START = np.array([[-0.6, 0.55]])
"""Of the paper's Figure 1."""
STEPS = 60
STEEPEST = 5.0
"""The largest discount rate in the picture of critical ones."""


def save_discounts(path: Path, effort: Effort) -> None:
    """Values over the loss along x, and paths over time, for four discount rates."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    x = np.linspace(-1.7, 1.7, 341)
    line = np.stack([x, np.zeros_like(x)], axis=1)
    loss = excess_loss(line)
    left.fill_between(x, loss, color=PALE, label="loss above the minimum")
    for gamma, solution in solutions(effort.points).items():
        look = style(gamma)
        left.plot(x, solution.value(line), **look)
        path_x = solution.path(START, STEPS)[:, 0, 0]
        right.plot(solution.problem.dt * np.arange(STEPS + 1), path_x, **look)
    left.axvline(START[0, 0], color=GREY, linewidth=0.8, linestyle=":")
    left.text(START[0, 0] + 0.03, 3.6, "start of the paths", color=GREY)
    left.set(
        title="The longer the horizon, the more the near well costs",
        xlabel="x",
        ylabel="value V(x): least cost from x on",
        ylim=(0, 6),
        xlim=(x[0], x[-1]),
    )
    left.legend(loc="upper right", framealpha=1)
    levels = {"far well": GLOBAL_MINIMUM, "hilltop": LOCAL_MAXIMUM, "near well": LOCAL_MINIMUM}
    end = STEPS * 0.1
    for name, height in levels.items():
        right.axhline(height, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
        right.text(0.99 * end, height + 0.03, name, color=GREY, ha="right", va="bottom")
    right.set(
        title="Long horizons climb out of it, short ones stay",
        xlabel="time",
        ylabel="optimal path x(t)",
        xlim=(0, end),
        ylim=(-1.15, 1.3),
    )
    right.legend(loc="center right", bbox_to_anchor=(0.99, 0.63))
    save(figure, path, dpi=DPI)


def save_plane(path: Path, effort: Effort) -> None:
    """The same in the plane, and up to which discount rate each start crosses."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_plane(left, effort)
    draw_critical(right, effort)
    save(figure, path, dpi=DPI)


def draw_plane(axes: Axes, effort: Effort) -> None:
    """Optimal paths from the start of the paper's Figure 1, on contours of the loss."""
    x, y = np.linspace(-1.5, 1.6, 156), np.linspace(-0.5, 0.9, 71)
    points = np.stack(np.meshgrid(x, y), axis=-1)
    loss = excess_loss(points.reshape(-1, 2)).reshape(points.shape[:2])
    axes.contourf(x, y, loss, np.linspace(0, 2.2, 12) ** 2, cmap="Greys", alpha=0.5)
    for gamma, solution in solutions(effort.points).items():
        axes.plot(*solution.path(PAPER_START, STEPS)[:, 0].T, **style(gamma))
    marks = {
        "start": (*PAPER_START[0], "o", BLACK, 6),
        "far well, the minimum": (GLOBAL_MINIMUM, 0, "*", YELLOW, 15),
        "near well": (LOCAL_MINIMUM, 0, "s", "white", 7),
    }
    for name, (x, y, marker, colour, size) in marks.items():
        outline = {"color": colour, "markersize": size, "markeredgecolor": BLACK}
        axes.plot(x, y, marker, label=name, linestyle="none", **outline)
    axes.set(
        title="Optimal paths from the start of the paper's Figure 1",
        xlabel="x",
        ylabel="y",
    )
    axes.legend(loc="lower center", ncols=2)


def draw_critical(axes: Axes, effort: Effort) -> None:
    """The discount rate up to which starts cross."""
    left = LOCAL_MAXIMUM - np.geomspace(1.27, 0.001, effort.starts)
    x = np.append(left, LOCAL_MAXIMUM + np.array([0.001, 0.1]))
    starts = np.stack([x, np.zeros_like(x)], axis=1)
    critical = critical_discount(
        double_well(), starts, high=STEEPEST, tolerance=5e-3, points=effort.coarse_points
    )
    critical = np.minimum(critical, STEEPEST)  # inf: crosses at all rates considered
    axes.fill_between(x, critical, STEEPEST, color=ORANGE, alpha=0.25, linewidth=0)
    axes.fill_between(x, critical, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(x, critical, color=BLACK, linewidth=1.6)
    axes.text(-0.6, 2.6, "stays in the near well", ha="center")
    axes.text(-0.5, 0.2, "crosses to the far well", ha="center")
    for place, name in ((LOCAL_MINIMUM, "near well"), (LOCAL_MAXIMUM, "hilltop")):
        axes.axvline(place, color=GREY, linewidth=0.8, linestyle=":")
        axes.text(place - 0.02, STEEPEST - 0.1, name, color=GREY, ha="right", va="top")
    axes.set(
        title="Nearer the hilltop, shorter horizons cross too",
        xlabel="start x",
        ylabel="critical discount rate gamma",
        xlim=(x[0], x[-1]),
        ylim=(0, STEEPEST),
    )


def solutions(points: int) -> dict[float, GridSolution]:
    """The double well solved at each discount rate."""
    return {
        gamma: grid_solution(double_well(gamma), points=points, estimate=False)
        for gamma in DISCOUNTS
    }


def excess_loss(theta: Array) -> Array:
    """Loss above the minimum, (batch,)."""
    landscape = double_well().landscape
    floor = landscape.loss(NoInstances(), np.array([[GLOBAL_MINIMUM, 0.0]]))
    return landscape.loss(NoInstances(), theta) - floor


def style(gamma: float) -> dict:
    """How lines of a discount rate look."""
    return {
        "color": DISCOUNTS[gamma],
        "linestyle": DASHES[gamma],
        "linewidth": 1.8,
        "label": f"gamma = {gamma:g}",
    }
