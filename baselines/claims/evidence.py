"""What a claim is, and what is brought forward for it: numbers that must agree, and a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from landscape_gym.rendering.canvas import Figure


@dataclass(frozen=True)
class Effort:
    """How much is computed."""

    episodes: int = 4096
    """Episodes of a simulation whose figure is a mean."""
    settings: int = 108
    """Settings of Adam that are tried for each level of noise."""
    updates: int = 1240
    """Updates of a network in training."""
    seeds: int = 3
    """Networks trained with each optimizer."""
    nodes: int = 2001
    """Points of a grid along each axis, odd."""


QUICK = Effort(episodes=512, settings=12, updates=155, seeds=1, nodes=501)


@dataclass(frozen=True)
class Check:
    """A number, by up to three ways, and whether it is what the claim says."""

    what: str
    criterion: str
    """What is asked of the values, as a phrase."""
    passed: bool
    closed: float | None = None
    """By closed form, or as the claim states it."""
    solver: float | None = None
    """By a solver of `landscape_gym.control`, or another computation that knows no closed form."""
    simulated: float | None = None
    """Measured in the environment, or in training a network."""


@dataclass(frozen=True)
class Evidence:
    """What was found about a claim."""

    checks: tuple[Check, ...]
    draw: Callable[[], Figure]
    """Draws the picture; drawn only where it is shown."""

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)


class Claim(Protocol):
    """A sentence of the paper, with what theory corrects in it, and how it is checked.

    A frozen dataclass whose fields are the constants it stands on, a number or numbers each. A
    constant that is 5 % off must fail a check: tests/baselines/test_claims.py tries each one.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    """What the paper says."""
    remarks: ClassVar[tuple[str, ...]]
    """What is seen in the numbers, and where the paper or its code does not hold."""

    def evidence(self, effort: Effort) -> Evidence:
        """Compute everything.

        Raises:
            ModuleNotFoundError: if data are needed that an extra of the package brings.
        """
        ...


def agree(
    what: str,
    tolerance: float,
    *,
    closed: float | None = None,
    solver: float | None = None,
    simulated: float | None = None,
    sampling: float | None = None,
) -> Check:
    """Check that values agree.

    Args:
        what: What the values are of.
        tolerance: Largest difference between any two of them, absolute.
        closed: By closed form.
        solver: By a solver.
        simulated: Measured in the environment.
        sampling: Largest difference of `simulated` from the others, if that is another number.

    Example:
        >>> agree("half", 1e-9, closed=0.5, solver=0.5, simulated=0.51, sampling=0.02).passed
        True
    """
    exact = [float(value) for value in (closed, solver) if value is not None]
    measured = [] if simulated is None else [float(simulated)]
    loose = tolerance if sampling is None else sampling
    gaps = [(abs(a - b), tolerance) for a in exact for b in exact]
    gaps += [(abs(a - b), loose) for a in exact for b in measured]
    finite = all(math.isfinite(value) for value in exact + measured)
    criterion = f"within {tolerance:.2g}"
    if sampling is not None:
        criterion += f", simulation within {sampling:.2g}"
    passed = finite and all(gap <= limit for gap, limit in gaps)
    return Check(what, criterion, passed, closed, solver, simulated)


def at_least(
    what: str,
    bound: float,
    *,
    closed: float | None = None,
    solver: float | None = None,
    simulated: float | None = None,
) -> Check:
    """Check that values are a bound or more.

    Example:
        >>> at_least("a third", 0.5, closed=1 / 3).passed
        False
    """
    values = closed, solver, simulated
    passed = all(value is None or value >= bound for value in values)  # NaN is not
    return Check(what, f"at least {bound:.4g}", passed, *values)


def at_most(
    what: str,
    bound: float,
    *,
    closed: float | None = None,
    solver: float | None = None,
    simulated: float | None = None,
) -> Check:
    """Check that values are a bound or less.

    Example:
        >>> at_most("a third", 0.3, closed=1 / 3).passed
        False
    """
    values = closed, solver, simulated
    passed = all(value is None or value <= bound for value in values)  # NaN is not
    return Check(what, f"at most {bound:.4g}", passed, *values)
