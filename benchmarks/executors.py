"""What each executor adds to a cell of a sweep: ``python -m benchmarks.executors``."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from baselines.sweep import EXECUTORS, Workers, sweep
from benchmarks.table import markdown, processor
from benchmarks.timing import seconds, spread

EMPTY = 500
"""Cells that compute nothing."""
BUSY = 24
"""Cells of about a second of arithmetic."""
WORKERS = 2


def nothing(cell: int) -> dict[str, Any]:
    return {}


def arithmetic(rounds: int) -> dict[str, Any]:
    """As much work wherever it is done, so that what others do meanwhile shows in the ratio."""
    x = np.arange(10_000.0)
    for _ in range(rounds):
        x = np.sqrt(x + 1.0)
    return {"sum": float(x.sum())}


def swept(executor: str, run_one: Any, cells: int, config: int) -> float:
    """Seconds of a sweep, beginning with the start of its workers."""
    with tempfile.TemporaryDirectory() as folder:
        todo = {f"cell{i}": config for i in range(cells)}
        return seconds(lambda: sweep(todo, run_one, Path(folder), Workers(executor, WORKERS)))


def rounds_of_a_second() -> int:
    tried = 2_000
    begun = time.perf_counter()
    arithmetic(tried)
    return round(tried / (time.perf_counter() - begun))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    config, rows = rounds_of_a_second(), []
    for name in EXECUTORS:
        start = [swept(name, nothing, 1, 0) for _ in range(options.repeats)]
        empty = [swept(name, nothing, EMPTY, 0) for _ in range(options.repeats)]
        ratios = [
            swept("serial", arithmetic, BUSY, config) / swept(name, arithmetic, BUSY, config)
            for _ in range(options.repeats)
        ]
        each = 1e3 * (np.median(empty) - np.median(start)) / (EMPTY - 1)
        speed = spread(np.array(ratios))
        rows.append((name, f"{np.median(start):.2f} s", f"{each:.2f} ms", speed))
    print(f"{WORKERS} workers on {os.cpu_count()} cores of {processor()}\n")
    head = ("executor", "one empty cell", "each further one", "speed against serial, cells of 1 s")
    print(markdown(head, rows))


if __name__ == "__main__":
    main()
