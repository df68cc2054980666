"""NumPy arrays and torch tensors by one arithmetic: the functions that both have.

What is written with operators, `namespace` and `like` takes either, of any device and floating
dtype, and gradients and `torch.func.vmap` go through it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace, device
from array_api_compat import numpy as numpy_namespace

from landscape_gym.recycling import room

Array: TypeAlias = Any
"""A NumPy array or a torch tensor."""
SMALLEST = 1e-30
"""Added to mean squares and variances that are divided by; representable in float32."""


_namespaces: dict[type, Any] = {}


def namespace(array: Array) -> Any:
    """The functions of the array's library, by the names of the Python array API standard.

    Example:
        >>> namespace(np.zeros(2)).concat([np.zeros(1), np.ones(1)])
        array([0., 1.])
    """
    # The usual case first: asking each library whether the array is its own takes microseconds.
    if isinstance(array, np.ndarray):
        return numpy_namespace
    found = _namespaces.get(type(array))
    if found is None:
        found = _namespaces[type(array)] = array_namespace(array)
    return found


def like(values: Any, data: Array) -> Array:
    """Numbers, or an array, as an array of the data's library, type and device.

    Example:
        >>> like((1.0, 2.0), np.zeros(2, np.float32))
        array([1., 2.], dtype=float32)
    """
    if isinstance(data, np.ndarray):
        return np.asarray(values, data.dtype)
    if isinstance(values, type(data)):
        return values.to(data)
    return namespace(data).asarray(values, dtype=data.dtype, device=device(data))


def dtype_of(array: Array) -> np.dtype:
    """The array's dtype, as NumPy names it.

    Example:
        >>> dtype_of(np.zeros(2, np.float32)).name
        'float32'
    """
    if isinstance(array, np.ndarray):
        return array.dtype
    return np.dtype(str(array.dtype).removeprefix("torch."))


def brought(values: Any, data: Array) -> Array:
    """An array of any library, with its own dtype, as one of the data's library and device."""
    if isinstance(values, type(data)):
        return values
    return namespace(data).asarray(values, device=device(data))


def bounded(values: Array) -> Array:
    """Numbers that are at least 0 and may have overflowed: the largest finite one at the most.

    Example:
        >>> bounded(np.array([1.0, np.inf], np.float32))
        array([1.0000000e+00, 3.4028235e+38], dtype=float32)
    """
    return values.clip(None, float(namespace(values).finfo(values.dtype).max))


def dot(a: Array, b: Array) -> Array:
    """Sum of products over the last axis."""
    if isinstance(a, np.ndarray):
        return np.vecdot(a, b)
    if a.ndim == 2 and a.shape[0] == 1 and a.shape == b.shape:  # one long row: one pass over it
        return (a @ b.mT)[0]
    # Torch's own function, and the namespace's, are slower by far, and not known to vmap.
    return (a * b).sum(-1)


def moved(x: Array, scale: Any, y: Array) -> Array:
    """``scale y + x``, of arrays of one shape."""
    if isinstance(x, np.ndarray):
        place = room(x)
        if place is None:
            return scale * y + x  # in this order NumPy adds in place
        return np.add(np.multiply(scale, y, out=place), x, out=place)
    if not isinstance(scale, int | float):
        return scale * y + x
    place = room(x)
    if place is None:
        return x.add(y, alpha=scale)  # one pass instead of two
    import torch

    return torch.add(x, y, alpha=scale, out=place)


def scaled(scale: float, x: Array) -> Array:
    """``scale x``, in a new array."""
    if isinstance(x, np.ndarray):
        return np.multiply(scale, x, out=room(x))
    import torch

    return torch.mul(x, scale, out=room(x))


def clipped(x: Array, low: float, high: float) -> Array:
    """Values between two bounds, in a new array."""
    place = room(x)
    if place is None:
        return x.clip(low, high)
    if isinstance(x, np.ndarray):
        return np.clip(x, low, high, out=place)
    import torch

    return torch.clamp(x, low, high, out=place)


def squares_within(x: Array, bound: float) -> Array | None:
    """Sums of squares of rows (B,), if they alone say that all numbers are within +-`bound`.

    One pass that only reads; None where a row is longer than that, or not a number.

    Example:
        >>> squares_within(np.array([[0.6, 0.8]]), 1.0), squares_within(np.ones((1, 2)), 1.0)
        (array([1.]), None)
    """
    squared = dot(x, x)  # a sum of squares is, rounded as well, no smaller than any of them
    return squared if bool((squared <= bound**2).all()) else None


def matvec(A: Array, x: Array) -> Array:
    """``A x`` row by row, of matrices (..., n, m) and vectors (..., m)."""
    return np.matvec(A, x) if isinstance(x, np.ndarray) else (A @ x[..., None])[..., 0]


def diagonal_of(A: Array) -> Array:
    """Diagonals (..., n) of matrices (..., n, n)."""
    return np.einsum("...ii->...i", A) if isinstance(A, np.ndarray) else A.diagonal(0, -2, -1)


def below(size: int, uniform: Array) -> Array:
    """Whole numbers below `size` from uniform ones in [0, 1)."""
    xp = namespace(uniform)
    whole = xp.astype(uniform * size, xp.int64, copy=False)
    return whole.clip(None, size - 1)  # rounding can reach it
