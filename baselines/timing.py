"""Things timed in turn, so that a ratio holds while the machine's speed drifts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import numpy as np

from baselines.pages import markdown

T = TypeVar("T")


class Row(NamedTuple):
    """One line of a table of times."""

    what: str
    ratio: str
    """Or the time itself: median, minimum and maximum."""
    target: str
    """What it is to be; empty where nothing is asked."""
    figures: str
    """What is behind the ratio."""


def table_of(rows: Iterable[Row], measure: str = "ratio or time") -> str:
    """Rows as a table in Markdown, whose second column is that measure."""
    return markdown(("what", f"{measure}: median [min, max]", "target", "figures"), rows)


def seconds(job: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that a job takes, on the wall's clock or another."""
    start = clock()
    job()
    return clock() - start


def in_turn(
    *jobs: Callable[[], object], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> np.ndarray:
    """Seconds of each job in each round, (jobs, rounds), after a round that does not count."""
    times = [[seconds(job, clock) for job in jobs] for _ in range(rounds + 1)]
    return np.array(times)[1:].T


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
    ours_s, theirs_s = in_turn(our_job, their_job, rounds=rounds)
    our_speed, their_speed = our_steps / ours_s, their_steps / theirs_s
    figures = f"{np.median(our_speed):,.0f} against {np.median(their_speed):,.0f} steps/s"
    return Row(what, spread(our_speed / their_speed), target, figures)
