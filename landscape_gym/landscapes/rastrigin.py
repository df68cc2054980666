"""Rastrigin's function: a bowl under a regular grid of local minima."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from landscape_gym.arrays import namespace
from landscape_gym.configuration import count, number
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Separable


@dataclass(frozen=True)
class Rastrigin(Separable):
    """``L = sum_i x_i^2 + amplitude (1 - cos 2 pi x_i)``, with its minimum, 0, at the origin.

    At the usual amplitude of 10 there is a local minimum near every point of integer coordinates
    in the box (Rastrigin 1974; for any dimension, Mühlenbein et al., Parallel Computing 17, 1991).
    """

    kind: ClassVar[str] = "rastrigin"
    dim: int = 2
    """Number of parameters."""
    amplitude: float = 10.0
    """Depth of the ripples, >= 0; without any, the bowl is left."""

    def __post_init__(self) -> None:
        """Check dimension and amplitude."""
        count("rastrigin dim", self.dim)
        amplitude = number("rastrigin amplitude", self.amplitude, low=0.0)
        object.__setattr__(self, "amplitude", amplitude)

    @property
    def box(self) -> tuple[float, float]:
        """The usual search domain."""
        return (-5.12, 5.12)

    def location(self) -> Array:
        """The origin."""
        return np.zeros(self.dim)

    def values(self, theta: Array) -> Array:
        """``x^2 + 2 amplitude sin^2(pi x)``: the same, without cancellation at the minimum."""
        ripple = namespace(theta).sin(np.pi * theta)
        return theta * theta + 2.0 * self.amplitude * ripple * ripple

    def slopes(self, theta: Array) -> Array:
        """``2 x + 2 pi amplitude sin(2 pi x)``."""
        sine = namespace(theta).sin(2.0 * np.pi * theta)
        return 2.0 * theta + 2.0 * np.pi * self.amplitude * sine

    def curvature_diagonal(self, instances: NoInstances, theta: Array) -> Array:
        """``2 + 4 pi^2 amplitude cos(2 pi x)``."""
        return 2.0 + 4.0 * np.pi**2 * self.amplitude * namespace(theta).cos(2.0 * np.pi * theta)
