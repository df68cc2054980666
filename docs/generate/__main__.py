"""Write the generated parts of a page: ``python -m docs.generate [--quick] [--page PATH]``.

Tables go between markers that name them, pictures into the folder images beside the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.table import between_markers, revision
from docs.generate.brackets import brackets_table
from docs.generate.effort import QUICK, Effort
from docs.generate.notebook import notebook_table
from docs.generate.pictures import save_discounts, save_plane
from docs.generate.regimes import regimes_table
from docs.generate.wells import wells_table
from landscape_gym.files import write_whole

PAGE = Path(__file__).parents[1] / "optimal-control.md"
COMMAND = "make pages"
TABLES: dict[str, Callable[[Effort], str]] = {
    "regimes": regimes_table,
    "brackets": brackets_table,
    "wells": wells_table,
    "notebook": notebook_table,
}
"""By the name of their markers."""
PICTURES: dict[str, Callable[[Path, Effort], None]] = {
    "double-well-discounts.png": save_discounts,
    "double-well-plane.png": save_plane,
}


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description="Write the generated parts of a page.")
    parser.add_argument("--quick", action="store_true", help="compute little; its figures are bad")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write into")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        generate(options.page, QUICK if options.quick else Effort())
    except (OSError, ValueError) as error:
        sys.exit(f"docs: {options.page.name}: {error}")


def generate(page: Path, effort: Effort) -> None:
    """Write tables and pictures.

    Args:
        page: The page, with a pair of markers for each table.
        effort: How much to compute.

    Raises:
        ValueError: if markers are missing, before anything is computed.
        OSError: if the page cannot be read or written.
    """
    text = page.read_text()
    for name in TABLES:
        between_markers(text, "", name)
    source = f"`{COMMAND}`, revision {revision()}."
    for name, table in TABLES.items():
        text = between_markers(text, f"{source} {table(effort)}", name)
    images = page.parent / "images"
    images.mkdir(exist_ok=True)
    for name, save in PICTURES.items():
        save(images / name, effort)
    write_whole(page, text)


if __name__ == "__main__":
    main()
