"""The folder of a run: new or gone on with, and one process in it at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from agents.checkpoint import CHECKPOINTS
from baselines.files import holds_something
from landscape_gym.files import clear, half_written

LOCK = ".lock"
"""A file that the operating system locks, and unlocks when the process ends, however it does."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Have a run's folder to oneself, without what killed runs have left half-written.

    Raises:
        BlockingIOError: if another process is at work there.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise BlockingIOError(
            f"another training is at work in {folder}: wait until it has ended, or name another "
            "folder with --out."
        ) from error
    except OSError as error:
        if error.filename == str(folder / LOCK):  # which nobody has named
            error.filename = str(folder)
        raise
    try:
        for place in (folder, folder / CHECKPOINTS):
            clear(place)
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)  # while nobody else can hold it
        lock.release()


@contextmanager
def new_folder(given: Path | None, stem: str) -> Iterator[Path]:
    """A run's folder, made, empty and held: the given one, or a new one under runs/.

    Raises:
        FileExistsError: if the given one holds something.
        BlockingIOError: if another process has just begun there.
    """
    folder = _made(given, stem)
    with alone_in(folder):
        if not _left_by_a_kill(folder):
            raise FileExistsError(_HELD.format(folder))  # by one that was as quick
        yield folder


def _left_by_a_kill(folder: Path) -> bool:
    """Whether a folder is empty, but for what a run leaves that is killed before it has begun."""
    return all(path.name == LOCK or half_written(path) for path in folder.iterdir())


_HELD = (
    "{} holds something already; name a new folder with --out, move it, or go on with --resume if "
    "it is a run that was stopped."
)


def _made(given: Path | None, stem: str) -> Path:
    if given is not None:
        if holds_something(given) and not (given.is_dir() and _left_by_a_kill(given)):
            raise FileExistsError(_HELD.format(given))
        given.mkdir(parents=True, exist_ok=True)
        return given
    for attempt in range(1, 10_000):
        folder = Path("runs") / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"runs/ is full of {stem}; name a folder with --out.")
