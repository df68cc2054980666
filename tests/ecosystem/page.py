"""The table of docs/compatibility.md."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from baselines.pages import between_markers, markdown, revision
from landscape_gym.files import write_whole
from tests.ecosystem.environments import ROOT
from tests.ecosystem.examine import Outcome
from tests.ecosystem.rows import ROWS

PAGE = ROOT / "docs" / "compatibility.md"
MARKERS = "compatibility"
COMMAND = "make ecosystem ARGS=--write"
HEAD = ("library", "release", "Gymnasium", "what is checked", "result", "command")


def table(outcomes: Sequence[Outcome]) -> str:
    """A line for each outcome."""
    return markdown(HEAD, map(_cells, outcomes))


def write(outcomes: Sequence[Outcome], page: Path = PAGE) -> None:
    """Put the table of all rows into the page, with what it takes to make it again.

    Raises:
        ValueError: if a row has no outcome, or the page has no place for the table.
        OSError: if the page cannot be read or written.
    """
    missing = [name for name in ROWS if name not in {outcome.row.name for outcome in outcomes}]
    if missing:
        raise ValueError(f"the table is written whole; not examined: {', '.join(missing)}.")
    source = f"`{COMMAND}`, revision {revision()}; Python {platform.python_version()}."
    text = between_markers(page.read_text(), f"{source}\n\n{table(outcomes)}", MARKERS)
    write_whole(page, text)


def _cells(outcome: Outcome) -> tuple[str, ...]:
    row = outcome.row
    result = f"{'works' if outcome.works else '**fails**'}: {outcome.said}"
    return (
        row.library,
        f"{row.distribution} {outcome.version}",
        outcome.gymnasium,
        row.checked,
        result.replace("|", "\\|"),
        f"`python -m tests.ecosystem --only {row.name}`",
    )
