"""Commands of the checkout, which the installed library alone does not have."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

MARKS = ("train_agent.py", "agents/__init__.py", "baselines/__init__.py")
"""Files that tell a checkout from folders that happen to have the same names."""


def checkout() -> Path | None:
    """The checkout: the folder around the library, or else the working directory, if it is one."""
    for folder in (Path(__file__).resolve().parents[1], Path.cwd()):
        if all((folder / mark).is_file() for mark in MARKS):
            return folder
    return None


def command_of_the_checkout(name: str, module: str) -> ModuleType:
    """Import what a command is made of.

    Args:
        name: Of the command, as it is typed.
        module: Of the checkout.

    Raises:
        ModuleNotFoundError: where there is no checkout, with what to do.
    """
    folder = checkout()
    if folder is None:
        raise ModuleNotFoundError(
            f"{name!r} is a command of the checkout, and the installed library has none: enter a "
            "checkout of landscape-gym, pip install -e '.[agents,plots]', and call it there."
        )
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))  # other distributions have an `agents`, too
    return import_module(module)
