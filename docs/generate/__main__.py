"""Write tables and pictures of docs/optimal-control.md: ``python -m docs.generate``.

Tables go between markers that name them, pictures into the folder images beside the page.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from baselines.pages import ROOT, source, write_between_markers
    from docs.generate.brackets import brackets_table
    from docs.generate.effort import QUICK, Effort
    from docs.generate.notebook import notebook_table
    from docs.generate.pictures import save_discounts, save_plane
    from docs.generate.regimes import regimes_table
    from docs.generate.rotation import rotation_table
    from docs.generate.wells import wells_table
    from landscape_gym.command_line import parsed

PAGE = ROOT / "docs" / "optimal-control.md"
COMMAND = "make pages"
TABLES: dict[str, Callable[[Effort], str]] = {
    "regimes": regimes_table,
    "brackets": brackets_table,
    "rotation": rotation_table,
    "wells": wells_table,
    "notebook": notebook_table,
}
"""By the name of their markers."""
PICTURES: dict[str, Callable[[Path, Effort], None]] = {
    "double-well-discounts.png": save_discounts,
    "double-well-plane.png": save_plane,
}


@dataclass(frozen=True)
class Options:
    """Write a page's generated parts."""

    quick: bool = False
    """Whether to compute little; its figures are bad."""
    page: Path = PAGE
    """What to write into."""


@program("python -m docs.generate", "The page is as it was.")
def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and generate."""
    options = parsed(Options, argv, prog="python -m docs.generate", description=__doc__)
    torch.set_num_threads(1)
    generate(options.page, QUICK if options.quick else Effort())


def generate(page: Path, effort: Effort) -> None:
    """Write tables and pictures.

    Args:
        page: The page, with a pair of markers for each table.
        effort: How much to compute.

    Raises:
        ValueError: if markers are missing, before anything is computed.
        OSError: if the page cannot be read or written.
    """
    write_between_markers(page, dict.fromkeys(TABLES, ""), check_only=True)
    tables = {name: f"{source(COMMAND)}. {table(effort)}" for name, table in TABLES.items()}
    images = page.parent / "images"
    images.mkdir(exist_ok=True)
    for name, save in PICTURES.items():
        save(images / name, effort)
    write_between_markers(page, tables)


if __name__ == "__main__":
    sys.exit(main())
