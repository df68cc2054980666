"""Parameters in pieces that a cache holds, for elementwise recurrences in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

CHUNK = 2**15
"""Coordinates in a piece on a CPU: so few that intermediate results stay in its cache."""

Piece = tuple[list[int], list[list[Tensor]]]
"""Which rows the parts are of, and the parts of every column."""


def pieces(rows: Sequence[Sequence[Tensor]], foreach: bool | None) -> Iterator[Piece]:
    """Tensors that belong together, flat and in pieces.

    On a CPU long tensors are cut and short ones put together, up to `CHUNK` coordinates; elsewhere
    all are one piece. With ``foreach=False`` each row is a piece.

    Args:
        rows: One for each parameter, of tensors of its size, contiguous.
        foreach: Whether several tensors go together; None: yes.
    """
    cut = rows[0][0].device.type == "cpu" and foreach is not False
    members: list[int] = []
    parts: list[list[Tensor]] = []
    size = 0
    for number, row in enumerate(rows):
        flat = [tensor.view(-1) for tensor in row]
        n = len(flat[0])
        for start in range(0, n, CHUNK if cut else n):
            stop = min(start + CHUNK, n) if cut else n
            if members and (foreach is False or (cut and size + stop - start > CHUNK)):
                yield members, list(map(list, zip(*parts, strict=True)))
                members, parts, size = [], [], 0
            members.append(number)
            parts.append(flat if stop - start == n else [t[start:stop] for t in flat])
            size += stop - start
    yield members, list(map(list, zip(*parts, strict=True)))
