"""Parameters in pieces that a cache holds, for elementwise recurrences in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

CHUNK = 2**15
"""Coordinates in a piece on a CPU: so few that intermediate results stay in its cache."""


def pieces(rows: Iterable[Sequence[Tensor]]) -> Iterator[list[Tensor]]:
    """Tensors that belong together, contiguous and of one size, flat: in parts on a CPU."""
    for row in rows:
        flat = [tensor.view(-1) for tensor in row]
        if flat[0].device.type != "cpu" or len(flat[0]) <= CHUNK:
            yield flat
        else:
            yield from map(list, zip(*(tensor.split(CHUNK) for tensor in flat), strict=True))


def numbers_of(scalars: list[Tensor]) -> list[float]:
    """Tensors of one number each as numbers; they come from a device at once, if it is one."""
    if len({each.device for each in scalars}) == 1:
        return torch.stack(scalars).tolist()
    return [each.item() for each in scalars]
