"""Logistic regression on real data: a convex landscape with a model, so with a Fisher metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import Array, below, dtype_of, like, namespace
from landscape_gym.configuration import number, one_of
from landscape_gym.landscapes.base import Draws, NoInstances
from landscape_gym.landscapes.fixed import Fixed

DATA = ("breast_cancer",)
"""Data sets with two classes that scikit-learn ships."""


class Data(NamedTuple):
    """The N data in one dtype."""

    signed: Array
    """``s_n x_n``, (N, dim): s = 1 or -1 is the class, x the standardised features and a 1."""
    outer: Array
    """``x_n x_n^T``, flattened, (N, dim * dim)."""


@dataclass(frozen=True)
class LogisticRegression(Fixed):
    """``L = 1/N sum_n log(1 + exp(-s_n x_n . theta)) + ridge/2 |theta|^2``.

    The data are scikit-learn's breast cancer data (N = 569): 30 features, each standardised, and a
    constant 1, whose weight is the last parameter; the class s is 1 for benign, -1 for malignant.
    The ridge pulls on all parameters alike, so that it bounds the Hessian from below.

    The model is ``p(s | x) = 1 / (1 + exp(-s x . theta))``. Its Fisher information is
    ``F = X^T W X / N``, W = diag(p (1 - p)), and does not depend on the classes; the Hessian of the
    loss is exactly ``F + ridge I``.

    Raises:
        ImportError: from every method that needs the data, where scikit-learn is missing.
    """

    kind: ClassVar[str] = "logistic_regression"
    convex: ClassVar[bool] = True
    data: str = "breast_cancer"
    """Name of the data."""
    ridge: float = 1e-3
    """Strength of the quadratic penalty, > 0: without one, separable data have no minimum."""

    dim: int = field(default=31, init=False)

    def __post_init__(self) -> None:
        """Check the fields."""
        one_of("logistic_regression data", self.data, DATA)
        ridge = number("logistic_regression ridge", self.ridge, low=0.0, strict=True)
        object.__setattr__(self, "ridge", ridge)

    def loss_and_grad(self, instances: NoInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient."""
        signed = self._like(theta).signed
        margins = theta @ signed.T
        decay = namespace(theta).exp(-abs(margins))
        grad = _miss(margins, decay) @ signed / -len(signed) + self.ridge * theta
        return self._loss(margins, decay, theta), grad

    def fisher(self, instances: NoInstances, theta: Array) -> Array:
        """``X^T W X / N``."""
        signed, outer = self._like(theta)
        decay = namespace(theta).exp(-abs(theta @ signed.T))
        weights = decay / (len(signed) * (1.0 + decay) ** 2)
        return (weights @ outer).reshape(-1, self.dim, self.dim)

    def hessian(self, instances: NoInstances, theta: Array) -> Array:
        """The Fisher information and the ridge."""
        return self.fisher(instances, theta) + self.ridge * like(np.eye(self.dim), theta)

    def curvature_noise(self, instances: NoInstances, theta: Array, normal: Array) -> Array:
        """``S n`` by Cholesky factors: the ridge makes the Hessian positive definite."""
        xp = namespace(theta)
        factors = xp.linalg.cholesky(self.hessian(instances, theta))
        return xp.einsum("bij,bj->bi", factors, normal)

    def minibatch_loss_and_grad(
        self, instances: NoInstances, theta: Array, uniform: Array
    ) -> tuple[Array, Array]:
        """Means over the data ``floor(N u)``; the ridge's part is exact."""
        xp, signed = namespace(theta), self._like(theta).signed
        picked = below(len(signed), uniform)
        batch = signed[picked]
        margins = xp.einsum("bni,bi->bn", batch, theta)
        decay = xp.exp(-abs(margins))
        grad = xp.einsum("bn,bni->bi", _miss(margins, decay), batch) / -picked.shape[1]
        return self._loss(margins, decay, theta), grad + self.ridge * theta

    def _like(self, theta: Array) -> Data:
        """The data in theta's library, type and device."""
        if isinstance(theta, np.ndarray):
            return load(self.data, theta.dtype.str)
        return _on_device(self.data, dtype_of(theta).str, theta.device)

    def _loss(self, margins: Array, decay: Array, theta: Array) -> Array:
        """Mean over the data (batch, n), with the ridge's part; decay = e^-|margin|."""
        xp = namespace(theta)
        losses = xp.log1p(decay) - margins.clip(None, 0.0)
        penalty = 0.5 * self.ridge * xp.einsum("bi,bi->b", theta, theta)
        return xp.mean(losses, axis=1) + penalty

    def location(self) -> Array:
        """By a trust-region Newton method, once for each ridge; gradient norm below 1e-10."""
        return _solve(self).copy()

    def default_start(self, draw: Draws) -> Array:
        """Normal, with standard deviation 0.1: a model that is not yet sure of any datum.

        The loss there is near log 2, the norm about 0.56; at the minimum the norm is 4.6.
        """
        return 0.1 * draw.normal(self.dim)

    def curvature_quadrature(self, points: int = 64) -> tuple[Array, Array]:
        """Eigenvalues of the Hessian at the minimum, equally weighted."""
        hessian = self.hessian(NoInstances(), self.location()[None, :])[0]
        return np.linalg.eigvalsh(hessian), np.full(self.dim, 1.0 / self.dim)


@lru_cache(maxsize=8)
def load(name: str, dtype: str) -> Data:
    """The data in one dtype, read once.

    Raises:
        ImportError: without scikit-learn, naming the extra that installs it.
    """
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError as error:
        raise ImportError(
            f"The data {name!r} come with scikit-learn: pip install 'landscape-gym[data]'."
        ) from error
    features, classes = (np.asarray(array) for array in load_breast_cancer(return_X_y=True))
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    inputs = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    signed = (2.0 * classes - 1.0)[:, None] * inputs
    outer = (inputs[:, :, None] * inputs[:, None, :]).reshape(len(inputs), -1)
    data = Data(signed.astype(dtype), outer.astype(dtype))
    for array in data:
        array.setflags(write=False)
    return data


@lru_cache(maxsize=8)
def _on_device(name: str, dtype: str, device: Any) -> Data:
    """The data as tensors, brought there once."""
    import torch

    return Data(*(torch.tensor(each, device=device) for each in load(name, dtype)))


@lru_cache(maxsize=8)
def _solve(landscape: LogisticRegression) -> Array:
    from scipy.optimize import minimize

    def loss_and_grad(theta: Array) -> tuple[Array, Array]:
        loss, grad = landscape.loss_and_grad(NoInstances(), theta[None, :])
        return loss[0], grad[0]

    def hessian(theta: Array) -> Array:
        return landscape.hessian(NoInstances(), theta[None, :])[0]

    theta = minimize(
        loss_and_grad,
        np.zeros(landscape.dim),
        method="trust-exact",
        jac=True,
        hess=hessian,
        options={"gtol": 1e-9},
    ).x
    theta -= np.linalg.solve(hessian(theta), loss_and_grad(theta)[1])  # to rounding error
    residual = np.linalg.norm(loss_and_grad(theta)[1])
    if residual > 1e-10:
        raise ValueError(
            f"logistic_regression: the minimum for ridge {landscape.ridge:g} was not found "
            f"(gradient norm {residual:.1e}); use a larger ridge."
        )
    return theta


def _miss(margins: Array, decay: Array) -> Array:
    """``1 / (1 + exp(margin))``, the probability given to the wrong class; decay = e^-|margin|."""
    return namespace(margins).where(margins >= 0.0, decay, 1.0) / (1.0 + decay)
