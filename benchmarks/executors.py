"""What each executor adds to a cell of a sweep: ``python -m benchmarks.executors``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np

    from baselines.pages import markdown, processor
    from baselines.sweep import EXECUTORS, Workers, sweep
    from baselines.timing import seconds, spread
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import count


EMPTY = 500
"""Cells that compute nothing."""
BUSY = 120
"""Cells of about a second of arithmetic: so many that the start of workers hides nothing."""
WORKERS = 2
SPEED = f"speed against serial, {BUSY} cells of 1 s, start included"


def nothing(cell: int) -> dict[str, Any]:
    return {}


def arithmetic(rounds: int) -> dict[str, Any]:
    """As much work wherever it is done, so that what others do meanwhile shows in the ratio."""
    x = np.arange(10_000.0)
    for _ in range(rounds):
        x = np.sqrt(x + 1.0)
    return {"sum": float(x.sum())}


def time_sweep(executor: str, run_one: Any, cells: int, config: int) -> float:
    """Seconds of a sweep, beginning with the start of its workers."""
    with tempfile.TemporaryDirectory() as folder:
        todo = {f"cell{i}": config for i in range(cells)}
        return seconds(lambda: sweep(todo, run_one, Path(folder), Workers(executor, WORKERS)))


def rounds_of_a_second() -> int:
    tried = 2_000
    begun = time.perf_counter()
    arithmetic(tried)
    return round(tried / (time.perf_counter() - begun))


def row(name: str, repeats: int, config: int, serially: float) -> tuple[str, ...]:
    first = time_sweep(name, nothing, 1, 0)
    pairs = [
        (time_sweep(name, nothing, EMPTY, 0), time_sweep(name, nothing, 1, 0))
        for _ in range(repeats)
    ]
    each = [1e3 * (many - one) / (EMPTY - 1) for many, one in pairs]
    busy = serially if name == "serial" else time_sweep(name, arithmetic, BUSY, config)
    speed = f"{serially / busy:.2f} ({busy:.0f} s)"
    return name, f"{first:.2f} s", f"{spread(np.array(each))} ms", speed


@dataclass(frozen=True)
class Options:
    """Time sweeps by each executor."""

    repeats: int = 5
    """Timed sweeps."""

    def __post_init__(self) -> None:
        count("--repeats", self.repeats)


@program("python -m benchmarks.executors", "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog="python -m benchmarks.executors", description=__doc__)
    config = rounds_of_a_second()
    serially = time_sweep("serial", arithmetic, BUSY, config)
    rows = [row(name, options.repeats, config, serially) for name in EXECUTORS]
    print(f"{WORKERS} workers on {os.cpu_count()} cores of {processor()}\n")
    print(markdown(("executor", "first sweep, of one empty cell", "each cell", SPEED), rows))


if __name__ == "__main__":
    sys.exit(main())
