"""What landscapes share in which nothing is random: the formula is the only instance."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from landscape_gym.arrays import like, namespace
from landscape_gym.landscapes.base import Array, Draws, Landscape, Minimum, NoInstances


class Fixed(Landscape):
    """A landscape without randomness, of which one global minimum is known."""

    @abstractmethod
    def location(self) -> Array:
        """A global minimum, (dim,), in float64."""

    def sample(self, draw: Draws) -> NoInstances:
        """Nothing is random."""
        return NoInstances()

    def minimum(self, instances: NoInstances) -> Minimum:
        """The known minimum, shared by all rows, in float64."""
        location = self.location()[None, :]
        return Minimum(location, self.loss(instances, location))


class Separable(Fixed):
    """A sum of functions of one coordinate each, ``L = sum_i l_i(x_i)``: a diagonal Hessian."""

    @abstractmethod
    def values(self, theta: Array) -> Array:
        """``l_i(x_i)``, (batch, dim)."""

    @abstractmethod
    def slopes(self, theta: Array) -> Array:
        """``l_i'(x_i)``, (batch, dim)."""

    @abstractmethod
    def curvature_diagonal(self, instances: NoInstances, theta: Array) -> Array:
        """``l_i''(x_i)``, (batch, dim): the diagonal of the Hessian, which is all of it."""

    def loss_and_grad(self, instances: NoInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient."""
        return self.values(theta).sum(axis=1), self.slopes(theta)

    def loss(self, instances: NoInstances, theta: Array) -> Array:
        """Loss, (batch,)."""
        return self.values(theta).sum(axis=1)

    def grad(self, instances: NoInstances, theta: Array) -> Array:
        """Gradient, (batch, dim)."""
        return self.slopes(theta)

    def hessian(self, instances: NoInstances, theta: Array) -> Array:
        """The curvatures on the diagonal, (batch, dim, dim)."""
        curvatures = self.curvature_diagonal(instances, theta)
        return curvatures[:, :, None] * like(np.eye(self.dim), theta)

    def curvature_noise(self, instances: NoInstances, theta: Array, normal: Array) -> Array:
        """Each coordinate by itself: ``sqrt(max(l_i'', 0)) n_i``."""
        curvatures = self.curvature_diagonal(instances, theta)
        return namespace(theta).sqrt(curvatures.clip(0.0)) * normal
