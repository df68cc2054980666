"""Linear systems solved by products with their matrix alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

TOLERANCE = 1e-10
"""Norm of the residual, relative to the right-hand side, at which a solution is good enough."""


class ConjugateGradients(NamedTuple):
    """What `conjugate_gradients` found."""

    solution: Any
    """(..., d)"""
    converged: bool
    """Whether every row came to the tolerance."""
    residual: float
    """Largest relative norm of the residual, over the rows."""
    iterations: int
    """Products that it took."""


def conjugate_gradients(
    product: Callable[[Any], Any],
    right: Any,
    *,
    damping: float = 0.0,
    tolerance: float = TOLERANCE,
    iterations: int | None = None,
) -> ConjugateGradients:
    """Solve ``(A + damping I) x = b`` for each row b by products with A.

    Plain arithmetic, for NumPy arrays and torch tensors alike. Rows are solved side by side.

    Args:
        product: From vectors (..., d) to A times them; A symmetric positive semidefinite.
        right: b, (..., d).
        damping: What is added to A's diagonal, >= 0.
        tolerance: Relative norm of the residual at which to stop; it is not met in float32 below
            about 1e-6.
        iterations: Most products; None is 2 d.

    Example:
        >>> import numpy as np
        >>> A = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> conjugate_gradients(lambda v: v @ A, np.array([3.0, 0.0])).solution
        array([ 2., -1.])
    """
    x, r = 0.0 * right, right
    direction, r2 = r, _dot(r, r)
    goal = tolerance**2 * r2
    limit = 2 * right.shape[-1] if iterations is None else iterations
    count = 0
    while count < limit and bool((r2 > goal).any()):
        image = product(direction) + damping * direction
        curvature = _dot(direction, image)
        # A row that is done, or where A is flat, stays: 0 / 1 instead of 0 / 0.
        moving = (r2 > goal) * (curvature > 0)
        step = moving * r2 / (curvature + (curvature <= 0))
        x, r = x + step * direction, r - step * image
        before, r2 = r2, _dot(r, r)
        direction = r + (r2 / (before + (before == 0))) * direction
        count += 1
    relative = float(((r2 / (goal + (goal == 0))) ** 0.5).max()) * tolerance
    return ConjugateGradients(x, relative <= tolerance, relative, count)


def _dot(left: Any, right: Any) -> Any:
    """Row by row, (..., 1)."""
    return (left * right).sum(-1)[..., None]
