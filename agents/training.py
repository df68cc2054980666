"""Train what is set up: from the beginning or from where it was stopped, to the same end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from agents.bar import Bar
from agents.checkpoint import CHECKPOINTS, Snapshot, newest, restore
from agents.course import Course
from agents.heldout import HeldOut
from agents.logs import CSV_FILE, RunLogger, errors_told_once
from agents.stops import Stops
from agents.trainer import Trainer

T = TypeVar("T", bound=Trainer)


def train(
    trainer: T,
    *,
    folder: Path | None = None,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    heldout: HeldOut | None = None,
    stops: Stops | None = None,
    progress: bool = False,
) -> T:
    """Let a trainer learn; the same seed gives the same rule on the same machine.

    A run that was stopped, however, and is resumed ends with the same weights, too, and with one
    log. A finished one is read, not trained again.

    Args:
        trainer: Set up and new.
        folder: Of the run, for logs and checkpoints; None writes nothing.
        resume: Whether to go on with the run in `folder`, from its newest checkpoint, or from the
            beginning where there is none.
        checkpoint_seconds: Time between checkpoints.
        heldout: What to evaluate on, as it trains; it is logged, and changes nothing else.
        stops: Signals, to be put off until a checkpoint is written.
        progress: Whether to show how far it is.

    Returns:
        The trainer.

    Raises:
        ValueError: for a run that cannot be resumed: it had other settings, or its newest
            checkpoint is damaged; or for a new run in the folder of another one.
    """
    settings = trainer.settings
    start = _start(folder, settings, resume)
    if start is not None and start.finished:
        restore(trainer, start)
        return trainer
    stops = stops or Stops()
    with Bar(trainer.total, shown=progress) as bar, _logging(trainer, folder, start) as logger:
        course = Course(
            trainer,
            folder,
            settings=settings,
            logger=logger,
            start=start,
            seconds=checkpoint_seconds,
            heldout=heldout,
            bar=bar,
            stops=stops,
        )
        if folder is None:  # there is nothing to wait for
            trainer.learn(course)
        else:
            with stops.put_off():
                trainer.learn(course)
    return trainer


@contextmanager
def _logging(
    trainer: Trainer, folder: Path | None, start: Snapshot | None
) -> Iterator[RunLogger | None]:
    """Let a trainer log to a folder, if there is one."""
    if folder is None:
        yield None
        return
    folder.mkdir(parents=True, exist_ok=True)
    logger = RunLogger(folder, None if start is None else start.log)
    trainer.log_to(logger)
    with errors_told_once():
        try:
            yield logger
        finally:
            logger.close()


def _start(folder: Path | None, settings: Mapping[str, Any], resume: bool) -> Snapshot | None:
    """What a run goes on from; None if it is new, or was stopped before the first checkpoint."""
    if not resume:
        if folder is not None and any((folder / name).exists() for name in (CSV_FILE, CHECKPOINTS)):
            raise ValueError(f"{folder} holds a run: resume it, or name another folder.")
        return None
    if folder is None:
        raise ValueError("name the folder of the run that is to be resumed.")
    start = newest(folder)
    if start is not None:
        for name, value in settings.items():
            if (then := start.settings.get(name)) != value:
                raise ValueError(
                    f"{folder} holds a run with another {name}: {then!r}, not "
                    f"{value!r}. Resume it with its own, or train anew in another folder."
                )
    return start
