"""The paper's double well, on which long horizons climb out of a local minimum."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from landscape_gym.arrays import namespace
from landscape_gym.configuration import number
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Separable


@dataclass(frozen=True)
class DoubleWell(Separable):
    """``L = (x^2 - 1)^2 - tilt x + y^2`` (Vastola et al. 2025, Figure 1; theory section 10)."""

    kind: ClassVar[str] = "double_well"
    tilt: float = 0.5
    """How much lower the right well is than the left, >= 0."""

    dim: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        """Check the tilt."""
        object.__setattr__(self, "tilt", number("double_well tilt", self.tilt, low=0.0))

    @property
    def box(self) -> tuple[float, float]:
        """The square that holds both wells."""
        return (-2.0, 2.0)

    def location(self) -> Array:
        """The right well, the largest root of ``4 x (x^2 - 1) = tilt``."""
        return np.array([np.roots([4.0, 0.0, -4.0, -self.tilt]).real.max(), 0.0])

    def values(self, theta: Array) -> Array:
        """``(x^2 - 1)^2 - tilt x``, and ``y^2``."""
        x, y = theta[:, 0], theta[:, 1]
        well = x * x - 1.0
        return namespace(x).stack([well * well - self.tilt * x, y * y], axis=1)

    def slopes(self, theta: Array) -> Array:
        """``4 x (x^2 - 1) - tilt``, and ``2 y``."""
        x, y = theta[:, 0], theta[:, 1]
        return namespace(x).stack([4.0 * x * (x * x - 1.0) - self.tilt, 2.0 * y], axis=1)

    def curvature_diagonal(self, instances: NoInstances, theta: Array) -> Array:
        """``12 x^2 - 4``, and 2."""
        xp, x = namespace(theta), theta[:, 0]
        return xp.stack([12.0 * x * x - 4.0, xp.full_like(x, 2.0)], axis=1)
