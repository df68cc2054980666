"""One parameter: the loss over it, and the points that were visited."""

from __future__ import annotations

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.canvas import Canvas, Markers
from landscape_gym.rendering.palette import INK
from landscape_gym.rendering.snapshot import Interval, Snapshot, distance, interval

WIDTH, HEIGHT = 640, 480
RESOLUTION = 401
"""Points of the curve."""


class ProfileView:
    """The loss of a row's landscape, as it lies now, with the path on it.

    Args:
        box: Interval to show at least.
        known: Whether the minimum is known.
    """

    def __init__(self, box: Interval, known: bool) -> None:
        """Make the figure."""
        self._box = box
        self._canvas = Canvas(WIDTH, HEIGHT)
        quantity = "excess loss" if known else "loss"
        self._axes = self._canvas.axes((0.095, 0.085, 0.885, 0.87), r"$\theta$", quantity)
        self._curve = self._canvas.moving(self._axes.plot([], [], color=INK, linewidth=1.2)[0])
        self._title = self._canvas.title(self._axes)
        self._markers = Markers(self._canvas, self._axes, known, joined=False)

    def frame(self, snapshot: Snapshot) -> Array:
        """The picture of a snapshot."""
        limits = interval(self._box, float(snapshot.low[0]), float(snapshot.high[0]))
        theta = np.linspace(*limits, RESOLUTION)[:, None]
        height = snapshot.height(theta - snapshot.shift)
        path = np.column_stack([snapshot.path, snapshot.height(snapshot.path - snapshot.shift)])
        ends = _with_margin(np.append(height, path[:, 1]))
        self._axes.set(xlim=limits, ylim=ends)
        self._curve.set_data(theta[:, 0], height)
        minimum = snapshot.minimum
        if minimum is not None:
            minimum = np.append(minimum, snapshot.height((minimum - snapshot.shift)[None, :]))
        self._markers.put(path, snapshot.began, minimum)
        self._title.set_text(snapshot.title)
        key = (limits, ends)
        return self._canvas.frame(snapshot.row, key, key)


def _with_margin(values: Array) -> Interval:
    """An interval about the values that are not NaN."""
    values = values[~np.isnan(values)]
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if low > high:
        return 0.0, 1.0
    margin = 0.06 * distance(low, high)
    return low - margin, high + margin
