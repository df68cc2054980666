"""How policies look in pictures, and how paths and losses are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from landscape_gym.evaluation import DO_NOTHING
from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.palette import BLACK, GREEN, OF_RULES, VERMILION
from landscape_gym.report.scene import Scene

STYLES: dict[str, dict[str, Any]] = {
    "learned": {"color": VERMILION, "linewidth": 2.4},
    "optimum": {"color": BLACK, "linewidth": 1.6, "linestyle": (0, (4, 3))},
    "LQG": {"color": BLACK, "linewidth": 1.4, "linestyle": (0, (1, 1))},
}
"""Of those that every picture shows."""
THIN = 1.4
GAPS: dict[str, Any] = {"linestyle": (0, (5, 4)), "zorder": 3}
"""Of every other line, by cost, and above the others: rules that move alike, as momentum and
Nesterov's do, both show."""
FLOOR = 1e-6
"""Losses are drawn down to this part of the first one."""


def styles(costs: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """How policies are drawn: some have a style of their own; the cheapest others have a colour.

    Of two that follow each other in cost, one has gaps.

    Args:
        costs: By name.
    """
    others = [name for name in costs if name not in STYLES and name != DO_NOTHING]
    others.sort(key=costs.__getitem__)  # those that cost the same stay in order
    coloured = {
        name: {"color": colour, "linewidth": THIN, **(GAPS if i % 2 else {})}
        for i, (name, colour) in enumerate(zip(others, OF_RULES[:5], strict=False))
    }
    return {
        name: STYLES.get(name) or coloured[name]
        for name in costs
        if name in STYLES or name in coloured
    }


def draw_scene(axes: Axes, scene: Scene, looks: Mapping[str, dict[str, Any]]) -> None:
    """Draw a landscape, and the paths that have a look, on it."""
    levels = scene.loss.min() + np.ptp(scene.loss) * np.linspace(0, 1, 16) ** 2
    axes.contourf(scene.x, scene.y, scene.loss, np.unique(levels), cmap="Greys", alpha=0.45)
    for name, look in looks.items():
        axes.plot(*scene.paths[name].T, label=name, **look)
    axes.plot(*next(iter(scene.paths.values()))[0], "o", color="black", markersize=6)
    if scene.target is not None:
        axes.plot(*scene.target, "*", color=GREEN, markersize=15)
    names = ("first", "second") if scene.dim <= 2 else ("first main", "second main")
    unit = "parameter" if scene.dim <= 2 else "direction"
    axes.set(
        title="paths in one held-out episode (dot: start, star: minimum)",
        xlabel=f"{names[0]} {unit}",
        ylabel=f"{names[1]} {unit}",
        xlim=(scene.x[0], scene.x[-1]),
        ylim=(scene.y[0], scene.y[-1]),
    )


def draw_losses(
    axes: Axes, losses: Mapping[str, Array], dt: float, looks: Mapping[str, dict[str, Any]]
) -> None:
    """Draw mean losses above the minimum, of those that have a look, over time."""
    for name, look in looks.items():
        axes.plot(dt * np.arange(len(losses[name])), losses[name], label=name, **look)
    start = max(float(losses[name][0]) for name in looks)
    lowest = min(float(losses[name].min()) for name in looks)
    axes.set(
        xlabel="time",
        ylabel="loss above the minimum",
        yscale="log",
        ylim=(max(FLOOR * start, 0.3 * lowest), 3 * start),
    )


def beside(axes: Axes) -> None:
    """A legend beside the axes, where any number of policies has room."""
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
