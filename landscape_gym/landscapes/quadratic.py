"""Quadratic landscapes, the case in which everything is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from landscape_gym.arrays import diagonal_of, dot, like, matvec, namespace
from landscape_gym.configuration import Matrix, Vector, alternative, count, number, vector
from landscape_gym.landscapes.base import Array, Draws, Landscape, Minimum
from landscape_gym.landscapes.spectrum import SPECTRA, LogUniform, Spectrum


class QuadraticInstances(NamedTuple):
    """``L = 1/2 (theta - optimum)^T H (theta - optimum)``, H diagonal or dense."""

    optimum: Array
    """(batch, dim)"""
    diagonal: Array | None
    """Diagonal of H, (batch or 1, dim), where H is diagonal."""
    dense: Array | None
    """H, (batch or 1, dim, dim), where it is not."""
    root: Array | None
    """S with S S^T = H, (batch or 1, dim, dim), where H is not diagonal."""


@dataclass(frozen=True)
class Quadratic(Landscape):
    """``L = 1/2 (theta - z)^T H (theta - z)``, the loss of theory section 2.

    Example:
        >>> Quadratic(dim=2, curvature=(1 / 9, 1)).curvature_quadrature(10)[0]
        array([0.11111111, 1.        ])
    """

    kind: ClassVar[str] = "quadratic"
    convex: ClassVar[bool] = True
    dim: int = 2
    """Number of parameters."""
    curvature: Vector | Matrix | Spectrum = field(default_factory=LogUniform)
    """Eigenvalues of H (dim numbers), H itself (dim x dim), or how to draw the eigenvalues."""
    rotated: bool = False
    """Whether each instance's eigenvectors are a random orthogonal basis instead of the axes."""
    optimum: float | Vector = 0.0
    """Mean of the optimum z: one number for all coordinates, or dim numbers."""
    optimum_std: float = 0.0
    """Standard deviation of z about its mean; 0 if z is given."""

    def __post_init__(self) -> None:
        """Validate, and bring numbers to their canonical form."""
        count("quadratic dim", self.dim)
        number("quadratic optimum_std", self.optimum_std, low=0.0)
        object.__setattr__(self, "curvature", self._checked_curvature())
        if isinstance(self.optimum, int | float | np.number):
            number("quadratic optimum", self.optimum)
        else:
            object.__setattr__(self, "optimum", vector("quadratic optimum", self.optimum, self.dim))

    def _checked_curvature(self) -> Vector | Matrix | Spectrum:
        given = self.curvature
        if isinstance(given, (str, Mapping, *SPECTRA.values())):
            return alternative(SPECTRA, given, "spectrum")
        array = np.asarray(given, dtype=np.float64)
        if array.shape not in {(self.dim,), (self.dim, self.dim)} or not np.isfinite(array).all():
            raise ValueError(
                f"quadratic curvature must be {self.dim} finite eigenvalues, a {self.dim} x "
                f"{self.dim} Hessian or a spectrum ({', '.join(SPECTRA)}), got shape {array.shape}."
            )
        if array.ndim == 1:
            if (array < 0).any():
                raise ValueError("quadratic curvature: eigenvalues must be >= 0; use 'saddle'.")
            return tuple(array.tolist())
        scale = max(np.abs(array).max(), 1e-300)
        if self.rotated or not np.allclose(array, array.T, atol=1e-12 * scale):
            raise ValueError("quadratic curvature: a given Hessian is symmetric and not rotated.")
        if np.linalg.eigvalsh(array)[0] < -1e-12 * scale:
            raise ValueError("quadratic curvature: the Hessian must be positive semidefinite.")
        return tuple(tuple(row) for row in array.tolist())

    @cached_property
    def _given(self) -> QuadraticInstances:
        """The instance as far as it is the same for all, optimum and eigenvalues at their means."""
        mean = np.broadcast_to(np.asarray(self.optimum, np.float64), (1, self.dim))
        if not isinstance(self.curvature, tuple):
            return QuadraticInstances(mean, None, None, None)
        curvature = np.asarray(self.curvature, np.float64)
        if curvature.ndim == 1:
            return QuadraticInstances(mean, curvature[None], None, None)
        eigenvalues, basis = np.linalg.eigh(curvature)
        root = basis * np.sqrt(np.maximum(eigenvalues, 0.0))
        return QuadraticInstances(mean, None, curvature[None], root[None])

    def sample(self, draw: Draws) -> QuadraticInstances:
        """Draw optimum, eigenvalues and basis, as far as they are random."""
        given = (a if a is None else a.astype(draw.dtype) for a in self._given)
        mean, diagonal, dense, root = given
        optimum = np.repeat(cast(Array, mean), draw.rows, axis=0)
        if self.optimum_std > 0:
            optimum += self.optimum_std * draw.normal(self.dim)
        if not isinstance(self.curvature, tuple):
            diagonal = self.curvature.sample(draw, self.dim).astype(draw.dtype)
        if self.rotated:
            root = random_basis(draw, self.dim) * np.sqrt(cast(Array, diagonal))[:, None, :]
            diagonal, dense = None, root @ root.transpose(0, 2, 1)
        return QuadraticInstances(optimum, diagonal, dense, root)

    def loss_and_grad(self, instances: QuadraticInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient ``H (theta - z)``."""
        error = theta - instances.optimum
        if instances.diagonal is not None:
            grad = instances.diagonal * error
        else:
            grad = _matvec(cast(Array, instances.dense), error)
        return 0.5 * dot(error, grad), grad

    def hessian(self, instances: QuadraticInstances, theta: Array) -> Array:
        """H, the same everywhere."""
        if instances.diagonal is not None:
            return instances.diagonal[:, :, None] * like(np.eye(self.dim), theta)
        return cast(Array, instances.dense)

    def curvature_diagonal(self, instances: QuadraticInstances, theta: Array) -> Array:
        """Diagonal of H."""
        if instances.diagonal is not None:
            return instances.diagonal
        return diagonal_of(instances.dense)

    def curvature_noise(self, instances: QuadraticInstances, theta: Array, normal: Array) -> Array:
        """``S n`` with S S^T = H."""
        if instances.diagonal is not None:
            return instances.diagonal**0.5 * normal
        return _matvec(cast(Array, instances.root), normal)

    def minimum(self, instances: QuadraticInstances) -> Minimum:
        """Zero, at z."""
        z = instances.optimum
        return Minimum(z, namespace(z).zeros_like(z[:, 0]))

    def default_start(self, draw: Draws) -> Array:
        """Standard normal."""
        return draw.normal(self.dim)

    def curvature_quadrature(self, points: int = 64) -> tuple[Array, Array]:
        """Curvatures and weights that stand for the distribution of one eigenvalue."""
        if not isinstance(self.curvature, tuple):
            return self.curvature.quadrature(self.dim, points)
        values = np.asarray(self.curvature)
        eigenvalues = values if values.ndim == 1 else np.linalg.eigvalsh(values)
        return eigenvalues, np.full(self.dim, 1.0 / self.dim)


def random_basis(draw: Draws, dim: int) -> Array:
    """Orthogonal matrices from the Haar measure, (batch, dim, dim): QR of normals, signs fixed."""
    q, r = np.linalg.qr(draw.normal(dim, dim))
    return q * np.sign(diagonal_of(r))[:, None, :]


def _matvec(matrices: Any, vectors: Array) -> Array:
    """Row by row ``A x``; a shared symmetric or general A goes through one gemm."""
    if matrices.shape[0] == 1:
        return vectors @ matrices[0].T
    return matvec(matrices, vectors)
