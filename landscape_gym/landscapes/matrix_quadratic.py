"""A quadratic landscape whose parameters are a matrix: its Hessian is a Kronecker product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from landscape_gym.configuration import Matrix, Vector, count, matrix, vector
from landscape_gym.landscapes.base import Array
from landscape_gym.landscapes.quadratic import Quadratic
from landscape_gym.landscapes.tensors import Tensors


@dataclass(frozen=True)
class MatrixQuadratic(Quadratic):
    """``L(W) = 1/2 tr((W - Z)' A (W - Z) B)``, W with `rows` and `columns`, theta row by row.

    It is the mean squared error of a linear layer, with B the covariance of its inputs and A that
    of what its outputs are weighed by. The Hessian is A x B (Kronecker), so all that is known of a
    `Quadratic` holds; ``optimum`` is Z, flat.

    Example:
        >>> landscape = MatrixQuadratic(rows=2, columns=2, left=(1.0, 2.0), right=(0.5, 3.0))
        >>> landscape.curvature
        (0.5, 3.0, 1.0, 6.0)
        >>> landscape.tensors().shapes
        ((2, 2),)
    """

    kind: ClassVar[str] = "matrix_quadratic"
    dim: int = field(init=False, default=6)
    """Number of parameters, rows times columns."""
    curvature: Vector | Matrix = field(init=False, default=())
    """The Hessian, or its diagonal where A and B are diagonal."""
    rotated: bool = field(init=False, default=False)
    rows: int = 2
    """Rows of W, outputs."""
    columns: int = 3
    """Columns of W, inputs."""
    left: Vector | Matrix | None = None
    """A: its diagonal (rows numbers), or rows x rows, positive semidefinite; None: the identity."""
    right: Vector | Matrix | None = None
    """B likewise, of the columns."""

    def __post_init__(self) -> None:
        """Validate, and compute the Hessian."""
        rows, columns = (
            count(f"matrix_quadratic {name}", getattr(self, name)) for name in ("rows", "columns")
        )
        sides = []
        for name, size in (("left", rows), ("right", columns)):
            side = _side(f"matrix_quadratic {name}", getattr(self, name), size)
            object.__setattr__(self, name, side)
            sides.append(np.ones(size) if side is None else np.asarray(side))
        if any(side.ndim == 2 for side in sides):
            sides = [np.diag(side) if side.ndim == 1 else side for side in sides]
        object.__setattr__(self, "dim", rows * columns)
        object.__setattr__(self, "curvature", np.kron(*sides))
        super().__post_init__()

    def tensors(self) -> Tensors:
        """One matrix."""
        return Tensors(((self.rows, self.columns),))


def _side(what: str, given: Vector | Matrix | None, size: int) -> Vector | Matrix | None:
    """A factor of the Hessian, in its canonical form.

    Raises:
        ValueError: unless it is symmetric and positive semidefinite, of that size.
    """
    if given is None:
        return None
    if np.ndim(given) == 1:
        side: Vector | Matrix = vector(what, given, size)
        least = min(side)
    else:
        side = matrix(what, given, size, size)
        full: Array = np.array(side)
        if not np.allclose(full, full.T):
            raise ValueError(f"{what} must be symmetric, got {given!r}.")
        least = np.linalg.eigvalsh(full)[0] + 1e-12 * abs(full).max()
    if least < 0:
        raise ValueError(f"{what} must be positive semidefinite, got {given!r}.")
    return side
