"""More than two parameters: the loss over the steps, beside the path seen in its main plane."""

from __future__ import annotations

import math

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.canvas import LINE, MARKERS, PATH, Canvas, Markers
from landscape_gym.rendering.palette import GREYS
from landscape_gym.rendering.projection import Plane, project
from landscape_gym.rendering.snapshot import GROWTH, Interval, Snapshot, distance, square

WIDTH, HEIGHT = 960, 480
DECADES = 12
"""Most decades that a logarithmic axis shows below the greatest loss."""


class CurveView:
    """Loss curve and projected path of a row.

    Args:
        steps: Steps of an episode that nothing cuts short.
        known: Whether the minimum is known.
    """

    def __init__(self, steps: int, known: bool) -> None:
        """Make the figure."""
        self._canvas = Canvas(WIDTH, HEIGHT)
        quantity = "excess loss" if known else "loss"
        self._steps = self._canvas.axes((0.064, 0.085, 0.424, 0.87), "step", quantity)
        self._steps.set_xlim(0, steps)
        self._steps.grid(color=GREYS[-1], linewidth=0.5)
        self._curve = self._canvas.moving(self._steps.plot([], [], color=PATH, **LINE)[0])
        self._now = self._canvas.moving(self._steps.plot([], [], **MARKERS["now"])[0])
        self._title = self._canvas.title(self._steps)
        self._plane = self._canvas.axes(
            (0.56, 0.085, 0.424, 0.87), "first main direction", "second main direction"
        )
        self._share = self._canvas.title(self._plane)
        self._markers = Markers(self._canvas, self._plane, known)

    def frame(self, snapshot: Snapshot) -> Array:
        """The picture of a snapshot."""
        scale, ends = _axis_of(snapshot.heights, snapshot.minimum is not None)
        if scale != self._steps.get_yscale():  # setting it takes long
            self._steps.set_yscale(scale)
        self._steps.set_ylim(ends)
        self._curve.set_data(np.arange(len(snapshot.heights)), snapshot.heights)
        self._now.set_data([len(snapshot.heights) - 1], [max(snapshot.heights[-1], ends[0])])
        self._title.set_text(snapshot.title)
        plane = project(snapshot.path, snapshot.minimum)
        limits = _limits_of(plane)
        self._plane.set(xlim=limits[0], ylim=limits[1])
        self._markers.put(plane.path, snapshot.began, plane.minimum)
        self._share.set_text(f"path, {100 * plane.share:.0f} % of its variance")
        key = (scale, ends, limits)
        return self._canvas.frame(snapshot.row, key, key)


def _limits_of(plane: Plane) -> tuple[Interval, Interval]:
    """Equal intervals that hold the projected path and minimum."""
    held = plane.path if plane.minimum is None else np.vstack([plane.path, plane.minimum])
    least = (float(np.abs(held).max()) or 1.0) / 4
    least = GROWTH ** math.floor(math.log(least, GROWTH))
    return square((-least, least), held.min(axis=0), held.max(axis=0))


def _axis_of(heights: Array, known: bool) -> tuple[str, Interval]:
    """Scale and ends of the axis of a loss curve.

    Logarithmic where the loss is positive. An excess loss is so but for rounding.
    """
    low, high = float(heights.min()), float(heights.max())
    if high > 0 and (known or low > 0):
        top = math.floor(math.log10(high)) + 1
        bottom = math.floor(math.log10(heights[heights > 0].min()))
        return "log", (10.0 ** max(bottom, top - DECADES), 10.0**top)
    step = 10.0 ** math.floor(math.log10(distance(low, high)))
    return "linear", ((math.floor(low / step) - 0.5) * step, (math.ceil(high / step) + 0.5) * step)
