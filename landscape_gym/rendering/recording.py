"""`Recording`: keeps the paths of a simulation's rows and has them drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from gymnasium.error import ResetNeeded

from landscape_gym.landscapes import take
from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.snapshot import Snapshot
from landscape_gym.simulation import Simulation

HIGHEST = 1e100
"""Heights beyond it are not drawn, as infinite ones are not: sums and powers of ten overflow."""


@dataclass
class Trail:
    """What is kept of one row's episode; see `Snapshot`."""

    path: list[Array] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    began: int = 0


class Recording:
    """Keeps the paths of a simulation's rows and draws them, one after another on one figure.

    Args:
        simulation: What is recorded, from the first `begin` on.

    Raises:
        ImportError: without matplotlib.
    """

    def __init__(self, simulation: Simulation) -> None:
        """Make trails without points; the figure is made with the first frame."""
        # Not at the head of the file: matplotlib is optional, and takes long to import.
        from landscape_gym.rendering.views import View, view_of

        self._view_of, self._view = view_of, cast(View | None, None)
        rows, dim = simulation.num_rows, simulation.problem.dim
        self.simulation = simulation
        self._trails = [Trail() for _ in range(rows)]
        self._low, self._high = np.empty((rows, dim)), np.empty((rows, dim))
        # Counters, by which a view knows whether what it drew of a row still holds.
        self._task, self._landscape = np.zeros(rows, int), np.zeros(rows, int)

    def begin(self, rows: Array) -> None:
        """Forget the paths of some rows: their episodes begin."""
        for row in rows:
            self._trails[row] = Trail()
        self._low[rows], self._high[rows] = np.inf, -np.inf
        self._task[rows] += 1
        self._landscape[rows] += 1
        self._append(rows)

    def record(self, still: Array | None = None) -> None:
        """Append where each row is now, but for rows that are `still` after their end."""
        state, rows = self.simulation.state, np.arange(self.simulation.num_rows)
        if still is not None:
            rows = rows[~still]
        self._append(rows)
        switched = rows[state.switched[rows]]
        for row in switched:
            self._trails[row].began = len(self._trails[row].path) - 1
        self._task[switched] += 1
        self._landscape[switched if state.shift is None else rows] += 1

    def frame(self, row: int) -> Array:
        """The picture of one row, (height, width, 3) bytes.

        Raises:
            ResetNeeded: before the first `begin`.
        """
        trail, simulation = self._trails[row], self.simulation
        landscape = simulation.problem.landscape
        if not trail.path:
            raise ResetNeeded("call reset() before render().")
        minima = self._minima()
        floor = float(simulation.state.minimum_loss[row])

        def height(points: Array) -> Array:
            instances = take(simulation.state.instances, np.full(len(points), row))
            with np.errstate(all="ignore"):
                loss = landscape.loss(instances, points.astype(simulation.dtype))
                height = loss.astype(np.float64) - floor
                return np.where(np.abs(height) < HIGHEST, height, np.nan)

        if self._view is None:
            self._view = self._view_of(simulation.problem, known=minima is not None)
        return self._view.frame(
            Snapshot(
                row=row,
                path=np.array(trail.path),
                heights=np.array(trail.heights),
                height=height,
                shift=self._shift()[row],
                minimum=None if minima is None else minima[row],
                low=self._low[row],
                high=self._high[row],
                began=trail.began,
                task=int(self._task[row]),
                landscape=int(self._landscape[row]),
            )
        )

    def _append(self, rows: Array) -> None:
        """Append where some rows are now, and widen what their pictures have to hold."""
        state, minima = self.simulation.state, self._minima()
        theta = state.theta[rows].astype(np.float64)
        heights = state.loss[rows].astype(np.float64) - state.minimum_loss[rows]
        heights = np.clip(heights, -HIGHEST, HIGHEST)
        heights[np.abs(heights) < 1 / HIGHEST] = 0.0
        for row, point, height in zip(rows, theta, heights.tolist(), strict=True):
            self._trails[row].path.append(point)
            self._trails[row].heights.append(height)
        for points in (theta,) if minima is None else (theta, minima[rows]):
            self._low[rows] = np.minimum(self._low[rows], points)
            self._high[rows] = np.maximum(self._high[rows], points)

    def _minima(self) -> Array | None:
        """Where the minimum of each row is now, (B, dim), if known."""
        state = self.simulation.state
        minimum = self.simulation.problem.landscape.minimum(state.instances)
        if minimum is None:
            return None
        return self._shift() + minimum.location

    def _shift(self) -> Array:
        """How far each landscape has drifted, (B, dim)."""
        state = self.simulation.state
        shift = np.zeros_like(state.theta) if state.shift is None else state.shift
        return shift.astype(np.float64)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the figure: a copy draws on one of its own."""
        return {**self.__dict__, "_view": None}
