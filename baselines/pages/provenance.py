"""Where a page's figures come from: command, revision and machine."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Of the checkout."""


def source(command: str, at: str | None = None) -> str:
    """How a page begins to say where it is from.

    Args:
        command: What writes it.
        at: The revision that figures were computed at; None: that of the checkout.

    Example:
        >>> source("make bench", "0123456789ab")
        '`make bench`, revision 0123456789ab'
    """
    return f"`{command}`, revision {revision() if at is None else at}"


def revision() -> str:
    """Of the checkout; a plus says that files have changed since."""
    git = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, cwd=ROOT, check=False)
    except OSError:  # no git
        return "unknown"
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """The machine that times are measured on, as a phrase."""
    return f"one thread of {processor()}, {os.cpu_count()} cores"


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
