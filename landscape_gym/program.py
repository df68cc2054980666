"""How the project's commands end: whatever keeps one from going on is a line on standard error.

Exit status 0: done. 1: done, and something that was asked about does not hold. 2: cannot be done as
it was asked for. 130: interrupted. 141: nobody reads what it prints. 143: told to end (SIGTERM).
``python -X dev`` shows the traceback, too.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

from landscape_gym.extras import Missing, lacking

P = ParamSpec("P")

REMEDIES = {
    errno.ENOSPC: "Make room on that disk, or name a place on another.",
    errno.EDQUOT: "Make room on that disk, or name a place on another.",
    errno.EFBIG: "Make room on that disk, or name a place on another.",
    errno.EACCES: "Name a place that you may write to.",
    errno.EPERM: "Name a place that you may write to.",
    errno.EROFS: "Name a place that you may write to.",
    errno.EEXIST: "A file is where a folder has to be: name another place.",
    errno.ENOTDIR: "A file is where a folder has to be: name another place.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.ENOENT: "Name one that exists.",
}
"""What to do about errors of the operating system."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, for commands that end on it as they end on Ctrl-C."""

    status = 143


def program(name: str, interrupted: str) -> Callable[[Callable[P, int | None]], Callable[P, int]]:
    """Make a command of a function that returns an exit status, or nothing for 0.

    Args:
        name: As it is typed; its errors begin with it.
        interrupted: What Ctrl-C leaves, and how to go on; a note on the exception says it instead.

    Example:
        >>> @program("divide", "Nothing was written.")
        ... def main(divisor: int) -> None:
        ...     if divisor == 0:
        ...         raise ValueError("divisor must not be 0.")
        >>> main(2)
        0
    """

    def made(function: Callable[P, int | None]) -> Callable[P, int]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> int:
            try:
                status = function(*args, **kwargs) or 0
                sys.stdout.flush()  # a reader that has gone is noticed here at the latest
                return status
            except BrokenPipeError:
                _drop_what_cannot_be_printed()
                return 141
            except KeyboardInterrupt as stopped:
                _say(name, f"interrupted. {_note(stopped) or interrupted}")
                return stopped.status if isinstance(stopped, Terminated) else 130
            except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
                if sys.flags.dev_mode:
                    raise
                _say(name, f"{sentence(error)} {_note(error)}")
                _drop_what_cannot_be_printed()
                return 2

        return run

    return made


@contextmanager
def noting_how_to_go_on(command: str | None) -> Iterator[None]:
    """Note on Ctrl-C, and on what a full disk or memory raises, which command goes on, if any."""
    try:
        yield
    except (KeyboardInterrupt, OSError, MemoryError) as stopped:
        if command is not None:
            stopped.add_note(f"{command} goes on.")
        raise


def sentence(error: BaseException) -> str:
    """What is wrong and what to do, in one line."""
    if isinstance(error, OSError) and error.strerror:
        at = f"{error.filename}: " if error.filename is not None else ""
        return f"{at}{error.strerror}. {REMEDIES.get(error.errno or 0, '')}".strip()
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error or 'of unknown size'}): ask for less."
    if isinstance(error, ModuleNotFoundError) and not isinstance(error, Missing):
        return lacking(error) or str(error)
    return " ".join(str(error).split())


def _note(error: BaseException) -> str:
    """The note that was added last, by the outermost of those who know how to go on."""
    return getattr(error, "__notes__", [""])[-1]


def _drop_what_cannot_be_printed() -> None:
    """Python would try again when it exits, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(name: str, line: str) -> None:
    print(f"{name}: {line.strip()}", file=sys.stderr)
