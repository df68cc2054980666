"""What is measured of continual learning, as functions of recorded results."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from landscape_gym.landscapes.base import Array

SILENT = 0.025
"""Share of its layer's mean activity up to which a unit is dormant (Sokar et al., 2023)."""


class Interval(NamedTuple):
    """A mean over seeds, and half the width of its interval."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.half:.3f}"

    @property
    def signed(self) -> str:
        """With a sign, as of a difference."""
        return f"{self.mean:+.3f} ± {self.half:.3f}"

    @property
    def beyond(self) -> bool:
        """Whether 0 is outside."""
        return abs(self.mean) > self.half

    def above(self, other: Interval) -> bool:
        """Whether it lies above, with intervals apart."""
        return self.mean - self.half > other.mean + other.half


def interval(values: Array, level: float = 0.95) -> Interval:
    """Of the mean of some seeds' values (seeds,), by Student's t.

    >>> str(interval(np.array([0.4, 0.5, 0.6])))
    '0.500 ± 0.248'
    """
    n = len(values)
    half = stats.t.ppf((1 + level) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n)
    return Interval(float(np.mean(values)), float(half))


def online_accuracy(right: Array) -> Array:
    """Accuracy on data before they are learnt from, (..., tasks), of shares right (..., tasks, n).

    Reference: Dohare et al., "Loss of plasticity in deep continual learning", Nature 632 (2024);
    Kumar, Marklund, Van Roy, arXiv:2308.11958, whose measure is its mean over all tasks.
    """
    return right.mean(-1)


def ends(accuracy: Array, tasks: int = 5) -> tuple[Array, Array]:
    """Means over the first and over the last so many tasks, (...), of accuracies (..., tasks)."""
    return accuracy[..., :tasks].mean(-1), accuracy[..., -tasks:].mean(-1)


def plasticity(accuracy: Array, fresh: Array, tasks: int = 5) -> Array:
    """How much better the last tasks are learnt than by a fresh network, (...): below 0 is lost.

    Args:
        accuracy: Of the network that has learnt all tasks so far, (..., tasks).
        fresh: Of one that began anew with each task and is trained the same, (..., tasks).
        tasks: Over how many of the last tasks.

    Reference: Lyle et al., "Understanding plasticity in neural networks", arXiv:2303.01486.
    """
    return (accuracy - fresh)[..., -tasks:].mean(-1)


def lost_plasticity(accuracy: Array, fresh: Array, tasks: int = 5) -> Array:
    """How far `plasticity` has fallen at the end from its highest before, (seeds,).

    Highest over all runs of so many tasks one after another, by the mean of the other seeds, so
    that being the best of many is no merit by itself. Tasks that are harder than others are so for
    a fresh network, too, and a slow start is no loss.

    Args:
        accuracy: As of `plasticity`, (seeds, tasks), of at least two seeds.
        fresh: Likewise.
        tasks: Over how many.
    """
    ahead, tasks = accuracy - fresh, min(tasks, accuracy.shape[1])
    ahead = np.lib.stride_tricks.sliding_window_view(ahead, tasks, axis=1).mean(-1)
    others = (ahead.sum(0) - ahead).argmax(axis=1)
    return ahead[np.arange(len(ahead)), others] - ahead[:, -1]


def forgetting(learned: Array, finally_: Array) -> Array:
    """How much accuracy on earlier tasks is lost at the end, (...): minus the backward transfer.

    Args:
        learned: Accuracy on each task right after it was learnt, (..., tasks).
        finally_: Accuracy on the same tasks after the last one, (..., tasks).

    Reference: Lopez-Paz, Ranzato, "Gradient episodic memory", arXiv:1706.08840.
    """
    return (learned - finally_)[..., :-1].mean(-1)


def dormant(activity: Array) -> Array:
    """Share of a layer's units that are dormant, (...), of mean absolute outputs (..., units).

    A layer that is silent altogether is dormant as a whole.

    Reference: Sokar et al., "The dormant neuron phenomenon in deep reinforcement learning",
    arXiv:2302.12902.
    """
    return (activity <= SILENT * activity.mean(-1, keepdims=True)).mean(-1)
