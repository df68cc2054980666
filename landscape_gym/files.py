"""Files that are written whole or not at all, under names that nobody can guess meanwhile.

What is half-written is locked by the process that writes it. The operating system frees the lock
when that process ends, however it does: what can be locked was left by a command that was killed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows nothing is locked, and so nothing is cleared away
    fcntl = None

PARTIAL = ".partial-"
"""In the names of what is being written."""
_OURS = re.compile(re.escape(PARTIAL) + r"[0-9a-f]{16}(\.|$)")
_NOT_THROUGH_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_cleared: set[Path] = set()
"""Folders that this process has cleared, before it first wrote into them."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; what was written takes the place of `path` at the end.

    An error, or a kill, leaves the file that was there, and what a kill leaves half-written is
    cleared away by the next command that writes into the folder. The path to write to is that of a
    new file, and has the suffix of `path`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "table.csv") as partial:
        ...         _ = partial.write_text("1,2")
        ...     [file.name for file in Path(folder).iterdir()]
        ['table.csv']
    """

    def made(new: Path) -> int:
        return os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)  # which follows no link

    with _partial(path, path.stem, path.suffix, made) as partial:
        try:
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())  # or a crash could leave the name without the content
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def hidden_beside(path: Path) -> Iterator[Path]:
    """A new hidden folder beside `path`, on the same disk, to write to; it is gone at the end."""

    def made(new: Path) -> int:
        new.mkdir(parents=True)
        return os.open(new, os.O_RDONLY)

    with _partial(path, f".{path.name}", "", made) as folder:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def half_written(path: Path) -> bool:
    """Whether a name is one of what is being written, or was when its command was killed."""
    return _OURS.search(path.name) is not None


def clear(folder: Path) -> None:
    """Remove what commands that were killed have left half-written in a folder.

    What another process is writing stays, and so do links, whatever their names.
    """
    for path in folder.glob(f"*{PARTIAL}*"):
        if half_written(path):
            with (
                suppress(OSError),
                _locked(os.open(path, os.O_RDONLY | _NOT_THROUGH_LINKS)) as free,
            ):
                if free:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def _partial(path: Path, stem: str, suffix: str, made: Callable[[Path], int]) -> Iterator[Path]:
    """What is to become `path`, made under a name of its own, and locked.

    Raises:
        OSError: naming `path`, or what is to be in it, where something cannot be written.
    """
    if (folder := path.parent.absolute()) not in _cleared:
        clear(folder)
        _cleared.add(folder)
    while True:
        new = path.with_name(f"{stem}{PARTIAL}{secrets.token_hex(8)}{suffix}")
        try:
            with _locked(made(new)):
                if new.exists():  # or another process has cleared it away before it was locked
                    yield new
                    return
        except OSError as error:
            written = new if error.filename is None else Path(os.fsdecode(error.filename))
            if error.errno and written.is_relative_to(new):  # a full disk names no file
                error.filename = str(path / written.relative_to(new))
            raise


@contextmanager
def _locked(opened: int) -> Iterator[bool]:
    """Lock what a descriptor is of, which is closed at the end; whether nobody else had."""
    try:
        try:
            if fcntl is None:
                raise OSError
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # or the disk knows no locks
            yield False
        else:
            yield True
    finally:
        os.close(opened)
