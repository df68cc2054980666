"""Two things timed in turn, so that a ratio holds while the machine's speed drifts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ratio: str
    target: str
    figures: str


def seconds(job: Callable[[], object]) -> float:
    """Wall-clock seconds that a job takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def in_turn(
    ours: Callable[[], None], theirs: Callable[[], None], rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of both in each round, after one round that does not count."""
    pairs = np.array([(seconds(ours), seconds(theirs)) for _ in range(rounds + 1)])[1:]
    return pairs[:, 0], pairs[:, 1]


def time_row(
    what: str, target: str, job: Callable[[], T], rounds: int, figures: Callable[[T], str]
) -> Row:
    """Seconds of a job, after one run that does not count, and figures from what it returns."""
    result = job()
    took = np.array([seconds(job) for _ in range(rounds)])
    time_taken = f"{np.median(took):.2g} s [{took.min():.2g}, {took.max():.2g}]"
    return Row(what, time_taken, target, figures(result))


def spread(ratios: np.ndarray) -> str:
    """Median, minimum and maximum."""
    return f"{np.median(ratios):.2f} [{ratios.min():.2f}, {ratios.max():.2f}]"


def speed_row(
    what: str,
    target: str,
    ours: tuple[Callable[[], None], int],
    theirs: tuple[Callable[[], None], int],
    rounds: int,
) -> Row:
    """Ratio of two speeds; each side is a job and the environment steps that it takes."""
    (our_job, our_steps), (their_job, their_steps) = ours, theirs
    ours_s, theirs_s = in_turn(our_job, their_job, rounds)
    our_speed, their_speed = our_steps / ours_s, their_steps / theirs_s
    figures = f"{np.median(our_speed):,.0f} against {np.median(their_speed):,.0f} steps/s"
    return Row(what, spread(our_speed / their_speed), target, figures)
