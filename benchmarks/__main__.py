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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rounds, episodes = (1, 1) if options.quick else (11, 4)
    rows = speed_rows(rounds, episodes)
    rows.append(training_row(*((1, 1) if options.quick else (5, 3))))
    rows += memory_rows()
    table = f"{provenance()}\n\n{markdown(rows)}"
    print(table)
    if options.write:
        try:
            text = between_markers(README.read_text(), table)
        except ValueError as error:
            sys.exit(f"benchmarks: {README.name}: {error}")
        partial = README.with_suffix(".partial")
        partial.write_text(text)
        os.replace(partial, README)


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
    head = "| what | ratio | target | figures |\n|---|---|---|---|"
    lines = [f"| {row.what} | {row.ratio} | {row.target} | {row.figures} |" for row in rows]
    return "\n".join([head, *lines])


def between_markers(text: str, table: str) -> str:
    """The text with the table between its markers.

    Raises:
        ValueError: if the markers are missing.
    """
    if BEGIN not in text or END not in text:
        raise ValueError(f"write {BEGIN} and {END}, a line each, where the table belongs.")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    main()
