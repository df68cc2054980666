"""A matplotlib figure that draws again only what moves, and the look of all pictures."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from landscape_gym.extras import needed_by
from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.palette import GOLD, INK, PEACH, VERMILION

with needed_by(__name__):
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

DPI = 100
PATH, PAST, STAR = VERMILION, PEACH, GOLD
"""Vermilion stands out from blues in every colour vision."""
OUTLINED = {"linestyle": "none", "markeredgecolor": INK, "markeredgewidth": 0.8}
MARKERS: dict[str, dict[str, Any]] = {
    "start": {"marker": "o", "markersize": 7.5, "color": "white", **OUTLINED},
    "minimum": {"marker": "*", "markersize": 15, "color": STAR, **OUTLINED},
    "now": {"marker": "o", "markersize": 6, "color": PATH, **OUTLINED},
}
"""From the lowest to the uppermost, of sizes such that none hides another."""
LEGEND = ("start", "now", "minimum")
LINE = {"linewidth": 1.6, "solid_joinstyle": "round"}
POINTS = {"linestyle": "none", "marker": ".", "markersize": 4}


class Canvas:
    """A figure in three layers: axes, a backdrop on them, and what moves from frame to frame.

    Axes and backdrop take long to draw; what they looked like is kept, the backdrop for each row.

    Args:
        width: Pixels.
        height: Pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        """Make an empty figure."""
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        self._agg = FigureCanvasAgg(self._figure)
        self._backdrop: list[Any] = []
        self._moving: list[Any] = []
        self._axes_drawn: tuple[Hashable, Array] = (None, np.empty(0))
        self._drawn: dict[int, tuple[Hashable, Array]] = {}

    def axes(self, place: tuple[float, float, float, float], xlabel: str, ylabel: str) -> Axes:
        """Axes at (left, bottom, width, height), in fractions of the figure."""
        axes = self._figure.add_axes(place)
        axes.tick_params(labelsize=8, colors=INK, width=0.6, length=3)
        axes.tick_params(which="minor", width=0.4, length=1.5)
        axes.spines[:].set(linewidth=0.6, color=INK)
        axes.set_xlabel(xlabel, color=INK, fontsize=9.5)
        axes.set_ylabel(ylabel, color=INK, fontsize=9.5)
        # Where labels would go by themselves depends on the ticks, and takes long to find out.
        width, height = axes.get_window_extent().size
        axes.xaxis.set_label_coords(0.5, -24 / height)
        axes.yaxis.set_label_coords(-40 / width, 0.5)
        return axes

    def title(self, axes: Axes) -> Any:
        """A text above the axes, on the left, that may change from frame to frame."""
        style = {"transform": axes.transAxes, "fontsize": 9, "color": INK}
        return self.moving(axes.text(0, 1.015, "", **style))

    def moving(self, artist: Any) -> Any:
        """Have an artist drawn in every frame, after those that are moving already."""
        artist.set_animated(True)
        self._moving.append(artist)
        return artist

    def backdrop(self, *artists: Any) -> None:
        """Replace what lies on the axes under all that moves."""
        for artist in self._backdrop:
            artist.remove()
        for artist in artists:
            artist.set_animated(True)
        self._backdrop = list(artists)

    def stale(self, row: int, key: Hashable) -> bool:
        """Whether the row's backdrop was not last drawn for this key."""
        return row not in self._drawn or self._drawn[row][0] != key

    def frame(self, row: int, axes_key: Hashable, key: Hashable) -> Array:
        """The picture, (height, width, 3) bytes.

        Args:
            row: Whose backdrop it is.
            axes_key: Equal to an earlier one if the axes are as they were then.
            key: Equal to the row's last one if axes and backdrop are as they were then.
        """
        if self.stale(row, key):
            if self._axes_drawn[0] != axes_key:
                self._agg.draw()
                self._axes_drawn = axes_key, self._pixels().copy()
            self._pixels()[...] = self._axes_drawn[1]
            self._draw(self._backdrop)
            self._drawn[row] = key, self._pixels().copy()
        self._pixels()[...] = self._drawn[row][1]
        self._draw(self._moving)
        return self._pixels()[..., :3].copy()

    def _pixels(self) -> Array:
        """The figure's own pixels, (height, width, 4)."""
        return np.asarray(self._agg.buffer_rgba())

    def _draw(self, artists: list[Any]) -> None:
        for artist in artists:
            artist.axes.draw_artist(artist)


class Markers:
    """The path with its start, its present end and the minimum, and a legend of these.

    Args:
        canvas: What draws them.
        axes: Where they move.
        known: Whether the minimum is known.
        joined: Whether the path is a line, or its points.
    """

    def __init__(self, canvas: Canvas, axes: Axes, known: bool, joined: bool = True) -> None:
        """Make the artists, without data."""
        style = LINE if joined else POINTS
        self._past, self._path = (
            canvas.moving(axes.plot([], [], color=color, **style)[0]) for color in (PAST, PATH)
        )
        self._spots = {
            name: canvas.moving(axes.plot([], [], label=name, **look)[0])
            for name, look in MARKERS.items()
            if known or name != "minimum"
        }
        axes.legend(
            handles=[self._spots[name] for name in LEGEND if name in self._spots],
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.0,
            borderpad=0.35,
            ncols=len(self._spots),
            frameon=False,
            fontsize=8,
            labelcolor=INK,
            handlelength=1.5,
            handletextpad=0.3,
            columnspacing=0.8,
        )

    def put(self, path: Array, began: int, minimum: Array | None) -> None:
        """Move them: `path` (n, 2), of which what comes before `began` is pale, `minimum` (2,)."""
        self._past.set_data(*path[: began + 1].T)
        self._path.set_data(*path[began:].T)
        spots = {"start": path[0], "minimum": minimum, "now": path[-1]}
        for name, line in self._spots.items():
            line.set_data(*np.reshape(spots[name], (2, 1)))
