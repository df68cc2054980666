"""A sweep: cells by name, computed where an executor computes them, a file for each result.

What is in the folder is all there is: a cell whose file is there is finished, whoever computed it,
so that a sweep that was stopped, by whatever, goes on with the others when it is started again.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from baselines.sweep.executors import Lost, Workers
from landscape_gym.files import PARTIAL, clear, write_whole

RunOne = Callable[[Any], dict[str, Any]]
"""Computes a cell: a pure function, importable by name, from a picklable configuration to a result
in JSON's types."""
Check = Callable[[str, Any], None]
"""Told a cell's name and what its file holds, in JSON's types; ValueError for no result of it."""


@dataclass(frozen=True)
class Swept:
    """How a sweep ended."""

    computed: int
    """Cells that were computed now."""
    skipped: int
    """Cells that had been finished before."""
    failed: dict[str, str]
    """By name, the traceback of each cell that failed, or why there is none."""
    renewed: tuple[str, ...] = ()
    """Why files were not taken for results: a sentence for each that was computed again."""


@dataclass(frozen=True)
class _Ended:
    """A cell that has been computed, or has failed."""

    name: str
    result: dict[str, Any] | None
    failure: str | None = None


def sweep(
    cells: Mapping[str, Any],
    run_one: RunOne,
    folder: Path,
    workers: Workers,
    watch: Callable[[str], None] = lambda name: None,
    *,
    check: Check = lambda name, result: None,
    again: bool = False,
) -> Swept:
    """Compute the cells that are not finished.

    A cell that fails leaves ``NAME.error.txt`` with its traceback, is computed anew the next time,
    and keeps no other from being computed; so does one whose process is ended again and again.

    Args:
        cells: Configurations by names, which are file names without suffix.
        run_one: Computes one.
        folder: Where ``NAME.json`` is written for each.
        workers: Where, and how many at a time.
        watch: Told the name of each cell that has ended.
        check: Whether what a file holds is a result of its cell.
        again: Whether to compute a cell again whose file is damaged, or holds something else.

    Raises:
        ValueError: for such a file otherwise, before anything is computed.
        ImportError: without the package of the executor.
        OSError: if the folder cannot be written, or nothing can be computed any more.
    """
    workers.check()
    folder.mkdir(parents=True, exist_ok=True)
    clear(folder)
    finished, renewed = set(), []
    for path in finished_files(folder):
        try:
            if path.stem in cells:
                read(path, check)
        except ValueError as error:
            if not again or path.is_dir():
                raise
            renewed.append(str(error))
        else:
            finished.add(path.stem)
    todo = [(name, cell) for name, cell in cells.items() if name not in finished]
    failed: dict[str, str] = {}
    for ended in map(_ended, workers.results(partial(_computed, run_one), todo)):
        complaint = complaint_file(folder, ended.name)
        if ended.failure is None:
            write_whole(folder / f"{ended.name}.json", json.dumps(ended.result) + "\n")
            complaint.unlink(missing_ok=True)
        else:
            failed[ended.name] = ended.failure
            write_whole(complaint, ended.failure)
        watch(ended.name)
    return Swept(len(todo) - len(failed), len(cells) - len(todo), failed, tuple(renewed))


def _ended(result: _Ended | Lost) -> _Ended:
    """How a cell has ended, also of one that nothing came back of."""
    if isinstance(result, Lost):
        return _Ended(result.item[0], None, f"{result.why}\n")
    return result


def finished_files(folder: Path) -> list[Path]:
    """Result files of finished cells, in the order of their names."""
    return sorted(path for path in folder.glob("*.json") if PARTIAL not in path.name)


def results(folder: Path, check: Check = lambda name, result: None) -> Iterator[dict[str, Any]]:
    """Results of finished cells, in the order of their names.

    Raises:
        ValueError: for a file that is damaged, or holds no result of its cell.
    """
    for path in finished_files(folder):
        yield read(path, check)


def read(path: Path, check: Check) -> dict[str, Any]:
    """What a cell's file holds.

    Raises:
        ValueError: if it is damaged, or no result of its cell.
    """
    try:
        result = json.loads(path.read_text())
        check(path.stem, result)
    except (ValueError, TypeError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(
            f"{path} is damaged, or no result of its cell ({why}): delete it, and its cell is "
            "computed again."
        ) from error
    return result


def complaint_file(folder: Path, name: str) -> Path:
    """Where the traceback of a cell that failed is kept."""
    return folder / f"{name}.error.txt"


def complaints(failed: Mapping[str, str], folder: Path) -> Iterator[str]:
    """A line for each cell that failed: its error, and where all of it is.

    Args:
        failed: As of `Swept`.
        folder: Of the cells.
    """
    for name, failure in failed.items():
        last = list(takewhile(lambda line: not line.startswith(" "), failure.splitlines()[::-1]))
        yield f"{name} failed: {' '.join(last[::-1])} (traceback: {complaint_file(folder, name)})"


def _computed(run_one: RunOne, cell: tuple[str, Any]) -> _Ended:
    """A cell's end; a failure is one, too. On one thread, wherever: sums have an order."""
    name, config = cell
    try:
        with threadpool_limits(1):
            return _Ended(name, run_one(config))
    except Exception:  # whatever a cell raises is reported, and the others go on
        return _Ended(name, None, traceback.format_exc())
