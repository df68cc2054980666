"""What a loss landscape is: a family from which independent instances are sampled in a batch.

To add one: write a frozen dataclass that derives from `Landscape` in a file of its own, and name
it in ``landscape_gym/landscapes/__init__.py``; or pass an instance of it to `NavigationProblem`.

Shapes: ``batch`` rows, ``dim`` parameters. An instance array whose leading axis is 1 is shared by
all rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from landscape_gym.arrays import diagonal_of, matvec, namespace
from landscape_gym.landscapes.tensors import Tensors

Array = NDArray[Any]
Instances = TypeVar("Instances", bound=tuple)


class Draws(Protocol):
    """Independent random numbers, each row from its own generator, in the simulation's dtype."""

    @property
    def rows(self) -> int:
        """Number of rows, the batch size."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Float32 or float64."""
        ...

    def normal(self, *shape: int) -> Array:
        """Standard normal numbers, (batch, *shape)."""
        ...

    def uniform(self, *shape: int) -> Array:
        """Numbers uniform in [0, 1), (batch, *shape)."""
        ...


class Minimum(NamedTuple):
    """A global minimum of each instance."""

    location: Array
    """Parameters of the minimum, (batch or 1, dim); one of them where there are several."""
    loss: Array
    """Loss there, (batch or 1,)."""


class NoInstances(NamedTuple):
    """The instances of a landscape in which nothing is random: all of them are the same."""


class Landscape(ABC):
    """A family of loss landscapes over ``dim`` parameters."""

    kind: ClassVar[str]
    convex: ClassVar[bool] = False
    """Whether the loss is convex for every instance."""
    dim: int

    @property
    def box(self) -> tuple[float, float]:
        """The interval, one for all coordinates, on which the landscape is usually looked at."""
        return (-3.0, 3.0)

    @abstractmethod
    def sample(self, draw: Draws) -> Any:
        """Sample instances: a NamedTuple of arrays with leading axis ``batch`` (or 1: shared)."""

    @abstractmethod
    def loss_and_grad(self, instances: Any, theta: Array) -> tuple[Array, Array]:
        """Loss (batch,) and gradient (batch, dim) at `theta` (batch, dim)."""

    def loss(self, instances: Any, theta: Array) -> Array:
        """Loss, (batch,)."""
        return self.loss_and_grad(instances, theta)[0]

    def grad(self, instances: Any, theta: Array) -> Array:
        """Gradient, (batch, dim)."""
        return self.loss_and_grad(instances, theta)[1]

    def hessian(self, instances: Any, theta: Array) -> Array | None:
        """Hessian, (batch or 1, dim, dim), or None where it is not offered."""
        return None

    def curvature_diagonal(self, instances: Any, theta: Array) -> Array | None:
        """Diagonal of the Hessian, (batch or 1, dim), or None where it is not offered."""
        hessian = self.hessian(instances, theta)
        return None if hessian is None else diagonal_of(hessian)

    def curvature_noise(self, instances: Any, theta: Array, normal: Array) -> Array | None:
        """``S n`` for standard normal n (batch, dim), where S S^T is the Hessian, or None.

        Directions of negative curvature get no noise: S S^T is the positive part of the Hessian.
        """
        hessian = self.hessian(instances, theta)
        if hessian is None:
            return None
        xp = namespace(hessian)
        values, vectors = xp.linalg.eigh(hessian)
        root = vectors * xp.sqrt(values.clip(0.0))[:, None, :]
        return matvec(root, normal)

    def fisher(self, instances: Any, theta: Array) -> Array | None:
        """Fisher information of the model, (batch, dim, dim), or None where there is no model."""
        return None

    def tensors(self) -> Tensors | None:
        """The tensors that theta is made of, in order, or None where it is one vector."""
        return None

    def minibatch_loss_and_grad(
        self, instances: Any, theta: Array, uniform: Array
    ) -> tuple[Array, Array] | None:
        """Loss (batch,) and gradient (batch, dim) on a minibatch; None if it is no sum over data.

        The data are picked, with replacement, by `uniform` (batch, batch_size) in [0, 1).
        """
        return None

    def minibatch_grad(self, instances: Any, theta: Array, uniform: Array) -> Array | None:
        """Gradient on a minibatch, (batch, dim), or None."""
        both = self.minibatch_loss_and_grad(instances, theta, uniform)
        return None if both is None else both[1]

    def measures(self, instances: Any, theta: Array) -> dict[str, Array]:
        """What else is worth knowing of `theta`, (batch,) each, such as the loss on other data."""
        return {}

    def minimum(self, instances: Any) -> Minimum | None:
        """The global minimum of each instance, or None where it is unknown."""
        return None

    def offers(self, name: str) -> bool:
        """Whether the method of that name, one of those that may return None, gives something."""
        overridden = getattr(type(self), name) is not getattr(Landscape, name)
        source = {
            "curvature_diagonal": "hessian",
            "curvature_noise": "hessian",
            "minibatch_grad": "minibatch_loss_and_grad",
        }
        return overridden or (name in source and self.offers(source[name]))

    def curvature_quadrature(self, points: int = 64) -> tuple[Array, Array] | None:
        """Curvatures and weights (n,), (n,) that stand for one Hessian eigenvalue at the minimum.

        A sum over them approximates the mean over eigenvalues and instances, with about `points`
        points where it is an integral; None where the distribution is not known.
        """
        return None

    def default_start(self, draw: Draws) -> Array:
        """Starting parameters, (batch, dim), where the problem does not say: uniform on `box`."""
        low, high = self.box
        return low + (high - low) * draw.uniform(self.dim)


def take(instances: Instances, rows: Any) -> Instances:
    """A copy of the instances of some rows (an index array or a mask).

    Arrays with leading axis 1 keep it: they hold for any number of rows, so that
    ``take(instances, np.zeros(n, int))`` has n rows wherever it is used with n thetas.
    """
    copies = (a if a is None else a.copy() if a.shape[0] == 1 else a[rows] for a in instances)
    return cast(Any, type(instances))(*copies)


def assign(instances: Instances, rows: Array, fresh: Instances) -> None:
    """Overwrite the instances of some rows in place by `fresh`, which has as many rows.

    Arrays that are shared hold the same numbers in both.
    """
    for old, new in zip(instances, fresh, strict=True):
        if old is None:
            continue
        if old.shape[0] == 1 and new.shape[0] == 1:  # shared, or the one row of a batch of one
            old[...] = new
        else:
            old[rows] = new
