"""Noises: what a learner sees of the gradient, and of the loss, instead of the exact ones.

To add one: derive a frozen dataclass from `Noise`, and pass an instance of it to
`NavigationProblem`; a line in `NOISES` gives it a name, and its problems a JSON form.

Shapes: B rows, d parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from landscape_gym.arrays import Array, dot, moved
from landscape_gym.configuration import count, number
from landscape_gym.landscapes.base import Landscape
from landscape_gym.refusal import Refusal


class Noise(ABC):
    """How observed gradients differ from the true one."""

    kind: ClassVar[str]
    gaussian: ClassVar[bool] = False
    """Whether it is normal, of a variance that the curvature alone decides."""
    of_data: ClassVar[bool] = False
    """Whether it comes from the landscape's data: then each step goes through some of them."""

    def check(self, landscape: Landscape) -> None:  # noqa: B027
        """Raise a ValueError, saying what is missing, for a landscape that it does not go with."""

    def normals(self, dim: int) -> int:
        """How many normal numbers a row of `dim` parameters needs each step."""
        return dim

    def uniforms(self, dim: int) -> int:
        """How many uniform numbers it needs."""
        return 0

    def loss_and_grad(
        self, landscape: Landscape, instances: Any, point: Array, uniform: Array
    ) -> tuple[Array, Array]:
        """The loss (B,) that is charged and seen, and its gradient (B, d), which is then observed.

        Args:
            landscape: The family.
            instances: Of it.
            point: Parameters in the landscape's coordinates, (B, d).
            uniform: This step's uniform numbers, (B, uniforms).
        """
        return landscape.loss_and_grad(instances, point)

    @abstractmethod
    def observe(
        self,
        landscape: Landscape,
        instances: Any,
        point: Array,
        grad: Array,
        normal: Array,
        uniform: Array,
    ) -> Array:
        """The gradient as the learner sees it, (B, d).

        Args:
            landscape: The family.
            instances: Of it.
            point: Parameters in the landscape's coordinates, (B, d).
            grad: Gradient there, (B, d), as of `loss_and_grad`.
            normal: This step's normal numbers, (B, normals).
            uniform: This step's uniform numbers, (B, uniforms).
        """

    def variance(self, landscape: Landscape, curvature: Array) -> Array:
        """Of the observed gradient along directions of these curvatures, like `curvature`.

        Raises:
            Refusal: where it is not known, or depends on the gradient.
        """
        raise Refusal(
            f"the variance of {self!r} on {type(landscape).__name__} is not known in advance: "
            "take problem.replace(noise=None), or 'isotropic' or 'curvature' noise of similar size."
        )

    def curvature_std(self, landscape: Landscape) -> float:
        """Sigma of a variance sigma^2 h along directions of curvature h; 0 where it is not that."""
        return 0.0


class Exact(Noise):
    """No noise."""

    gaussian = True

    def normals(self, dim: int) -> int:
        """None."""
        return 0

    def observe(
        self,
        landscape: Landscape,
        instances: Any,
        point: Array,
        grad: Array,
        normal: Array,
        uniform: Array,
    ) -> Array:
        """`grad` itself."""
        return grad

    def variance(self, landscape: Landscape, curvature: Array) -> Array:
        """Zeros."""
        return 0 * curvature


EXACT = Exact()
"""What a problem whose noise is None has."""


@dataclass(frozen=True)
class IsotropicNoise(Noise):
    """Gradient noise of one standard deviation in every coordinate."""

    kind: ClassVar[str] = "isotropic"
    gaussian: ClassVar[bool] = True
    std: float = 0.1
    """Standard deviation per coordinate and step, >= 0."""

    def __post_init__(self) -> None:
        """Check the deviation."""
        number("noise std", self.std, low=0.0)

    def observe(
        self,
        landscape: Landscape,
        instances: Any,
        point: Array,
        grad: Array,
        normal: Array,
        uniform: Array,
    ) -> Array:
        """``g + std n``, (B, d)."""
        return moved(grad, self.std, normal)

    def variance(self, landscape: Landscape, curvature: Array) -> Array:
        """``std^2``."""
        return 0 * curvature + self.std**2


@dataclass(frozen=True)
class CurvatureNoise(Noise):
    """Gradient noise of covariance ``std^2 H(theta)``, as minibatches of a log-likelihood have."""

    kind: ClassVar[str] = "curvature"
    gaussian: ClassVar[bool] = True
    std: float = 0.1
    """Standard deviation where the curvature is 1, >= 0."""

    def __post_init__(self) -> None:
        """Check the deviation."""
        number("noise std", self.std, low=0.0)

    def check(self, landscape: Landscape) -> None:
        """It needs the Hessian."""
        _need(self, landscape, "curvature_noise", "a Hessian")

    def observe(
        self,
        landscape: Landscape,
        instances: Any,
        point: Array,
        grad: Array,
        normal: Array,
        uniform: Array,
    ) -> Array:
        """``g + std H^(1/2) n``, (B, d)."""
        noise: Array = landscape.curvature_noise(instances, point, normal)
        return moved(grad, self.std, noise)

    def variance(self, landscape: Landscape, curvature: Array) -> Array:
        """``std^2 h``."""
        return self.std**2 * curvature

    def curvature_std(self, landscape: Landscape) -> float:
        """Std."""
        return self.std


@dataclass(frozen=True)
class RelativeNoise(Noise):
    """Gradient noise whose norm is about ``fraction`` of the gradient's norm."""

    kind: ClassVar[str] = "relative"
    fraction: float = 0.1
    """Root mean square of noise over that of the gradient, >= 0."""

    def __post_init__(self) -> None:
        """Check the fraction."""
        number("noise fraction", self.fraction, low=0.0)

    def observe(
        self,
        landscape: Landscape,
        instances: Any,
        point: Array,
        grad: Array,
        normal: Array,
        uniform: Array,
    ) -> Array:
        """``g + fraction rms(g) n``, (B, d)."""
        rms = (dot(grad, grad) / grad.shape[1])[:, None] ** 0.5
        return grad + self.fraction * rms * normal


@dataclass(frozen=True)
class MinibatchNoise(Noise):
    """The gradient is the one on a random minibatch of the landscape's own data."""

    kind: ClassVar[str] = "minibatch"
    of_data: ClassVar[bool] = True
    batch_size: int = 32
    """Number of data, picked with replacement at each step."""
    exact_loss: bool = True
    """Whether the loss, in rewards and observations, is that of all data. False: it is that of the
    minibatch on which the gradient is seen, as in ordinary training: an unbiased estimate, for
    which a step goes through the minibatch alone."""

    def __post_init__(self) -> None:
        """Check size and choice."""
        count("noise batch_size", self.batch_size)
        if not isinstance(self.exact_loss, bool):
            raise TypeError(f"noise exact_loss is True or False, got {self.exact_loss!r}.")

    def check(self, landscape: Landscape) -> None:
        """It needs minibatches, and their losses too if those are what is charged."""
        source = "minibatch_grad" if self.exact_loss else "minibatch_loss_and_grad"
        _need(self, landscape, source, "a loss that is a sum over data")

    def normals(self, dim: int) -> int:
        """None."""
        return 0

    def uniforms(self, dim: int) -> int:
        """One for each datum."""
        return self.batch_size

    def loss_and_grad(
        self, landscape: Landscape, instances: Any, point: Array, uniform: Array
    ) -> tuple[Array, Array]:
        """Of all data, or of the minibatch."""
        if self.exact_loss:
            return landscape.loss_and_grad(instances, point)
        both: Any = landscape.minibatch_loss_and_grad(instances, point, uniform)
        return both

    def observe(
        self,
        landscape: Landscape,
        instances: Any,
        point: Array,
        grad: Array,
        normal: Array,
        uniform: Array,
    ) -> Array:
        """The minibatch's, (B, d)."""
        return landscape.minibatch_grad(instances, point, uniform) if self.exact_loss else grad

    def variance(self, landscape: Landscape, curvature: Array) -> Array:
        """``h / batch_size`` for models, which have a Fisher information.

        Per datum, the gradient of a log-likelihood has the Fisher information, which is near the
        Hessian, as its covariance (theory 7(b)).
        """
        if not landscape.offers("fisher"):
            return super().variance(landscape, curvature)
        return curvature / self.batch_size

    def curvature_std(self, landscape: Landscape) -> float:
        """``batch_size^(-1/2)`` for models."""
        return self.batch_size**-0.5 if landscape.offers("fisher") else 0.0


NOISES: dict[str, type[Noise]] = {
    cls.kind: cls for cls in (IsotropicNoise, CurvatureNoise, RelativeNoise, MinibatchNoise)
}


def _need(noise: Noise, landscape: Landscape, method: str, words: str) -> None:
    if not landscape.offers(method):
        raise ValueError(
            f"noise {noise.kind!r} needs a landscape with {words}; {type(landscape).__name__} has "
            "none."
        )
