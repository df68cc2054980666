"""What rules need beyond operators and methods, in whatever library their arrays are of."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_gym.arrays import like, namespace

Constant = float | tuple[float, ...] | tuple[tuple[float, ...], ...]
"""One number for all coordinates, one for each, or a matrix."""


def weigh(constant: Any, vectors: Any) -> Any:
    """A number, a diagonal or a matrix times vectors (..., d).

    Example:
        >>> weigh(((0.0, 1.0), (2.0, 0.0)), np.array([[1.0, 2.0]]))
        array([[2., 2.]])
    """
    if np.ndim(constant) == 0:
        return float(constant) * vectors
    weights = like(constant, vectors)
    return weights * vectors if weights.ndim == 1 else vectors @ weights.T


def matrix(constant: Any, d: int) -> Any:
    """A constant as a matrix (d, d)."""
    constant = np.asarray(constant, np.float64)
    return constant if constant.ndim == 2 else constant * np.eye(d)


def square(flat: Any, vectors: Any) -> Any:
    """Matrices that were laid out row by row, (..., d * d), as (..., d, d)."""
    d = vectors.shape[-1]
    return flat.reshape(*flat.shape[:-1], d, d)


def solve(matrices: Any, vectors: Any) -> Any:
    """``A^-1 b`` for matrices (..., d, d) and vectors (..., d)."""
    return namespace(vectors).linalg.solve(matrices, vectors[..., None])[..., 0]


def lerp(start: Any, end: Any, weight: float, out: Any = None) -> Any:
    """``start + weight (end - start)``, in one pass where the library has one for it (torch).

    Args:
        start: At weight 0.
        end: At weight 1.
        weight: Of the end.
        out: A tensor that the result is written into, if it is one.

    Example:
        >>> lerp(np.zeros(2), np.array([1.0, 2.0]), 0.25)
        array([0.25, 0.5 ])
    """
    fused = getattr(namespace(start), "lerp", None)
    if fused is None:
        return start + weight * (end - start)
    return fused(start, end, weight, out=out)


def mean_square(mean: Any, value: Any, decay: float, out: Any = None) -> Any:
    """``decay mean + (1 - decay) value^2``, a running mean of squares, likewise.

    Example:
        >>> mean_square(np.ones(2), np.array([1.0, 2.0]), 0.75)
        array([1.  , 1.75])
    """
    xp = namespace(mean)
    if not hasattr(xp, "addcmul"):
        return decay * mean + (1 - decay) * value * value
    return xp.addcmul(xp.mul(mean, decay, out=out), value, value, value=1 - decay, out=out)


def plain(array: Any) -> Constant:
    """An array of constants as plain numbers: one if all are alike, a diagonal if it is one.

    Example:
        >>> plain(np.eye(2)), plain(np.diag([1.0, 2.0])), plain(np.ones((2, 2)))
        (1.0, (1.0, 2.0), ((1.0, 1.0), (1.0, 1.0)))
    """
    array = np.asarray(array, np.float64)
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        diagonal = np.diag(array)
        if not (array - np.diag(diagonal)).any():
            array = diagonal
    if array.ndim == 2:
        return tuple(tuple(row) for row in array.tolist())
    return float(array.flat[0]) if np.ptp(array) == 0 else tuple(array.tolist())


def larger(a: Any, b: Any) -> Any:
    """The larger of two finite numbers, up to rounding; its slope where they meet is their mean.

    Example:
        >>> larger(np.array([-1.0, 2.0]), 0.0)
        array([0., 2.])
    """
    return 0.5 * (a + b + abs(a - b))
