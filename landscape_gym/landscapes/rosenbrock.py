"""Rosenbrock's curved valley."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from landscape_gym.arrays import like, namespace
from landscape_gym.configuration import count
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Fixed


@dataclass(frozen=True)
class Rosenbrock(Fixed):
    """``L = sum_{i<dim} 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2`` (Rosenbrock, Comput. J. 3, 1960).

    The minimum lies at (1, .., 1) in a valley that is steep across and nearly flat along. From
    four dimensions on there is a second, local minimum near (-1, 1, .., 1).
    """

    kind: ClassVar[str] = "rosenbrock"
    dim: int = 2
    """Number of parameters, >= 2."""

    def __post_init__(self) -> None:
        """Check the dimension."""
        count("rosenbrock dim", self.dim, low=2)

    @property
    def box(self) -> tuple[float, float]:
        """The usual search domain."""
        return (-2.048, 2.048)

    def location(self) -> Array:
        """All ones."""
        return np.ones(self.dim)

    def loss_and_grad(self, instances: NoInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient."""
        xp, x = namespace(theta), theta[:, :-1]
        across, along = theta[:, 1:] - x * x, 1.0 - x
        none = xp.zeros_like(theta[:, :1])
        grad = xp.concat([-400.0 * x * across - 2.0 * along, none], axis=1)
        grad = grad + xp.concat([none, 200.0 * across], axis=1)
        return (100.0 * across * across + along * along).sum(axis=1), grad

    def hessian(self, instances: NoInstances, theta: Array) -> Array:
        """Tridiagonal: ``1200 x_i^2 - 400 x_{i+1} + 2`` (200 more from i = 2 on), and ``-400 x_i``.

        The last diagonal entry is 200.
        """
        xp, x, following = namespace(theta), theta[:, :-1], theta[:, 1:]
        none = xp.zeros_like(theta[:, :1])
        diagonal = xp.concat([1200.0 * x * x - 400.0 * following + 2.0, none], axis=1)
        diagonal = diagonal + xp.concat([none, xp.full_like(x, 200.0)], axis=1)
        beside = xp.concat([-400.0 * x, none], axis=1)[:, :, None]
        above = beside * like(np.eye(self.dim, k=1), theta)
        return diagonal[:, :, None] * like(np.eye(self.dim), theta) + above + above.mT
