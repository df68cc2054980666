"""Ctrl-C and SIGTERM while a run is at work."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from landscape_gym.program import Terminated

PATIENCE = 2.0
"""Seconds after which a user is told why a run that was interrupted has not ended."""


class Stops:
    """Signals that end a run, put off while it trains until a checkpoint can be written.

    A second signal is not put off.
    """

    def __init__(self) -> None:
        self._waits = False
        self._asked: KeyboardInterrupt | None = None

    @property
    def asked(self) -> bool:
        """Whether a signal waits."""
        return self._asked is not None

    def check(self) -> None:
        """End the run if a signal waits; a checkpoint has been written.

        Raises:
            KeyboardInterrupt: as the signal would have.
        """
        if self._asked is not None:
            raise self._asked

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """Put signals off until `check`, or the end, which checks, too."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
        self.check()

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """Handle a signal.

        Raises:
            KeyboardInterrupt: at once, where signals are not put off, or for the second.
        """
        del frame
        stop = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        if not self._waits or self.asked:
            raise stop
        self._asked = stop
        told = threading.Timer(PATIENCE, self._tell)
        told.daemon = True
        told.start()

    def _tell(self) -> None:
        if self._waits:
            line = "ends at the next checkpoint; the same signal again ends it now, at the last one"
            print(line, file=sys.stderr)


@contextmanager
def stops() -> Iterator[Stops]:
    """Receive the signals that a process receives, where it has left them as they come."""
    received, before = Stops(), {}
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if threading.current_thread() is threading.main_thread():  # others cannot
        for number, handler in usual.items():
            if signal.getsignal(number) == handler:
                before[number] = signal.signal(number, received.receive)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
