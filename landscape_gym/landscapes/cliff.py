"""A plateau that ends in a cliff: almost no gradient far from the minimum, a large one near it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from landscape_gym.arrays import like, namespace
from landscape_gym.configuration import count, number
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Fixed


@dataclass(frozen=True)
class Cliff(Fixed):
    """The smooth minimum of a plateau and a steep bowl, on a slight slope towards the bowl.

    ``L = slope/2 |x|^2 + height softmin(q, 1)``, q = |x|^2 / radius^2,
    ``softmin(q, 1) = -1/sharpness log(exp(-sharpness q) + exp(-sharpness))``

    Beyond the radius the gradient is ``slope x``; within it, ``(slope + 2 height / radius^2) x``:
    the edge is the place of largest gradient, about ``2 height / radius``. The loss grows with
    |x|, so the minimum is at the origin, and there it is
    ``-height/sharpness log(1 + exp(-sharpness))``.
    """

    kind: ClassVar[str] = "cliff"
    dim: int = 2
    """Number of parameters."""
    height: float = 5.0
    """How far the cliff falls, > 0."""
    radius: float = 1.0
    """Distance of the edge from the minimum, > 0."""
    slope: float = 0.01
    """Curvature on the plateau, >= 0; at 0 the gradient vanishes exponentially there."""
    sharpness: float = 10.0
    """How sudden the edge is, > 0: it is about radius / sharpness wide."""

    def __post_init__(self) -> None:
        """Check the fields."""
        count("cliff dim", self.dim)
        for name in ("height", "radius", "sharpness"):
            value = number(f"cliff {name}", getattr(self, name), low=0.0, strict=True)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "slope", number("cliff slope", self.slope, low=0.0))

    def location(self) -> Array:
        """The origin."""
        return np.zeros(self.dim)

    def loss_and_grad(self, instances: NoInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient."""
        square = namespace(theta).einsum("bi,bi->b", theta, theta)
        softmin, inside = self._softmin(square)
        loss = 0.5 * self.slope * square + self.height * softmin
        return loss, self._radial(inside)[:, None] * theta

    def hessian(self, instances: NoInstances, theta: Array) -> Array:
        """``(slope + a w) I - 2 a w (1 - w) sharpness / radius^2 x x^T``, a = 2 height / radius^2.

        w is the weight of the bowl in the smooth minimum: 1 inside, 0 outside.
        """
        _, inside = self._softmin(namespace(theta).einsum("bi,bi->b", theta, theta))
        edge = -4.0 * self.height * self.sharpness / self.radius**4 * inside * (1.0 - inside)
        hessian = edge[:, None, None] * theta[:, :, None] * theta[:, None, :]
        return hessian + self._radial(inside)[:, None, None] * like(np.eye(self.dim), theta)

    def _radial(self, inside: Array) -> Array:
        """The factor by which the gradient is a multiple of theta, (batch,)."""
        return self.slope + (2.0 * self.height / self.radius**2) * inside

    def _softmin(self, square: Array) -> tuple[Array, Array]:
        """``softmin(q, 1)`` and its derivative by q, (batch,) each, from |x|^2."""
        xp, bowl = namespace(square), (-self.sharpness / self.radius**2) * square
        log_sum = xp.logaddexp(bowl, xp.full_like(bowl, -self.sharpness))
        return log_sum / -self.sharpness, xp.exp(bowl - log_sum)
