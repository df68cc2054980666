"""The one error that says: this is not what I am for."""

from __future__ import annotations


class Refusal(ValueError):
    """A problem does not meet an assumption of what was asked for.

    Solvers and derivations raise it, naming the assumption that fails and what to take instead.
    Whoever tries several of them catches this alone: a numerical failure, such as
    `numpy.linalg.LinAlgError`, which is a ValueError too, is an error and no refusal.
    """

    def __init__(self, message: str) -> None:
        """Say which assumption fails, and what to take instead."""
        super().__init__(message)
