"""Parameters in pieces that a cache holds, for elementwise recurrences in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

CHUNK = 2**16
"""Coordinates in a piece on a CPU: so few that intermediate results stay in its cache."""


def pieces(tensors: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Contiguous tensors of one size, flat, in parts that belong together: on a CPU, else whole."""
    if not tensors[0].is_cpu or tensors[0].numel() <= CHUNK:
        yield tensors
    else:
        yield from zip(*(tensor.view(-1).split(CHUNK) for tensor in tensors), strict=True)


def numbers_of(scalars: list[Tensor]) -> list[float]:
    """Tensors of one number each as numbers; they come from a device at once, if it is one."""
    if not scalars or scalars[0].is_cpu or len({each.device for each in scalars}) > 1:
        return [each.item() for each in scalars]
    return torch.stack(scalars).tolist()
