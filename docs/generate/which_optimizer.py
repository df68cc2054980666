"""Write docs/which-optimizer.md's map and table: ``python -m docs.generate.which_optimizer``.

Which form of rule is right where a target drifts: exact stationary costs (`baselines.stationary`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    from baselines.pages import ROOT, markdown, source, write_between_markers
    from baselines.stationary import FORMS, drifting, over_told
    from landscape_gym.command_line import parsed
    from landscape_gym.rendering.palette import INK
    from landscape_gym.rendering.png import save

PAGE = ROOT / "docs" / "which-optimizer.md"
COMMAND = "python -m docs.generate.which_optimizer"
FILTERS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""eps at the middle curvature: columns."""
CONTROLS = (0.03, 0.1, 0.3, 0.6, 0.9, 0.99)
"""The control's part of the way in a step: rows, from below."""
DRIFTS = (-1.0, 0.0, 1.0)
"""p: panels from the left."""
METRICS = {"G = 1": False, "G = H": True}
"""Rows of panels."""
LEVEL = 0.01
"""A simpler rule is as good if it costs so much more at the most."""
COLOURS = {
    "gradient descent": "#56b4e9",
    "heavy ball": "#0072b2",
    "RMSprop": "#f0b35c",
    "Adam": "#d55e00",
    "natural gradient": "#009e73",
}
LUMINANCE, DARK = np.array([0.3, 0.59, 0.11]), 0.52
"""Weights of red, green and blue, and below which sum numbers are white."""
SHOWN = ((0.01, 0.99), (0.1, 0.99), (0.01, 0.1), (0.1, 0.1))
"""Cells of the table: eps and speed."""


@dataclass(frozen=True)
class Options:
    """Write the page's generated parts."""

    quick: bool = False
    """Whether to compute three cells of each panel, for a test."""
    page: Path = PAGE
    """What to write into."""


def cell(eps: float, speed: float, p: float, *, shaped: bool) -> dict[str, float]:
    """Cost of the best rule of each form over LQG, told each curvature."""
    setting = drifting(eps, speed, p, shaped=shaped)
    return {name: over_told(setting, form) for name, form in FORMS.items()}


def right_one(costs: dict[str, float]) -> str:
    """The simplest form that costs, within `LEVEL`, as little as any."""
    least = min(costs.values())
    return next(name for name, cost in costs.items() if cost <= (1 + LEVEL) * least)


def draw(axes: Any, p: float, filters: Sequence[float], *, shaped: bool) -> None:
    """A panel: the right form's colour, paler the more it loses, and its cost over LQG."""
    for i, eps in enumerate(filters):
        for j, speed in enumerate(CONTROLS if len(filters) > 1 else CONTROLS[::2]):
            costs = cell(eps, speed, p, shaped=shaped)
            name = right_one(costs)
            faded = min((costs[name] - 1) / 0.5, 1.0) * 0.75
            colour = (1 - faded) * np.array(to_rgb(COLOURS[name])) + faded
            axes.add_patch(
                Rectangle((i - 0.48, j - 0.48), 0.96, 0.96, color=tuple(colour), linewidth=0)
            )
            ink = INK if colour @ LUMINANCE > DARK else "white"
            axes.text(i, j, f"{costs[name]:.2f}", ha="center", va="center", fontsize=7, color=ink)
    axes.set(xlim=(-0.5, len(FILTERS) - 0.5), ylim=(-0.5, len(CONTROLS) - 0.5))
    axes.set_xticks(range(len(FILTERS)), [f"{eps:g}" for eps in FILTERS], fontsize=7)
    axes.set_yticks(range(len(CONTROLS)), [f"{speed:g}" for speed in CONTROLS], fontsize=7)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def save_map(path: Path, filters: Sequence[float]) -> None:
    """Draw the map; the same bytes each time."""
    figure = Figure(figsize=(8.4, 6.0), layout="constrained")
    grid = figure.subplots(len(METRICS), len(DRIFTS), sharex=True, sharey=True)
    for row, (metric, shaped) in zip(grid, METRICS.items(), strict=True):
        for axes, p in zip(row, DRIFTS, strict=True):
            draw(axes, p, filters, shaped=shaped)
        row[0].set_ylabel(f"{metric}\nspeed of control", fontsize=8)
    titles = ("drift as h (p = -1)", "drift alike (p = 0)", "drift as 1/h (p = 1)")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=9, loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("speed of the filter, eps", fontsize=8)
    patches = [Patch(color=colour, label=name) for name, colour in COLOURS.items()]
    figure.legend(handles=patches, loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    path.parent.mkdir(exist_ok=True)
    save(figure, path, colours=64)


def table() -> str:
    """All five forms, in a few cells."""
    rows = [
        (metric, f"{p:g}", f"{eps:g}", f"{speed:g}", *_row(cell(eps, speed, p, shaped=shaped)))
        for metric, shaped in METRICS.items()
        for p in DRIFTS
        for eps, speed in SHOWN
    ]
    return markdown(("metric", "p", "eps", "control", *FORMS), rows)


def _row(costs: dict[str, float]) -> list[str]:
    right = right_one(costs)
    return [f"**{x:.3f}**" if name == right else f"{x:.3f}" for name, x in costs.items()]


@program("python -m docs.generate.which_optimizer", "The page is as it was.")
def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line, and write."""
    options = parsed(Options, argv, prog=COMMAND, description=__doc__)
    write_between_markers(options.page, {"forms": ""}, check_only=True)
    images = options.page.parent / "images"
    save_map(images / "which-optimizer.png", FILTERS[:1] if options.quick else FILTERS)
    write_between_markers(options.page, {"forms": f"{source(COMMAND)}.\n\n{table()}"})


if __name__ == "__main__":
    sys.exit(main())
