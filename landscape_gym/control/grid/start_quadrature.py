"""Expected values over a problem's starts, by Gauss's quadrature instead of sampling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import roots_hermitenorm, roots_legendre

from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem

NODES = {1: 256, 2: 64}
"""Nodes along each axis, on a line and in the plane."""


class QuadratureDraws:
    """Quadrature nodes in place of random numbers (a `landscapes.base.Draws`).

    Whatever distribution is made of one call of `normal` or `uniform` has nodes, and `weights`
    belong to them.
    """

    dtype = np.dtype(np.float64)

    def __init__(self, dim: int, *, product: bool) -> None:
        """Nodes in all directions (`product`), or the same node in every coordinate.

        The second is enough for what is a sum over coordinates.
        """
        self.dim = dim
        self.product = product
        self.count = NODES[dim if product else 1]
        self.rows = self.count**dim if product else self.count
        self.weights = np.empty(0)
        self.calls = 0

    def normal(self, *shape: int) -> Array:
        """Nodes of the standard normal distribution, (rows, dim)."""
        nodes, weights = roots_hermitenorm(self.count)
        return self._spread(nodes, weights, shape)

    def uniform(self, *shape: int) -> Array:
        """Nodes of the uniform distribution on [0, 1), (rows, dim)."""
        nodes, weights = roots_legendre(self.count)
        return self._spread((nodes + 1) / 2, weights, shape)

    def _spread(self, nodes: Array, weights: Array, shape: tuple[int, ...]) -> Array:
        self.calls += 1 if shape == (self.dim,) else 2  # anything else is no start
        weights = weights / weights.sum()
        if not self.product:
            self.weights = weights
            return np.repeat(nodes[:, None], self.dim, axis=1)
        every = lambda numbers: np.meshgrid(*[numbers] * self.dim, indexing="ij")  # noqa: E731
        self.weights = np.prod(np.stack(every(weights), axis=-1), axis=-1).ravel()
        return np.stack(every(nodes), axis=-1).reshape(-1, self.dim)


def expected_at_start(
    problem: NavigationProblem, value: Callable[[Array], Array], *, sum_over_coordinates: bool
) -> float | None:
    """Mean of value(theta) over the problem's starts, or None where it is no simple integral.

    Args:
        problem: Of at most two dimensions, or any if `value` is a sum over coordinates.
        value: From parameters (batch, d) to (batch,).
        sum_over_coordinates: Whether `value` is a sum of functions of one coordinate each.
    """
    draws = QuadratureDraws(problem.dim, product=not sum_over_coordinates)
    if problem.start is None:
        theta = problem.landscape.default_start(draws)
    else:
        theta = problem.start.sample(problem.landscape, draws)
    return float(draws.weights @ value(theta)) if draws.calls == 1 else None
