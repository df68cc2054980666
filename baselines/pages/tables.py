"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]], *, aligned: bool = True) -> str:
    """A Markdown table.

    Args:
        head: The columns' names.
        rows: As many cells each.
        aligned: Whether columns line up on the screen, too.

    Example:
        >>> print(markdown(("rule", "J"), [("momentum", "1.5")]))
        | rule     | J   |
        | -------- | --- |
        | momentum | 1.5 |
    """
    cells = [tuple(head), *map(tuple, rows)]
    columns = list(zip(*cells, strict=True))
    widths = [max(map(len, column)) if aligned else 0 for column in columns]
    cells.insert(1, tuple("-" * (width or 3) for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in cells)
