"""Commands in forked processes, which begin at once: what takes seconds to import, a parent has.

A command can be killed at any moment, or can kill itself in the middle of what it writes. In the
latter case, it dies half-way through a file's content, half-way through a row of a log, or between
the two names of a file that takes another one's place.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch

Command = Callable[[Sequence[str]], int]
"""What is given words, and returns an exit status."""
TRACEBACK = 99
"""The status of a command that ended with one."""


class Forked:
    """A command at work in a process of its own.

    Args:
        command: What is run.
        words: What it is given.
        said: The file of what it prints.
        dies_at: The write in the midst of which it kills itself, counted from one; 0: none.
        after: A descriptor to be read from before it begins, so that several begin at once.
    """

    def __init__(
        self,
        command: Command,
        words: Sequence[str],
        said: Path,
        dies_at: int = 0,
        after: int | None = None,
    ) -> None:
        self._said = said
        self._counted, counts = os.pipe()
        if (pid := os.fork()) == 0:
            _become(command, words, said, dies_at, counts, after)
        os.close(counts)
        self._pid = pid

    def wait(self, seconds: float | None = None) -> int:
        """The exit status, or minus the signal that ended it.

        Args:
            seconds: After which it is killed.
        """
        until = time.monotonic() + (seconds or 0.0)
        ended, status = os.waitpid(self._pid, 0 if seconds is None else os.WNOHANG)
        while not ended and time.monotonic() < until:
            time.sleep(0.002)
            ended, status = os.waitpid(self._pid, os.WNOHANG)
        if not ended:
            os.kill(self._pid, signal.SIGKILL)
            _, status = os.waitpid(self._pid, 0)
        with open(self._counted, "rb") as file:
            self.writes = int.from_bytes(file.read() or b"\0")
        return os.waitstatus_to_exitcode(status)

    writes = 0
    """How often it could have killed itself while it wrote; 0 if it was killed."""

    @property
    def said(self) -> str:
        """What it printed."""
        return self._said.read_text()


def _become(
    command: Command,
    words: Sequence[str],
    said: Path,
    dies_at: int,
    counts: int,
    after: int | None,
) -> NoReturn:
    """Be the command, in the child."""
    status = TRACEBACK
    try:
        output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        torch.set_num_threads(1)
        writes = _Writes(dies_at)
        writes.watch()
        if after is not None:
            os.read(after, 1)
        status = command(words)
        sys.stdout.flush()
        os.write(counts, writes.done.to_bytes(4))
    except BaseException:  # or the child would go on as its parent does
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


class _Writes:
    """Counts what is written, and kills the process in the midst of one.

    Args:
        dies_at: Of which, counted from one.
    """

    def __init__(self, dies_at: int) -> None:
        self._dies_at = dies_at
        self.done = 0

    def watch(self) -> None:
        """Count from now on, in this process."""
        write_bytes, replace, open_path = Path.write_bytes, os.replace, Path.open

        def whole(path: Path, data: bytes) -> int:
            self._next(lambda: write_bytes(path, data[: len(data) // 2]))
            return write_bytes(path, data)

        def renamed(old: Path, new: Path) -> None:
            self._next(lambda: None)
            replace(old, new)
            self._next(lambda: None)

        def opened(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            file = open_path(path, mode, *args, **kwargs)
            return self._rows(file) if mode == "a" else file

        Path.write_bytes, os.replace, Path.open = whole, renamed, opened  # type: ignore[assignment]

    def _rows(self, file: io.TextIOWrapper) -> io.TextIOWrapper:
        """A file to which rows are appended, which are written as they are given."""
        write = file.write

        def half(text: str) -> None:
            write(text[: len(text) // 2])
            file.flush()

        def row(text: str) -> int:
            self._next(lambda: half(text))
            return write(text)

        file.write = row  # type: ignore[method-assign]
        return file

    def _next(self, begin: Callable[[], Any]) -> None:
        self.done += 1
        if self.done == self._dies_at:
            begin()
            os.kill(os.getpid(), signal.SIGKILL)
