"""Measure the environment's speed and print it as a table: ``python -m benchmarks [--write]``."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.memory import memory_rows
from benchmarks.speed import speed_rows
from benchmarks.timing import Row
from benchmarks.training import training_row

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"
HEAD = ("what", "ratio: median [min, max]", "target", "figures")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    options = parser.parse_args()
    if options.write:
        write("", check_only=True)
    torch.set_num_threads(1)
    rounds, episodes = (1, 1) if options.quick else (31, 4)
    rows = speed_rows(rounds, episodes)
    rows.append(training_row(*((1, 1) if options.quick else (11, 3))))
    rows += memory_rows()
    table = f"{provenance()}\n\n{markdown(rows)}"
    print(table)
    if options.write:
        write(table)


def write(table: str, *, check_only: bool = False) -> None:
    """Put the table into README.md, or only see that it has its place, before minutes are spent."""
    try:
        text = between_markers(README.read_text(), table)
    except (OSError, ValueError) as error:
        sys.exit(f"benchmarks: {README.name}: {error}")
    if check_only:
        return
    partial = README.with_suffix(f".partial-{os.getpid()}")
    try:
        partial.write_text(text)
        os.replace(partial, README)
    finally:
        partial.unlink(missing_ok=True)


def provenance() -> str:
    git = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
    revision = subprocess.run(git, capture_output=True, text=True, cwd=README.parent, check=False)
    return (
        f"`make bench`, revision {revision.stdout.strip() or 'unknown'}; one thread of "
        f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, NumPy "
        f"{np.__version__}, torch {torch.__version__}. Ratios are medians of rounds taken in turn, "
        "with minimum and maximum."
    )


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def markdown(rows: list[Row]) -> str:
    """A Markdown table whose columns also line up on the screen."""
    cells = [HEAD, *((row.what, row.ratio, row.target, row.figures) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in cells)


def between_markers(text: str, table: str) -> str:
    """The text with the table between its markers.

    Raises:
        ValueError: if the markers are missing, repeated or the wrong way round.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or text.count(BEGIN) + text.count(END) != 2:
        raise ValueError(f"write {BEGIN} and then {END}, once, a line each, around the table.")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    main()
