"""A strict saddle at the origin, between minima of known depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from landscape_gym.arrays import namespace
from landscape_gym.configuration import count, number
from landscape_gym.landscapes.base import Array, Draws, NoInstances
from landscape_gym.landscapes.fixed import Separable


@dataclass(frozen=True)
class Saddle(Separable):
    """Quartic wells along some coordinates, a bowl along the others.

    ``L = escape/4 sum_{i <= descending} (x_i^2 - 1)^2 + 1/2 sum_{i > descending} x_i^2``

    The Hessian at the origin is diag(-escape, .., 1, ..): a strict saddle, of loss
    ``escape/4 descending``. The loss is 0, its minimum, where each descending coordinate is 1 or
    -1 and the others are 0. From a start near the saddle, gradient descent spends a time of
    ``log(1 / distance) / escape`` on it.
    """

    kind: ClassVar[str] = "saddle"
    dim: int = 2
    """Number of parameters, >= 2."""
    descending: int = 1
    """How many coordinates lead down from the saddle, from 1 to dim - 1."""
    escape: float = 1.0
    """Negative curvature of the saddle along them, > 0."""

    def __post_init__(self) -> None:
        """Check that the origin is a saddle."""
        count("saddle dim", self.dim, low=2)
        count("saddle descending", self.descending)
        if self.descending >= self.dim:
            raise ValueError(
                f"saddle descending must be at most dim - 1 = {self.dim - 1}, so that some "
                f"coordinate leads up, got {self.descending}."
            )
        escape = number("saddle escape", self.escape, low=0.0, strict=True)
        object.__setattr__(self, "escape", escape)

    @property
    def box(self) -> tuple[float, float]:
        """The cube that holds the saddle and the minima."""
        return (-2.0, 2.0)

    def default_start(self, draw: Draws) -> Array:
        """Near the saddle: normal, with standard deviation 0.1."""
        return 0.1 * draw.normal(self.dim)

    def location(self) -> Array:
        """Ones along the descending coordinates, then zeros."""
        return (np.arange(self.dim) < self.descending).astype(np.float64)

    def values(self, theta: Array) -> Array:
        """``escape/4 (x^2 - 1)^2``, or ``x^2 / 2``."""
        down, up = self._parts(theta)
        well = down**2 - 1.0
        return namespace(theta).concat([0.25 * self.escape * well * well, 0.5 * up * up], axis=1)

    def slopes(self, theta: Array) -> Array:
        """``escape x (x^2 - 1)``, or x."""
        down, up = self._parts(theta)
        return namespace(theta).concat([self.escape * down * (down * down - 1.0), up], axis=1)

    def curvature_diagonal(self, instances: NoInstances, theta: Array) -> Array:
        """``escape (3 x^2 - 1)``, or 1."""
        xp, (down, up) = namespace(theta), self._parts(theta)
        return xp.concat([self.escape * (3.0 * down * down - 1.0), xp.ones_like(up)], axis=1)

    def _parts(self, theta: Array) -> tuple[Array, Array]:
        """Coordinates that lead down from the saddle, and those that lead up."""
        return theta[:, : self.descending], theta[:, self.descending :]
