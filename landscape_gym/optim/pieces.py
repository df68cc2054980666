"""Parameters in pieces that a cache holds, for elementwise recurrences in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

CHUNK = 2**15
"""Coordinates in a piece on a CPU: so few that intermediate results stay in its cache."""

Rows = Sequence[Sequence[Tensor]]
"""For each parameter tensors of its size, contiguous."""
Piece = tuple[list[int], list[list[Tensor]]]
"""Which rows the parts are of, and the parts of every column."""


def foreach(rows: Rows, asked: bool | None) -> bool:
    """Whether tensors are worked on together: as asked, or off the CPU, where that is faster."""
    return rows[0][0].device.type != "cpu" if asked is None else asked


def pieces(rows: Rows, asked: bool | None) -> Iterator[Piece]:
    """Tensors that belong together, flat: all of them, or parts of each in turn.

    Args:
        rows: The tensors.
        asked: For all of them at once, as of `foreach`.
    """
    flat = [[tensor.view(-1) for tensor in row] for row in rows]
    if foreach(rows, asked):
        yield list(range(len(rows))), list(map(list, zip(*flat, strict=True)))
        return
    for number, row in enumerate(flat):
        n = len(row[0])
        size = CHUNK if row[0].device.type == "cpu" else n
        if n <= size:
            yield [number], [[tensor] for tensor in row]
            continue
        for start in range(0, n, size):
            yield [number], [[tensor[start : start + size]] for tensor in row]


def numbers_of(scalars: list[Tensor]) -> list[float]:
    """Tensors of one number each as numbers; they come from a device at once, if it is one."""
    if len({each.device for each in scalars}) == 1:
        return torch.stack(scalars).tolist()
    return [each.item() for each in scalars]
