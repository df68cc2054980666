"""One coordinate's cheapest move on a grid: where to, and at what cost.

Problem, for points ``s`` from where a coordinate moves and a worth W known at the nodes of a grid:

    E(s) = min_y  c/2 (y - s)^2 + W(y)

Notation:

    y        nodes of a uniform grid, (n,), h apart
    s        points moved from, anywhere
    c        cost of a move, metric / (eta dt)
    W        worth of the point moved to: its loss and what is still to come
    j, t     the point moved to is y_j + t h: the cell j in 0..n-2 and the fraction t in [0, 1]
    D_j      second difference of W at node j

Between nodes W is the mean of the parabolas through (j-1, j, j+1) and (j, j+1, j+2),

    W(j, t) = (1 - t) W_j + t W_{j+1} - t (1 - t)/4 (D_j + D_{j+1}),

continuous, exact for quadratics and of third order elsewhere (Fromm, J. Comput. Phys. 3, 1968). The
minimum over y is searched in the two cells at the best node; in a cell it is a parabola's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.landscapes.base import Array

BLOCK = 65_536
"""How many numbers are compared at a time: they fit a processor's cache."""


class Moves(NamedTuple):
    """The cheapest moves, (rows, sources)."""

    E: Array
    """What they cost, and what is still to come."""
    cell: Array
    """j"""
    fraction: Array
    """t"""

    def target(self, y: Array) -> Array:
        """The points moved to."""
        return y[self.cell] + self.fraction * (y[1] - y[0])


def cheapest_moves(W: Array, y: Array, s: Array, c: float, refined: bool = True) -> Moves:
    """The cheapest move for each row of W from each of the points s.

    Args:
        W: Worth at the nodes, (rows, n), n >= 3.
        y: Nodes, (n,).
        s: Points moved from, (sources,).
        c: Cost of a move, > 0.
        refined: Whether moves may end between nodes.

    Example:
        >>> y = np.linspace(-1.0, 1.0, 5)
        >>> moves = cheapest_moves(y[None] ** 2, y, np.array([0.9]), c=1.0)
        >>> moves.target(y).round(6)
        array([[0.3]])
    """
    best = np.empty((len(W), len(s)), np.intp)
    together = max(BLOCK // W.size, 1)
    from_zero = (W + c / 2 * y**2)[:, None, :]  # less c s y: the sum but for what y does not change
    for first in range(0, len(s), together):
        piece = slice(first, first + together)
        best[:, piece] = (from_zero - (c * s[piece])[:, None] * y).argmin(axis=2)
    return _at_best_node(W, y, s[None], c, best, refined)


def cheapest_move_each(W: Array, y: Array, s: Array, c: float, refined: bool = True) -> Moves:
    """The cheapest move for each row of W, (rows, n), from a point of its own, s (rows,)."""
    s = s[:, None]
    best = (W + c / 2 * (y - s) ** 2).argmin(axis=1)[:, None]
    return _at_best_node(W, y, s, c, best, refined)


def interpolation(cell: Array, fraction: Array, n: int, refined: bool) -> tuple[Array, Array]:
    """Nodes and weights, (..., 8) or (..., 2), whose sum is a table's value at points of a grid.

    Args:
        cell: j
        fraction: t; from 0 to 1, or beyond to extrapolate.
        n: Number of the grid's nodes.
        refined: With the second differences, as in the head of this file; linear otherwise.
    """
    j, t = cell, fraction
    if not refined:
        return np.stack([j, j + 1], axis=-1), np.stack([1 - t, t], axis=-1)
    left, right = _stencils(j, n)
    b = -t * (1 - t) / 4
    nodes = [j, j + 1, left, left + 1, left + 2, right, right + 1, right + 2]
    return np.stack(nodes, axis=-1), np.stack([1 - t, t, b, -2 * b, b, b, -2 * b, b], axis=-1)


def locate(y: Array, points: Array) -> tuple[Array, Array]:
    """Cell and fraction of points on a grid; beyond its ends the fraction leaves [0, 1]."""
    position = (points - y[0]) / (y[1] - y[0])
    cell = np.clip(np.floor(position).astype(np.intp), 0, len(y) - 2)
    return cell, position - cell


def _at_best_node(W: Array, y: Array, s: Array, c: float, best: Array, refined: bool) -> Moves:
    """The cheapest move to the node `best`, or into one of the cells that meet there."""
    right = np.minimum(best, len(y) - 2)
    if not refined:
        E = np.take_along_axis(W, best, axis=1) + c / 2 * (y[best] - s) ** 2
        return Moves(E, right, (best - right).astype(np.float64))
    left = np.maximum(best - 1, 0)
    a, b = (_in_cell(W, y, s, c, cell) for cell in (left, right))
    return Moves(*(np.where(a.E < b.E, x, z) for x, z in zip(a, b, strict=True)))


def _in_cell(W: Array, y: Array, s: Array, c: float, j: Array) -> Moves:
    """The cheapest move into cells j, (rows, sources)."""
    left, right = _stencils(j, len(y))
    D = W[:, 2:] - 2 * W[:, 1:-1] + W[:, :-2]
    at = lambda table, nodes: np.take_along_axis(table, nodes, axis=1)  # noqa: E731
    near = at(W, j) + c / 2 * (y[j] - s) ** 2
    far = at(W, j + 1) + c / 2 * (y[j + 1] - s) ** 2
    curvature = (at(D, left) + at(D, right)) / 2 + c * (y[1] - y[0]) ** 2
    t = (far < near).astype(np.float64)  # at an end of the cell where the parabola is not convex
    np.divide(near - far + curvature / 2, curvature, out=t, where=curvature > 0)
    t = t.clip(0, 1)
    return Moves(near + t * (far - near) - t * (1 - t) / 2 * curvature, j, t)


def _stencils(j: Array, n: int) -> tuple[Array, Array]:
    """First nodes of the parabolas that meet in cells j; at the ends of the grid the same twice."""
    return np.clip(j - 1, 0, n - 3), np.clip(j, 0, n - 3)
