"""Memory of large arrays, used again as soon as nobody holds what was in it.

A network's parameters take megabytes, and each step makes several arrays as large. Asking the
operating system for them anew costs more than the arithmetic: it gives memory page by page, each
filled with zeros. Here a step's results lie where those of earlier steps lay that nobody holds any
more; what a caller keeps is never written over.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np

LARGE = 2**20
"""Bytes from which on it pays; for smaller arrays the process has memory at hand as it is."""
DTYPES = ("float32", "float64")
"""Of which steps have large arrays."""
MOST = 12
"""How many pieces of memory a `Recycling` remembers: more than a step has arrays as large."""


class Recycling:
    """Pieces of memory for the results of steps; a context, in which `room` gives of them.

    Example:
        >>> ones = np.ones(LARGE)
        >>> with Recycling():
        ...     first = np.add(ones, ones, out=room(ones))
        ...     address = first.ctypes.data
        ...     del first
        ...     second = np.add(ones, ones, out=room(ones))
        ...     third = np.add(ones, ones, out=room(ones))
        >>> second.ctypes.data == address, third.ctypes.data == address
        (True, False)
    """

    def __init__(self) -> None:
        self._pieces: deque[np.ndarray] = deque(maxlen=MOST)  # where it is full, the oldest leaves
        self._outer: list[Recycling | None] = []

    def __enter__(self) -> None:
        self._outer.append(getattr(_here, "recycling", None))
        _here.recycling = self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _here.recycling = self._outer.pop()

    def __reduce__(self) -> tuple[type[Recycling], tuple[()]]:
        """Copies and pickles have no memory yet."""
        return Recycling, ()

    def piece(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Memory that nobody holds, as an array; whatever is in it."""
        for piece in self._pieces:
            # Arrays and tensors made of a piece refer to it, and so do all their views.
            if sys.getrefcount(piece) == _IDLE and piece.shape == shape and piece.dtype == dtype:
                return piece
        import torch  # only here: it takes longer to import than all the rest

        # Torch's memory begins where products are written fast; that of NumPy may not.
        fresh = torch.empty(shape, dtype=getattr(torch, dtype.name)).numpy()
        self._pieces.append(fresh)
        return fresh


def room(like: Any) -> Any:
    """Uninitialised memory for a result like an array or tensor, to be given as ``out``.

    None, with which functions take memory as usual, for small results, other dtypes and devices,
    and outside of a `Recycling`.
    """
    recycling: Recycling | None = getattr(_here, "recycling", None)
    if recycling is None or like.nbytes < LARGE:
        return None
    name, of_numpy = str(like.dtype).removeprefix("torch."), isinstance(like, np.ndarray)
    if name not in DTYPES or not (of_numpy or like.device.type == "cpu"):
        return None
    piece = recycling.piece(tuple(like.shape), np.dtype(name))
    if of_numpy:
        return piece.view()
    import torch

    return torch.from_numpy(piece)


@contextmanager
def paused() -> Iterator[None]:
    """Where `room` gives nothing, as outside of a `Recycling`."""
    outer, _here.recycling = getattr(_here, "recycling", None), None
    try:
        yield
    finally:
        _here.recycling = outer


_here = threading.local()


def _idle() -> int:
    """References to a piece that only its `Recycling` holds, as `Recycling.piece` counts them."""
    pieces = deque([np.empty(0)])
    for piece in pieces:  # as there, for what a loop's variable counts differs among versions
        return sys.getrefcount(piece)
    raise AssertionError


_IDLE = _idle()
