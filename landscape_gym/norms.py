"""Norms by which motion can be priced instead of by a quadratic form (theory section 12).

Control then costs ``N(u)^2 / (2 eta)`` per unit time. Shapes: (..., m) for controls u, or (..., d)
where they are parameters' velocities.
"""

from __future__ import annotations

from collections.abc import Callable

from landscape_gym.arrays import Array, dot, namespace
from landscape_gym.landscapes.tensors import Tensors


def squared_maximum(control: Array, tensors: Tensors | None = None) -> Array:
    """Square of the largest magnitude of all coordinates, (...,).

    Example:
        >>> import numpy as np
        >>> squared_maximum(np.array([1.0, -3.0, 2.0]))
        np.float64(9.0)
    """
    largest = namespace(control).max(abs(control), axis=-1)
    return largest * largest


def squared_spectral(control: Array, tensors: Tensors) -> Array:
    """Sum over tensors of the square of each one's spectral norm, (...,).

    A tensor is the matrix that `Tensors.matrices` makes of it, so a vector counts by its length. As
    squares are summed, and not the largest norm is taken, each tensor has a price, and so a best
    step, of its own. What is not finite gives NaN.

    Example:
        >>> import numpy as np
        >>> squared_spectral(
        ...     np.array([3.0, 0.0, 0.0, 2.0, 1.0, 1.0]), Tensors(((2, 2), (2,)))
        ... ).round(9)
        np.float64(11.0)
    """
    xp, total = namespace(control), 0.0
    for part, flat in zip(tensors.matrices(control), tensors.parts(control), strict=True):
        if 1 in part.shape[-2:]:
            total = total + dot(flat, flat)
            continue
        known = xp.where(xp.isfinite(part), part, 0.0)  # of others there are no singular values
        largest = xp.linalg.svdvals(known)[..., 0]
        total = total + largest * largest + 0.0 * xp.sum(flat, axis=-1)
    return total


NORMS: dict[str, Callable[[Array, Tensors], Array]] = {
    "max": squared_maximum,
    "spectral": squared_spectral,
}
"""Their squares, by the name under which a problem's metric takes them."""
