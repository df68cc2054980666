"""What accompanies a training: checkpoints, held-out costs, the progress that is shown, its end.

A trainer says when it is at a *boundary*, where nothing is half done: before a rollout of an agent,
before a generation of a search. All that happens there leaves the training as it is, and, but for
checkpoints, which come by the clock, happens at the same boundaries however often it is stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.bar import Bar
from agents.checkpoint import Snapshot, restore, snapshot, write
from agents.heldout import COST, INTERVALS, HeldOut
from agents.logs import RunLogger
from agents.stops import Stops
from agents.trainer import Trainer


class Course:
    """The course of one training.

    Args:
        trainer: What trains.
        folder: Of the run; None writes nothing.
        settings: What the run was asked to do, to be compared when it is resumed.
        logger: Of the folder; None without one.
        start: What to go on from.
        seconds: Between checkpoints. When they are written has no influence on the run.
        heldout: What to evaluate on, as it trains.
        bar: What shows how far it is.
        stops: Signals, which are put off until a checkpoint is written.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: Path | None,
        *,
        settings: Mapping[str, Any],
        logger: RunLogger | None,
        start: Snapshot | None,
        seconds: float,
        heldout: HeldOut | None,
        bar: Bar,
        stops: Stops,
    ) -> None:
        self._trainer, self._folder, self._settings = trainer, folder, settings
        self._logger, self._start, self._seconds = logger, start, seconds
        self._heldout, self._bar, self._stops = heldout, bar, stops
        self._evaluations = 0
        self._last: float | None = None

    def begin(self) -> None:
        """Bring the trainer to where it goes on. The training itself has begun."""
        if self._start is not None:
            restore(self._trainer, self._start)
            self._evaluations = self._start.evaluations
            self._start = None  # a replay buffer is large
            self._last = time.monotonic()
        self._bar.begin(self._trainer.done)

    def boundary(self) -> None:
        """Evaluate and write what is due, and end the run if it has been asked to.

        Raises:
            KeyboardInterrupt: if it has been.
            ValueError: if the run holds what cannot be pickled.
        """
        share = min(self._trainer.done / self._trainer.total, 1.0)
        self._evaluate(due=int(share * INTERVALS) + 1)
        now = time.monotonic()
        if self._last is None or now - self._last >= self._seconds or self._stops.asked:
            self._write()
        self._stops.check()

    def step(self) -> None:
        """Show that some steps have been taken."""
        self._bar.at(self._trainer.done)

    def end(self) -> None:
        """Evaluate what was learned, and write that the training is finished."""
        self._evaluate(due=INTERVALS + 2)
        self._write(finished=True)

    def _evaluate(self, due: int) -> None:
        """Log the held-out cost, if fewer evaluations were made than are due."""
        if self._heldout is None or self._logger is None or due <= self._evaluations:
            return
        self._evaluations = due
        done, cost = self._trainer.done, self._heldout.cost(self._trainer.rule())
        self._logger.row(done, {COST: cost})
        self._bar.evaluated(done, cost, self._heldout.least)

    def _write(self, finished: bool = False) -> None:
        if self._folder is None or self._logger is None:
            return
        saved = snapshot(
            self._trainer,
            self._settings,
            self._logger.position,
            finished=finished,
            evaluations=self._evaluations,
        )
        write(self._folder, self._trainer.done, saved)
        self._last = time.monotonic()
