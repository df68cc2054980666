"""Dynamic programming on a grid, for one coordinate or two that depend on each other.

Problem (theory sections 1 and 10):

    minimise  sum_t beta^t [ sum_i c_i/2 (y_i - s_i)^2 + l(y) ],      s = s(x),   x+ = y

Notation:

    x, y     parameters moved from and moved to, d = 1 or 2 coordinates
    s(x)     x + dt f(x), where x goes when left alone; u = (y - s)/dt
    c        metric / (eta dt), the cost of a move along each coordinate
    l        dt k (L - L_min), the loss charged after the move
    beta     exp(-gamma dt), the discount per step
    V, W     value, and worth of the point moved to: W(y) = l(y) + beta V(y)
    E(s)     min_y  sum_i c_i/2 (y_i - s_i)^2 + W(y);   Bellman's equation is V(x) = E(s(x))
    M        the matrix of V -> V at the points moved to: dV/dW of Bellman's operator

The control costs each coordinate by itself, so E takes one coordinate after the other
(moves.py). The points moved to stay on the grid's box.

The infinite horizon is solved by policy iteration, which is Newton's method: with the cheapest
moves of the present V held fixed, V + (1 - beta M)^-1 (E(s) - V) is their exact value. First moves
go from node to node, where policy iteration converges from any start; from that solution moves may
end between nodes, which takes a few more iterations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import gmres, spsolve

from landscape_gym.control.grid.moves import (
    Moves,
    cheapest_move_each,
    cheapest_moves,
    interpolation,
    locate,
)
from landscape_gym.landscapes.base import Array

ITERATIONS = 100
"""Most policy iterations."""
TOLERANCE = 1e-12
"""Largest change of the value, relative to the largest value, at which policy iteration stops."""
RESIDUAL = 1e-8
"""Relative residual of Bellman's equation up to which a solution is accepted."""


@dataclass(frozen=True)
class Grid:
    """The data of the problem, in the letters of this file's head."""

    axes: tuple[Array, ...]
    """The nodes of each coordinate, uniform."""
    l: Array
    """Loss at the nodes, (n,) or (n_1, n_2)."""
    c: tuple[float, ...]
    beta: float
    alone: Callable[[Array], Array]
    """s, from x (batch, d) to (batch, d)."""

    @property
    def nodes(self) -> Array:
        """All nodes, (n_1 n_2, d)."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, self.l.ndim)

    def coarse(self) -> Grid:
        """Every other node."""
        every_other = (slice(None, None, 2),) * self.l.ndim
        axes = tuple(axis[::2] for axis in self.axes)
        return Grid(axes, self.l[every_other], self.c, self.beta, self.alone)


class Sources(NamedTuple):
    """The points s(x) that the nodes move from, as part of a grid of their own."""

    axes: tuple[Array, ...]
    read: Any | None
    """Sparse matrix from E on `axes` to E at s(x); None where the s(x) are the grid."""
    shape: tuple[int, ...]
    """Of the nodes."""


@dataclass(frozen=True)
class GridValue:
    """The value on a grid, and the moves that it implies."""

    grid: Grid
    V: Array
    """Value at the nodes now, (1, *nodes), or at each step of a finite horizon, (T, *nodes)."""
    refined: bool
    """Whether moves may end between nodes."""
    iterations: int
    """Policy iterations, or steps of the backward recursion."""
    residual: float
    """Residual of Bellman's equation relative to the largest value."""
    stationary: bool

    @property
    def converged(self) -> bool:
        """Whether Bellman's equation holds to `RESIDUAL`."""
        return self.residual <= RESIDUAL

    def worth(self, step: int) -> Array:
        """W at the nodes, for moves at `step`."""
        if self.stationary:
            return self.grid.l + self.grid.beta * self.V[0]
        last = step + 1 == len(self.V)
        return self.grid.l if last else self.grid.l + self.grid.beta * self.V[step + 1]

    def best_move(self, x: Array, step: int = 0) -> tuple[Array, Array]:
        """Value (batch,) and point moved to (batch, d) from any x (batch, d): one step ahead.

        The minimum over the moves is taken at x itself, not interpolated between nodes, because the
        best move jumps where two ways cost the same. From outside of the box the first move enters
        it, which overestimates the value there.
        """
        g, W, s = self.grid, self.worth(step), self.grid.alone(x)
        first = g.axes[0]
        if W.ndim == 1:
            moves = cheapest_moves(W[None], first, s[:, 0], g.c[0], self.refined)
            return moves.E[0], moves.target(first).T
        second = g.axes[1]
        along_first = cheapest_moves(W.T.copy(), first, s[:, 0], g.c[0], self.refined)
        along_second = cheapest_move_each(along_first.E.T, second, s[:, 1], g.c[1], self.refined)
        nodes, weights = interpolation(
            along_second.cell[:, 0], along_second.fraction[:, 0], len(second), self.refined
        )
        W_there = np.einsum("bk,nbk->bn", weights, W[:, nodes])  # at the second coordinate found
        again = cheapest_move_each(W_there, first, s[:, 0], g.c[0], self.refined)
        targets = (again.target(first)[:, 0], along_second.target(second)[:, 0])
        return along_second.E[:, 0], np.stack(targets, axis=1)


def stationary(grid: Grid, refined: bool = True) -> GridValue:
    """The optimum of the infinite horizon, beta < 1, by policy iteration."""
    V, iterations, residual = _policy_iteration(grid, np.zeros_like(grid.l), refined=False)
    if refined:
        V, more, residual = _policy_iteration(grid, V, refined=True)
        iterations += more
    return GridValue(grid, V[None], refined, iterations, residual, stationary=True)


def finite_horizon(grid: Grid, horizon: int, refined: bool = True) -> GridValue:
    """The optimum of `horizon` steps: backward recursion from V = 0 after the last."""
    sources = _sources(grid, refined)
    values = [np.zeros_like(grid.l)]
    for _ in range(horizon):
        values.append(_bellman(grid, sources, grid.l + grid.beta * values[-1], refined)[0])
    V = np.stack(values[:0:-1])
    return GridValue(grid, V, refined, horizon, 0.0, stationary=False)


def difference(fine: GridValue, coarse: GridValue) -> float:
    """The largest difference of two grids' values now, at the nodes of the first."""
    sources = _sources(fine.grid, coarse.refined)
    return float(
        np.abs(fine.V[0] - _bellman(coarse.grid, sources, coarse.worth(0), coarse.refined)[0]).max()
    )


def _policy_iteration(grid: Grid, V: Array, refined: bool) -> tuple[Array, int, float]:
    """Value, number of iterations and residual, from a first guess at the value."""
    sources = _sources(grid, refined)
    one = eye_array(V.size, format="csr")
    residual = math.inf
    for iteration in range(1, ITERATIONS + 1):
        better, passes = _bellman(grid, sources, grid.l + grid.beta * V, refined)
        change = better - V
        residual = float(np.abs(change).max() / (np.abs(better).max() or 1.0))
        if residual <= TOLERANCE or iteration == ITERATIONS:
            return better, iteration, residual
        M = _transitions(grid, sources, passes, refined)
        V = V + _solve_sparse(one - grid.beta * M, change.ravel(), V.ndim).reshape(V.shape)
    return V, ITERATIONS, residual


def _bellman(grid: Grid, sources: Sources, W: Array, refined: bool) -> tuple[Array, list[Moves]]:
    """E(s(x)) at the nodes, and the moves of each coordinate."""
    passes = []
    for y, s, c in zip(grid.axes, sources.axes, grid.c, strict=True):
        rows = np.moveaxis(W, 0, -1)  # the coordinate to move is last, and the next one first
        moves = cheapest_moves(rows.reshape(-1, len(y)), y, s, c, refined)
        passes.append(moves)
        W = moves.E.reshape(*rows.shape[:-1], len(s))
    E = W if sources.read is None else (sources.read @ W.ravel()).reshape(sources.shape)
    return E, passes


def _transitions(grid: Grid, sources: Sources, passes: list[Moves], refined: bool) -> Any:
    """M, sparse: a row for each node x, with weights on the nodes about the point moved to."""
    M, shape = None, grid.l.shape
    for moves in passes:
        # What `_bellman` moves about are the nodes' values; here it is their numbers.
        rows = np.moveaxis(np.arange(math.prod(shape)).reshape(shape), 0, -1)
        numbers = rows.reshape(-1, shape[0])
        nodes, weights = interpolation(moves.cell, moves.fraction, shape[0], refined)
        columns = numbers[np.arange(len(numbers))[:, None, None], nodes]
        step = _sparse(columns, weights, numbers.size)
        M = step if M is None else step @ M
        shape = (*rows.shape[:-1], moves.cell.shape[1])
    return M if sources.read is None else sources.read @ M


def _sources(grid: Grid, refined: bool) -> Sources:
    """The points that the nodes move from; a grid that covers them where they are no grid."""
    s = grid.alone(grid.nodes).reshape(*grid.l.shape, grid.l.ndim)
    lines = [np.moveaxis(s[..., i], i, 0).reshape(len(y), -1) for i, y in enumerate(grid.axes)]
    if all((line == line[:, :1]).all() for line in lines):
        return Sources(tuple(line[:, 0] for line in lines), None, grid.l.shape)
    axes = []
    for line, y in zip(lines, grid.axes, strict=True):
        low, high = float(line.min()), float(line.max())
        cells = max(math.ceil((high - low) / (y[1] - y[0])), 2)
        axes.append(np.linspace(low, high, cells + 1))
    columns, weights = np.zeros((s[..., 0].size, 1), np.intp), np.ones((s[..., 0].size, 1))
    for i, axis in enumerate(axes):
        nodes, part = interpolation(*locate(axis, s[..., i].ravel()), len(axis), refined)
        columns = (columns[:, :, None] * len(axis) + nodes[:, None, :]).reshape(len(nodes), -1)
        weights = (weights[:, :, None] * part[:, None, :]).reshape(len(nodes), -1)
    read = _sparse(columns, weights, math.prod(map(len, axes)))
    return Sources(tuple(axes), read, grid.l.shape)


def _sparse(columns: Array, weights: Array, size: int) -> Any:
    """A sparse matrix with `size` columns from those of each row, (..., entries)."""
    rows, entries = columns[..., 0].size, columns.shape[-1]
    starts = np.arange(0, rows * entries + 1, entries)
    matrix = csr_array((weights.ravel(), columns.ravel(), starts), shape=(rows, size))
    matrix.sum_duplicates()
    return matrix


def _solve_sparse(A: Any, b: Array, d: int) -> Array:
    """``A^-1 b``: in the plane to the few digits that Newton's method needs, if that is quick.

    In the plane elimination fills in, while Krylov methods are quick where all modes of M decay at
    once but a few, one for each place where paths end. Default dynamics that circle have many.
    """
    if d > 1:
        x, failed = gmres(A, b, rtol=1e-6, atol=0.0, restart=60, maxiter=20)
        if not failed:
            return x
    return cast(Array, spsolve(A.tocsc(), b))
