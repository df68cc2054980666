"""What a training run logs, so that it can be continued: ``progress.csv`` and TensorBoard.

Stable-Baselines3's own formats begin anew whenever they are opened.
"""

from __future__ import annotations

import csv
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from stable_baselines3.common.logger import (
    KVWriter,
    Logger,
    TensorBoardOutputFormat,
    filter_excluded_keys,
)
from torch.utils.tensorboard.writer import SummaryWriter

from landscape_gym.files import write_whole

CSV_FILE = "progress.csv"
STEPS = "time/total_timesteps"
ITERATIONS = "time/iterations"
"""Counted by ``learn`` from one, whenever it is called."""


@contextmanager
def errors_told_once() -> Iterator[None]:
    """Keep TensorBoard's thread from printing an error that the next write raises anyway."""
    others = threading.excepthook

    def told(failure: threading.ExceptHookArgs) -> None:
        if not type(failure.thread).__module__.startswith("tensorboard."):
            others(failure)

    threading.excepthook = told
    try:
        yield
    finally:
        threading.excepthook = others


class LogPosition(NamedTuple):
    """How far a run has logged."""

    rows: int = 0
    """Rows of ``progress.csv``."""
    step: int = 0
    """Environment steps at the last row."""
    iterations: int = 0
    """Rollouts until then, where the algorithm counts them."""
    pending: tuple[dict[str, Any], ...] = ({}, {}, {})
    """Values, counts and exclusions that wait for the next row."""


class RunLogger(Logger):
    """Logs to the folder of a run, from the beginning or from a position on.

    What was logged after that position belongs to work that is done again: rows of the CSV are cut
    off, TensorBoard is told to hide its points.

    Args:
        folder: Of the run.
        start: Where to go on.

    Raises:
        ValueError: if ``progress.csv`` does not reach that far.
    """

    def __init__(self, folder: Path, start: LogPosition | None = None) -> None:
        start = start or LogPosition()
        self._csv = CsvWriter(folder / CSV_FILE, start.rows)
        super().__init__(str(folder), [self._csv, TensorBoardWriter(folder, start.step + 1)])
        for mine, theirs in zip(self._pending, start.pending, strict=True):
            mine.update(theirs)
        self._step = start.step
        self._iterations = self._iterations_before = start.iterations

    @property
    def position(self) -> LogPosition:
        """How far this run has logged; the rows until there are on the disk."""
        self._csv.sync()
        pending = tuple(dict(waiting) for waiting in self._pending)
        return LogPosition(self._csv.rows, self._step, self._iterations, pending)

    @property
    def _pending(self) -> tuple[dict[str, Any], ...]:
        return self.name_to_value, self.name_to_count, self.name_to_excluded

    def record(self, key: str, value: Any, exclude: str | tuple[str, ...] | None = None) -> None:
        """Keep a value for the next row; iterations are counted on over all parts of the run."""
        if key == ITERATIONS:
            value = self._iterations = self._iterations_before + value
        super().record(key, value, exclude)

    def dump(self, step: int = 0) -> None:
        """Write a row."""
        super().dump(step)
        self._step = step

    def row(self, step: int, values: dict[str, float]) -> None:
        """Write a row of its own; what waits for the next one goes on waiting."""
        values = {STEPS: step, **values}
        excluded = {name: ("tensorboard",) if name == STEPS else () for name in values}
        for output in self.output_formats:
            output.write(values, excluded, step)
        self._step = step


class CsvWriter(KVWriter):
    """A table with one row per dump; earlier rows are empty where columns appear later.

    Args:
        path: Of the file.
        rows: How many of its rows to keep, if it exists.

    Raises:
        ValueError: if it has fewer.
    """

    def __init__(self, path: Path, rows: int = 0) -> None:
        self._path = path
        self.rows = rows
        columns, kept = _first_rows(path, rows)
        self._rewrite(columns, kept)

    def write(
        self,
        key_values: dict[str, Any],
        key_excluded: dict[str, tuple[str, ...]],
        step: int = 0,
    ) -> None:
        """Append a row."""
        values = filter_excluded_keys(key_values, key_excluded, "csv")
        if new := sorted(values.keys() - set(self._columns)):
            self.close()
            self._rewrite([*self._columns, *new], _first_rows(self._path, self.rows)[1])
        self._table.writerow(values)
        self._file.flush()
        self.rows += 1

    def sync(self) -> None:
        """Have the rows on the disk, and not in a cache that a power cut empties."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rewrite(self, columns: list[str], rows: list[dict[str, str]]) -> None:
        """Write the file anew, whole, and leave it open for more rows."""
        text = io.StringIO()
        table = csv.DictWriter(text, columns, lineterminator="\n")
        if columns:
            table.writeheader()
            table.writerows(rows)
        write_whole(self._path, text.getvalue())
        self._columns = columns
        self._file = self._path.open("a", newline="")
        self._table = csv.DictWriter(self._file, columns, lineterminator="\n")


def _first_rows(path: Path, count: int) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and first rows of a table."""
    if count == 0:
        return [], []
    if not path.exists():
        raise ValueError(f"{path} is missing: put it back, and resume again.")
    try:
        with path.open(newline="") as file:
            table = csv.DictReader(file)
            rows, columns = list(islice(table, count)), list(table.fieldnames or [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is damaged ({error}): put it back, and resume again.") from error
    if len(rows) < count:
        raise ValueError(
            f"{path} has {len(rows)} rows, and had {count} when the checkpoint was written: "
            "put the whole file back, and resume again."
        )
    return columns, rows


class TensorBoardWriter(TensorBoardOutputFormat):
    """TensorBoard's format, in which points from step `purge_step` on are hidden if there are any.

    Args:
        folder: Of the run.
        purge_step: The first step that is done again.
    """

    def __init__(self, folder: Path, purge_step: int) -> None:
        self.writer = SummaryWriter(log_dir=str(folder), purge_step=purge_step)
        self._is_closed = False
