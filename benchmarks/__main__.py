"""Measure speed and print it as a table: ``python -m benchmarks [--write]``."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    import torch

    from baselines.pages import ROOT, machine, source, write_between_markers
    from baselines.timing import table_of
    from benchmarks.control import control_rows
    from benchmarks.memory import memory_rows
    from benchmarks.speed import speed_rows
    from benchmarks.training import training_row
    from landscape_gym.command_line import parsed

PAGE = ROOT / "docs" / "results" / "speed.md"
NAME = "benchmarks"
"""Of the table's markers."""


@dataclass(frozen=True)
class Options:
    """Measure speed and print it as a table."""

    write: bool = False
    """Whether to put the table into docs/results/speed.md."""
    quick: bool = False
    """Few rounds, to see that it runs."""


@program("python -m benchmarks", "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog="python -m benchmarks", description=__doc__)
    if options.write:
        write_between_markers(PAGE, {NAME: ""}, check_only=True)
    torch.set_num_threads(1)
    rounds, episodes = (1, 1) if options.quick else (31, 4)
    rows = speed_rows(rounds, episodes)
    rows.append(training_row(*((1, 1) if options.quick else (11, 3))))
    rows += memory_rows()
    rows += control_rows(1 if options.quick else 11)
    table = f"{provenance()}\n\n{table_of(rows)}"
    print(table)
    if options.write:
        write_between_markers(PAGE, {NAME: table})


def provenance() -> str:
    return (
        f"{source('make bench')}; {machine()}; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, torch "
        f"{torch.__version__}. Ratios are medians of rounds taken in turn, with minimum and "
        "maximum; so are times, of rounds one after another."
    )


if __name__ == "__main__":
    sys.exit(main())
