"""How the claims' pictures look, the same everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.canvas import MARKERS, Axes, Figure, FigureCanvasAgg
from landscape_gym.rendering.palette import BLUE, GREEN, GREYS, INK, ORANGE, PURPLE, VERMILION

SERIES: tuple[dict[str, Any], ...] = (
    {"color": BLUE, "linestyle": "-"},
    {"color": VERMILION, "linestyle": "--"},
    {"color": GREEN, "linestyle": "-."},
    {"color": PURPLE, "linestyle": ":"},
    {"color": ORANGE, "linestyle": (0, (5, 1))},
)
"""Colour and style of the first, second, .. line."""
PALE = GREYS[4]
"""Of contours and of lines that guide the eye."""


def panels(columns: int, height: float = 3.4, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure and its panels, row by row; `height` is that of one of them, in inches."""
    size = (4.1 * columns, height * rows)
    figure = Figure(figsize=size, dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for each in axes:
        each.spines[["right", "top"]].set_visible(False)
        each.tick_params(labelsize=9, colors=INK)
    return figure, axes


def label(axes: Axes, title: str, x: str = "", y: str = "", *, legend: bool = True) -> None:
    """Title, axes' names, and a legend if there are lines with names."""
    axes.set_title(title, fontsize=10, loc="left", color=INK)
    axes.set_xlabel(x, fontsize=10, color=INK)
    axes.set_ylabel(y, fontsize=10, color=INK)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8.5, framealpha=0.85, edgecolor="none")


def contours(axes: Axes, x: Array, y: Array, loss: Array) -> None:
    """Lines of equal loss, closer where the loss is low; loss is (len(y), len(x))."""
    depth = loss - loss.min()
    levels = depth.max() * np.linspace(0.03, 1.0, 14) ** 2
    axes.contour(x, y, depth, levels=levels, colors=PALE, linewidths=0.7)


def mark(axes: Axes, point: Any, kind: str, name: str | None = None) -> None:
    """A start or a minimum."""
    axes.plot(*point, zorder=5, label=name, **MARKERS[kind])
