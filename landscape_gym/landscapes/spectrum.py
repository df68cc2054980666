"""How the eigenvalues of a quadratic landscape's Hessian are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from landscape_gym.configuration import number
from landscape_gym.landscapes.base import Array, Draws


@dataclass(frozen=True)
class LogUniform:
    """Each eigenvalue independently log-uniform in [low, high]."""

    kind: ClassVar[str] = "log_uniform"
    low: float = 0.05
    """Smallest eigenvalue, > 0."""
    high: float = 5.0
    """Largest eigenvalue."""

    def __post_init__(self) -> None:
        """Check the range."""
        number("spectrum low", self.low, low=0.0, strict=True)
        number("spectrum high", self.high, low=self.low)

    def sample(self, draw: Draws, dim: int) -> Array:
        """Eigenvalues, (batch, dim)."""
        return self.low * (self.high / self.low) ** draw.uniform(dim)

    def quadrature(self, dim: int, points: int) -> tuple[Array, Array]:
        """Curvatures and weights of one eigenvalue's distribution (midpoints in the logarithm)."""
        middles = (np.arange(points) + 0.5) / points
        return self.low * (self.high / self.low) ** middles, np.full(points, 1.0 / points)


@dataclass(frozen=True)
class PowerLaw:
    """Eigenvalue i is ``largest * i**-exponent``, i = 1 .. dim, the same for every instance."""

    kind: ClassVar[str] = "power_law"
    largest: float = 1.0
    """Largest eigenvalue, > 0."""
    exponent: float = 1.0
    """How fast the spectrum falls, >= 0."""

    def __post_init__(self) -> None:
        """Check the range."""
        number("spectrum largest", self.largest, low=0.0, strict=True)
        number("spectrum exponent", self.exponent, low=0.0)

    def sample(self, draw: Draws, dim: int) -> Array:
        """Eigenvalues, (1, dim): shared."""
        return self.largest * np.arange(1, dim + 1)[None, :] ** -float(self.exponent)

    def quadrature(self, dim: int, points: int) -> tuple[Array, Array]:
        """The eigenvalues themselves, equally weighted."""
        return self.largest * np.arange(1, dim + 1) ** -float(self.exponent), np.full(dim, 1 / dim)


@dataclass(frozen=True)
class Conditioned:
    """Condition number log-uniform in [1, condition], largest eigenvalue log-uniform.

    The first eigenvalue is the largest, the last the smallest, those between are log-uniform
    between them.
    """

    kind: ClassVar[str] = "conditioned"
    condition: float = 100.0
    """Largest condition number, >= 1."""
    largest_low: float = 0.3
    """Smallest value of the largest eigenvalue, > 0."""
    largest_high: float = 3.0
    """Largest value of the largest eigenvalue."""

    def __post_init__(self) -> None:
        """Check the range."""
        number("spectrum condition", self.condition, low=1.0)
        number("spectrum largest_low", self.largest_low, low=0.0, strict=True)
        number("spectrum largest_high", self.largest_high, low=self.largest_low)

    def sample(self, draw: Draws, dim: int) -> Array:
        """Eigenvalues, (batch, dim)."""
        uniform = draw.uniform(dim + 1)
        return self._eigenvalues(uniform[:, 0], uniform[:, 1], uniform[:, 2:], dim)

    def _eigenvalues(self, largest: Array, condition: Array, between: Array, dim: int) -> Array:
        """Map uniform numbers in [0, 1) to eigenvalues."""
        top = self.largest_low * (self.largest_high / self.largest_low) ** largest
        fall = np.zeros((len(top), dim), dtype=top.dtype)  # 0: the largest, 1: the smallest
        fall[:, 1:-1] = between[:, : dim - 2]
        fall[:, -1] = 1.0 if dim > 1 else 0.0
        return top[:, None] * self.condition ** (-condition[:, None] * fall)

    def quadrature(self, dim: int, points: int) -> tuple[Array, Array]:
        """Curvatures and weights of the dim eigenvalues' mixture, by Gauss and Legendre's rule."""
        side = max(2, round(points ** (1 / 3)))
        nodes, weights = np.polynomial.legendre.leggauss(side)
        top, condition, between = (a.ravel() for a in np.meshgrid(*3 * [(1 + nodes) / 2]))
        w = np.prod(np.meshgrid(*3 * [weights / 2]), axis=0).ravel()
        values = self._eigenvalues(top, condition, np.tile(between[:, None], max(dim - 2, 0)), dim)
        return values.ravel(), np.repeat(w / dim, dim)


Spectrum = LogUniform | PowerLaw | Conditioned
SPECTRA: dict[str, type] = {cls.kind: cls for cls in (LogUniform, PowerLaw, Conditioned)}
