"""Ackley's function: a nearly flat outer region with ripples, and a funnel in the middle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from landscape_gym.arrays import like, namespace
from landscape_gym.configuration import count
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Fixed


@dataclass(frozen=True)
class Ackley(Fixed):
    """``L = 20 (1 - exp(-r / 5)) + e - exp(m)``, r = rms(x), m = mean_i cos(2 pi x_i).

    (Ackley 1987.) The minimum, 0 at the origin, is the tip of a cone, where the loss has no
    gradient: here it is 0 there. The Hessian grows as 1 / r towards the tip; at the tip itself
    only the part of exp(m) is returned.
    """

    kind: ClassVar[str] = "ackley"
    dim: int = 2
    """Number of parameters."""

    def __post_init__(self) -> None:
        """Check the dimension."""
        count("ackley dim", self.dim)

    @property
    def box(self) -> tuple[float, float]:
        """The part with the funnel; beyond it the function is a rippled plateau."""
        return (-5.0, 5.0)

    def location(self) -> Array:
        """The origin."""
        return np.zeros(self.dim)

    def loss_and_grad(self, instances: NoInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient; expm1 and sin^2 keep the loss exact near the minimum."""
        xp, (radius, direction) = namespace(theta), self._polar(theta)
        falling = xp.expm1(-0.2 * radius)
        sines = xp.sin(np.pi * theta)
        rippling = xp.expm1(-2.0 * xp.mean(sines * sines, axis=1))  # exp(m - 1) - 1
        ripple = (2.0 * np.pi * math.e / self.dim) * xp.sin(2.0 * np.pi * theta)
        grad = 4.0 * (1.0 + falling)[:, None] * direction + (1.0 + rippling)[:, None] * ripple
        return -20.0 * falling - math.e * rippling, grad

    def hessian(self, instances: NoInstances, theta: Array) -> Array:
        """``4 e^(-r/5) (r'' - r' r'^T / 5) + e^m (diag(4 pi^2 cos(2 pi x) / dim) - m' m'^T)``."""
        xp, (radius, direction) = namespace(theta), self._polar(theta)
        eye = like(np.eye(self.dim), theta)
        outer = direction[:, :, None] * direction[:, None, :]
        away = radius > 0.0
        inverse = (xp.astype(away, theta.dtype) / xp.where(away, radius, 1.0))[:, None, None]
        cone = (eye / self.dim - outer) * inverse - 0.2 * outer
        angles = 2.0 * np.pi * theta
        slope = -2.0 * np.pi / self.dim * xp.sin(angles)
        waves = (4.0 * np.pi**2 / self.dim) * xp.cos(angles)[:, :, None] * eye
        waves = waves - slope[:, :, None] * slope[:, None, :]
        height = xp.exp(xp.mean(xp.cos(angles), axis=1))
        return 4.0 * xp.exp(-0.2 * radius)[:, None, None] * cone + height[:, None, None] * waves

    def _polar(self, theta: Array) -> tuple[Array, Array]:
        """``r`` (batch,) and its gradient ``x / (dim r)`` (batch, dim), 0 at the origin."""
        xp, square = namespace(theta), theta * theta
        square = xp.mean(square, axis=1)
        safe = xp.sqrt(xp.where(square > 0.0, square, 1.0))
        radius = xp.where(square > 0.0, safe, 0.0)
        return radius, theta / (self.dim * safe[:, None])
