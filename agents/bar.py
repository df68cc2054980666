"""How far a training is: a bar on a terminal, lines elsewhere; both show the held-out cost."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from agents.durations import in_words


class Bar(AbstractContextManager["Bar"]):
    """Progress on standard error.

    Args:
        total: Steps.
        shown: Whether to show anything.
    """

    def __init__(self, total: int, *, shown: bool) -> None:
        console = Console(file=sys.stderr)
        self._total, self._lines = total, shown and not console.is_terminal
        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} steps"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not shown or self._lines,
        )
        self._task = self._progress.add_task("", total=total)
        self._begun = (0, time.monotonic())

    def __enter__(self) -> Bar:
        """Show it."""
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave it as it is."""
        self._progress.stop()

    def begin(self, done: int) -> None:
        """Begin after some steps, which are not counted for the time that remains."""
        self._progress.reset(self._task, total=self._total, completed=done)
        self._begun = (done, time.monotonic())

    def at(self, done: int) -> None:
        """Show how many steps are done."""
        self._progress.update(self._task, completed=done)

    def evaluated(self, done: int, cost: float, least: float | None) -> None:
        """Show the held-out cost beside the optimum's, if that is known."""
        beside = "" if least is None else f", J* {least:.4g}"
        self._progress.update(self._task, completed=done, description=f"J {cost:.4g}{beside}")
        if self._lines:
            line = f"{done:,} of {self._total:,} steps: held-out cost J {cost:.4g}{beside}"
            print(f"{line}{self._left(done)}", file=sys.stderr, flush=True)

    def _left(self, done: int) -> str:
        """How long the rest takes if it goes on as it went; nothing where nothing is known."""
        first, when = self._begun
        if not first < done < self._total:
            return ""
        seconds = (time.monotonic() - when) / (done - first) * (self._total - done)
        return f", {in_words(seconds)} left"
