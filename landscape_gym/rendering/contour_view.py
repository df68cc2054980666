"""Two parameters: contours of the loss, and the path over them."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.canvas import Canvas, Markers
from landscape_gym.rendering.snapshot import Interval, Snapshot, square

SIDE = 480
RESOLUTION = 129
"""Points of the grid, a side."""
LEVELS = 13
DEPTH = 1e-6
"""Lowest level as a part of the highest, at least."""
DEEP, PALE = np.array([[40, 93, 140], [240, 246, 250]]) / 255
COLOURS = DEEP + np.linspace(0, 1, LEVELS + 1)[:, None] * (PALE - DEEP)
"""From dark blue in the valleys to near white on the heights."""


class ContourView:
    """Filled contours of a row's landscape, as it lies now, with the path.

    Args:
        box: Interval to show at least, in both coordinates.
        known: Whether the minimum is known.
    """

    def __init__(self, box: Interval, known: bool) -> None:
        """Make the figure."""
        self._box = box
        self._canvas = Canvas(SIDE, SIDE)
        self._axes = self._canvas.axes((0.13, 0.085, 0.845, 0.87), r"$\theta_1$", r"$\theta_2$")
        self._axes.set_facecolor(COLOURS[-1])
        self._title = self._canvas.title(self._axes)
        self._markers = Markers(self._canvas, self._axes, known)
        self._levels: dict[int, tuple[Any, Array]] = {}

    def frame(self, snapshot: Snapshot) -> Array:
        """The picture of a snapshot."""
        limits = square(self._box, snapshot.low, snapshot.high)
        self._axes.set(xlim=limits[0], ylim=limits[1])
        key = (snapshot.landscape, limits)
        if self._canvas.stale(snapshot.row, key):
            self._draw_contours(snapshot, limits)
        self._markers.put(snapshot.path, snapshot.began, snapshot.minimum)
        self._title.set_text(snapshot.title)
        return self._canvas.frame(snapshot.row, limits, key)

    def _draw_contours(self, snapshot: Snapshot, limits: tuple[Interval, Interval]) -> None:
        """Replace the contours by those of the snapshot's landscape."""
        x, y = (np.linspace(low, high, RESOLUTION) for low, high in limits)
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        key = (snapshot.task, limits)
        if self._levels.get(snapshot.row, (None,))[0] != key:
            # Those before it drifted: new levels with every drift would flicker.
            known = snapshot.minimum is not None
            self._levels[snapshot.row] = key, levels_of(snapshot.height(points), known)
        levels = self._levels[snapshot.row][1]
        height = snapshot.height(points - snapshot.shift).reshape(RESOLUTION, RESOLUTION)
        if not len(levels) or np.isnan(height).all():
            self._canvas.backdrop()
            return
        height = np.ma.masked_invalid(height)
        self._canvas.backdrop(
            self._axes.contourf(x, y, height, levels, colors=COLOURS, extend="both")
        )


def levels_of(height: Array, known: bool) -> Array:
    """`LEVELS` heights that show valleys and slopes: geometric in the distance from the ground.

    Args:
        height: Heights on a grid, of any shape; NaN is left out.
        known: Whether the ground is 0; else it is the least of them.

    Returns:
        Ascending heights; none where the landscape is flat, or nowhere to be drawn.
    """
    height = height[~np.isnan(height)]
    ground = height.min(initial=0.0 if known else np.inf)
    rise = height[height > ground] - ground
    if not len(rise):
        return rise
    top = rise.max()
    bottom = max(np.quantile(rise, 0.01), DEPTH * top)
    levels = ground + np.geomspace(bottom, top, LEVELS)
    return levels if (np.diff(levels) > 0).all() else np.empty(0)
