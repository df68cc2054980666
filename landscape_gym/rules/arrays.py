"""What rules need beyond operators, for NumPy arrays and torch tensors alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

Constant = float | tuple[float, ...] | tuple[tuple[float, ...], ...]
"""One number for all coordinates, one for each, or a matrix."""


def like(values: Any, data: Any) -> Any:
    """Numbers as an array of the data's library, type and device.

    Example:
        >>> like((1.0, 2.0), np.zeros(2, np.float32))
        array([1., 2.], dtype=float32)
    """
    if isinstance(data, np.ndarray):
        return np.asarray(values, data.dtype)
    return data.new_tensor(values)


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
    library = np.linalg if isinstance(vectors, np.ndarray) else torch.linalg
    return library.solve(matrices, vectors[..., None])[..., 0]


def averaged(average: Any, value: Any, decay: float) -> Any:
    """``decay average + (1 - decay) value``; a tensor is overwritten by it."""
    if isinstance(average, np.ndarray):
        return average + (1 - decay) * (value - average)
    return average.lerp_(value, 1 - decay)


def averaged_square(average: Any, value: Any, decay: float) -> Any:
    """``decay average + (1 - decay) value^2``, likewise."""
    if isinstance(average, np.ndarray):
        return decay * average + (1 - decay) * value * value
    return average.mul_(decay).addcmul_(value, value, value=1 - decay)


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


def exp(array: Any) -> Any:
    """Exponentials."""
    return np.exp(array) if isinstance(array, np.ndarray) else array.exp()


def log(array: Any) -> Any:
    """Natural logarithms."""
    return np.log(array) if isinstance(array, np.ndarray) else array.log()


def larger(a: Any, b: Any) -> Any:
    """The larger of two finite numbers, up to rounding."""
    return 0.5 * (a + b + abs(a - b))
