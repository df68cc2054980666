"""The Styblinski-Tang function: a tilted double well in every coordinate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from landscape_gym.configuration import count
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Separable


@dataclass(frozen=True)
class StyblinskiTang(Separable):
    """``L = 1/2 sum_i x_i^4 - 16 x_i^2 + 5 x_i`` (Styblinski and Tang, Neural Networks 3, 1990).

    Each coordinate has a global well near -2.9035 and a local one near 2.7468: 2^dim minima.
    """

    kind: ClassVar[str] = "styblinski_tang"
    dim: int = 2
    """Number of parameters."""

    def __post_init__(self) -> None:
        """Check the dimension."""
        count("styblinski_tang dim", self.dim)

    @property
    def box(self) -> tuple[float, float]:
        """The usual search domain."""
        return (-5.0, 5.0)

    def location(self) -> Array:
        """The smallest root of ``x^3 - 8 x + 5/4 = 0``, by the trigonometric formula for cubics."""
        angle = math.acos(15.0 / 64.0 * math.sqrt(3.0 / 8.0))
        return np.full(self.dim, -2.0 * math.sqrt(8.0 / 3.0) * math.cos(angle / 3.0))

    def values(self, theta: Array) -> Array:
        """``(x^4 - 16 x^2 + 5 x) / 2``."""
        square = theta * theta
        return 0.5 * (square * (square - 16.0) + 5.0 * theta)

    def slopes(self, theta: Array) -> Array:
        """``2 x^3 - 16 x + 5/2``."""
        return 2.0 * theta * (theta * theta - 8.0) + 2.5

    def curvature_diagonal(self, instances: NoInstances, theta: Array) -> Array:
        """``6 x^2 - 16``."""
        return 6.0 * theta * theta - 16.0
