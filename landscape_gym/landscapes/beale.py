"""Beale's function: a flat cross with steep corners."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from landscape_gym.arrays import like, namespace
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Fixed


@dataclass(frozen=True)
class Beale(Fixed):
    """``L = sum_{k=1..3} (c_k - x (1 - y^k))^2``, c = (1.5, 2.25, 2.625) (Beale 1958).

    The minimum, 0 at (3, 1/2), is reached through a long flat valley; at the corners of the box
    the loss is of order 10^5.
    """

    kind: ClassVar[str] = "beale"
    dim: int = field(default=2, init=False)

    @property
    def box(self) -> tuple[float, float]:
        """The usual search domain."""
        return (-4.5, 4.5)

    def location(self) -> Array:
        """(3, 1/2)."""
        return np.array([3.0, 0.5])

    def loss_and_grad(self, instances: NoInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient."""
        residuals, by_x, by_y = self._residuals(theta)
        grad = [2.0 * (residuals * by).sum(axis=1) for by in (by_x, by_y)]
        return (residuals * residuals).sum(axis=1), namespace(theta).stack(grad, axis=1)

    def hessian(self, instances: NoInstances, theta: Array) -> Array:
        """``2 sum_k r_k' r_k'^T + r_k r_k''`` with ``r_k = c_k - x (1 - y^k)``."""
        residuals, by_x, by_y = self._residuals(theta)
        xp, x, y = namespace(theta), theta[:, :1], theta[:, 1:]
        one = xp.ones_like(y)
        by_xy = xp.concat([one, 2.0 * y, 3.0 * y * y], axis=1)
        by_yy = x * xp.concat([0.0 * one, 2.0 * one, 6.0 * y], axis=1)
        xx = by_x * by_x
        xy = by_x * by_y + residuals * by_xy
        yy = by_y * by_y + residuals * by_yy
        entries = [2.0 * entry.sum(axis=1) for entry in (xx, xy, xy, yy)]
        return xp.stack(entries, axis=1).reshape(-1, 2, 2)

    def _residuals(self, theta: Array) -> tuple[Array, Array, Array]:
        """``r_k`` and its derivatives by x and by y, each (batch, 3)."""
        xp, x, y = namespace(theta), theta[:, :1], theta[:, 1:]
        square = y * y
        by_x = xp.concat([y, square, square * y], axis=1) - 1.0
        by_y = x * xp.concat([xp.ones_like(y), 2.0 * y, 3.0 * square], axis=1)
        return like((1.5, 2.25, 2.625), theta) + x * by_x, by_x, by_y
