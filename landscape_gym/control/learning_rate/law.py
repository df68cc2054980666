"""Dynamic programming for the learning rate (notation in `bowl`).

    V(x) = min_a  E[ c/2 a^2 + q/2 |e+|^2 + beta V(|e+|) ]

What is known when a is chosen decides where the minimum stands: outside of the mean where x alone
is known; inside where the gradient's noise is seen too; and where nothing is seen, the mean square
of x is the state, and moves by means. V is a cubic spline through its values at equidistant nodes.
Policies are improved at a grid of rates and between them by parabolas, and evaluated by solving
linear equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.interpolate import CubicSpline

from landscape_gym.control.learning_rate.bowl import Bowl, Nodes
from landscape_gym.landscapes.base import Array

Known = Literal["nothing", "distance", "noise"]
"""Nothing but the time; how far the minimum is; the gradient's noise, too."""
POINTS = 201
"""Nodes of the value."""
RATES = 65
"""Rates that are tried at each."""
MOST = 60
"""Improvements of a policy, at the most."""
TOLERANCE = 1e-10
"""Relative change of the value at which a policy counts as the best."""


@dataclass(frozen=True, eq=False)
class Law:
    """The best learning rate for whoever knows so much."""

    bowl: Bowl
    known: Known
    nodes: Nodes
    x: Array
    """Nodes of the value, (N,)."""
    V: Array
    """Least cost from there on, (N,)."""
    a: Array
    """Best a, (N, 1), or (N, n) for each node of the noise where that is seen."""
    residual: float
    """Relative change of the value in the last improvement."""

    @property
    def converged(self) -> bool:
        """Whether improving the policy changes nothing any more."""
        return self.residual < TOLERANCE

    def value(self, x: Array) -> Array:
        """Least cost from distances x on, like x."""
        return _Line(self.x, self.V)(x)

    def rate(self, x: Array) -> Array:
        """The best learning rate at distances x, like x, of a law that does not see the noise."""
        a = CubicSpline(self.x, self.a[:, 0])(np.minimum(x, self.x[-1]))
        return a / self.bowl.dt

    def best(self, x: Array, along: Array, across: Array) -> tuple[Array, Array]:
        """Learning rate, and least cost from now on, where the gradient is seen, (B,) each.

        Args:
            x: Distances, (B,).
            along: The gradient's component along the error, (B,).
            across: Square of what is across, (B,).
        """
        bowl, V = self.bowl, _Line(self.x, self.V)
        a = np.linspace(-1, 1, RATES) * _largest(bowl, x, V)[:, None]

        def cost(a: Array) -> Array:
            square = (x[:, None] - a * along[:, None]) ** 2 + a**2 * across[:, None]
            return _cost(bowl, a, np.sqrt(square), V)

        best = _vertex(a, cost(a))[:, None]
        return best[:, 0] / bowl.dt, cost(best)[:, 0]

    def cost(self, steps: int | None = None) -> float:
        """Expected discounted cost of an episode, of so many steps or without end."""
        bowl = self.bowl
        if self.known == "nothing":
            starts, weights = np.array([np.sqrt(bowl.mean_square)]), np.ones(1)
        else:
            starts, weights = bowl.starts()
        if steps is None:
            return float(weights @ self.value(starts))
        paid, moves = _followed(bowl, self.nodes, self.x, self.a)
        V = np.zeros_like(self.V)
        for _ in range(steps):
            V = paid + bowl.beta * moves @ V
        return float(weights @ _Line(self.x, V)(starts))


class _Line:
    """A spline that goes on straight past its last node."""

    def __init__(self, x: Array, V: Array) -> None:
        self._spline, self._last = CubicSpline(x, V), x[-1]
        self._slope = float(self._spline(self._last, 1))

    def __call__(self, x: Array) -> Array:
        inside = np.minimum(x, self._last)
        return self._spline(inside) + self._slope * (x - inside)


def best_law(bowl: Bowl, known: Known, points: int = POINTS) -> Law:
    """The best law for whoever knows so much.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> bowl = Bowl.of(REGIMES["learning-speed"].problem)
        >>> [round(best_law(bowl, known).cost(), 2) for known in ("nothing", "distance")]
        [0.75, 0.56]
    """
    nodes = Nodes.mean(bowl.dim) if known == "nothing" else Nodes.of(bowl.dim)
    x = np.linspace(0.0, bowl.farthest, points)
    V = bowl.q / 2 * x**2 / (1 - bowl.beta)  # of doing nothing
    residual, a = np.inf, np.zeros((points, 1))
    for _ in range(MOST):
        a = _improved(bowl, nodes, x, V, known)
        paid, moves = _followed(bowl, nodes, x, a)
        old, V = V, np.linalg.solve(np.eye(points) - bowl.beta * moves, paid)
        residual = float(np.abs(V - old).max() / np.abs(V).max())
        if residual < TOLERANCE:
            break
    return Law(bowl, known, nodes, x, V, a, residual)


def _improved(bowl: Bowl, nodes: Nodes, x: Array, V: Array, known: Known) -> Array:
    """The best a against a value, (N, 1), or (N, n)."""
    line = _Line(x, V)
    largest = _largest(bowl, x, line)
    if known == "noise":
        a = np.linspace(-1, 1, RATES)[None, :] * largest[:, None]
    else:  # never uphill, nor past the minimum
        a = np.linspace(0, 1, RATES)[None, :] * np.minimum(largest, 1 / bowl.h)[:, None]
    a = a[:, :, None]
    cost = _cost(bowl, a, bowl.moved(x[:, None, None], a, nodes), line)
    if known == "noise":
        every = np.broadcast_to(a, cost.shape)
        return _vertex(every.swapaxes(1, 2), cost.swapaxes(1, 2))
    return _vertex(a[:, :, 0], cost @ nodes.weights)[:, None]


def _followed(bowl: Bowl, nodes: Nodes, x: Array, a: Array) -> tuple[Array, Array]:
    """Cost of a step (N,), and the matrix (N, N) that takes values to their means after it."""
    after = bowl.moved(x[:, None], a, nodes)
    paid = (bowl.c / 2 * a**2 + bowl.q / 2 * after**2) @ nodes.weights
    each = _Basis(x)(after.ravel()).reshape(*after.shape, len(x))
    return paid, np.einsum("n,inj->ij", nodes.weights, each)


class _Basis:
    """What each node's value adds to the spline at points: (points, N)."""

    def __init__(self, x: Array) -> None:
        self._splines, self._last = CubicSpline(x, np.eye(len(x))), x[-1]

    def __call__(self, x: Array) -> Array:
        inside = np.minimum(x, self._last)
        slope = self._splines(self._last, 1)
        return self._splines(inside) + (x - inside)[:, None] * slope


def _cost(bowl: Bowl, a: Array, after: Array, V: _Line) -> Array:
    """Of moving by a to distances `after`, and of what comes after."""
    return bowl.c / 2 * a**2 + bowl.q / 2 * after**2 + bowl.beta * V(after)


def _largest(bowl: Bowl, x: Array, V: _Line) -> Array:
    """What a never exceeds, (N,): more would cost more than standing still."""
    return np.sqrt(2 / bowl.c * (bowl.q / 2 * x**2 + bowl.beta * np.maximum(V(x), 0.0))) + 1e-12


def _vertex(a: Array, cost: Array) -> Array:
    """Where the parabola through the least of costs (..., A) and its neighbours is least, (...)."""
    at = np.clip(cost.argmin(-1), 1, cost.shape[-1] - 2)[..., None]
    below, here, above = (np.take_along_axis(cost, at + i, -1)[..., 0] for i in (-1, 0, 1))
    here_a = np.take_along_axis(a, at, -1)[..., 0]
    width = np.take_along_axis(a, at + 1, -1)[..., 0] - here_a
    bend = np.maximum(below - 2 * here + above, 1e-300)
    return here_a + width * np.clip(0.5 * (below - above) / bend, -1.0, 1.0)
