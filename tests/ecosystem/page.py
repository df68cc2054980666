"""The table of docs/compatibility.md."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from baselines.pages import markdown, source, write_between_markers
from tests.ecosystem.environments import ROOT
from tests.ecosystem.examine import Examination
from tests.ecosystem.rows import ROWS

PAGE = ROOT / "docs" / "compatibility.md"
MARKERS = "compatibility"
COMMAND = "make ecosystem ARGS=--write"
HEAD = ("library", "release", "Gymnasium", "what is checked", "result", "command")


def table(examinations: Sequence[Examination]) -> str:
    """A line for each examination."""
    return markdown(HEAD, map(_cells, examinations))


def write(examinations: Sequence[Examination], page: Path = PAGE) -> None:
    """Put the table of all rows into the page, with what it takes to make it again.

    Raises:
        ValueError: if a row has no examination, or the page has no place for the table.
        OSError: if the page cannot be read or written.
    """
    missing = [
        name for name in ROWS if name not in {examination.row.name for examination in examinations}
    ]
    if missing:
        raise ValueError(f"the table is written whole; not examined: {', '.join(missing)}.")
    where = f"{source(COMMAND)}; Python {platform.python_version()}."
    write_between_markers(page, {MARKERS: f"{where}\n\n{table(examinations)}"})


def _cells(examination: Examination) -> tuple[str, ...]:
    row = examination.row
    result = f"{'works' if examination.works else '**fails**'}: {examination.said}"
    return (
        row.library,
        f"{row.distribution} {examination.version}",
        examination.gymnasium,
        row.checked,
        result.replace("|", "\\|"),
        f"`python -m tests.ecosystem --only {row.name}`",
    )
