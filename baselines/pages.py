"""Tables in Markdown, the place between markers that they take, and where figures come from."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from landscape_gym.files import write_whole

ROOT = Path(__file__).parents[1]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up on the screen."""
    cells = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in cells)


def between_markers(text: str, table: str, name: str = "benchmarks") -> str:
    """The text with the table between the markers of that name.

    Raises:
        ValueError: if the markers are missing, repeated or the wrong way round.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed) or text.count(begin) + text.count(end) != 2:
        raise ValueError(f"write {begin} and then {end}, once, a line each, around the table.")
    return f"{before}{begin}\n{table}\n{end}{after}"


def write_between_markers(
    page: Path, tables: Mapping[str, str], *, check_only: bool = False
) -> None:
    """Put tables into a page, or only see that they have their places, before minutes are spent.

    Args:
        page: The page.
        tables: By the name of their markers.
        check_only: Whether to leave the page as it is.

    Raises:
        SystemExit: if the page cannot be read or written, or a table has no place, saying so.
    """
    try:
        text = page.read_text()
        for name, table in tables.items():
            text = between_markers(text, table, name)
        if not check_only:
            write_whole(page, text)
    except (OSError, ValueError) as error:
        sys.exit(f"benchmarks: {page.name}: {error}")


def revision() -> str:
    """Of the checkout; a plus says that files have changed since."""
    git = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, cwd=ROOT, check=False)
    except OSError:  # no git
        return "unknown"
    return done.stdout.strip() or "unknown"


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
