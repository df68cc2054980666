"""Himmelblau's function: four equally deep minima."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from landscape_gym.arrays import namespace
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Fixed


@dataclass(frozen=True)
class Himmelblau(Fixed):
    """``L = (x^2 + y - 11)^2 + (x + y^2 - 7)^2`` (Himmelblau 1972), 0 at four points."""

    kind: ClassVar[str] = "himmelblau"
    dim: int = field(default=2, init=False)

    @property
    def box(self) -> tuple[float, float]:
        """The usual search domain, which holds all four minima."""
        return (-5.0, 5.0)

    def location(self) -> Array:
        """(3, 2), the one of the four whose coordinates are integers."""
        return np.array([3.0, 2.0])

    def loss_and_grad(self, instances: NoInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient."""
        x, y = theta[:, 0], theta[:, 1]
        first, second = x * x + y - 11.0, x + y * y - 7.0
        grad = [4.0 * x * first + 2.0 * second, 2.0 * first + 4.0 * y * second]
        return first * first + second * second, namespace(x).stack(grad, axis=1)

    def hessian(self, instances: NoInstances, theta: Array) -> Array:
        """``[[12 x^2 + 4 y - 42, 4 (x + y)], [4 (x + y), 12 y^2 + 4 x - 26]]``."""
        x, y = theta[:, 0], theta[:, 1]
        mixed = 4.0 * (x + y)
        entries = [12.0 * x * x + 4.0 * y - 42.0, mixed, mixed, 12.0 * y * y + 4.0 * x - 26.0]
        return namespace(x).stack(entries, axis=1).reshape(-1, 2, 2)
