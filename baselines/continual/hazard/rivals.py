"""Tuned learners that are told no rate either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from baselines.continual.hazard.unit_rivals import ContinualBackprop, SelfNormalisedResets
from baselines.continual.hazard.weight_rivals import AdamL2, HareAndTortoise, LearnedDrift


@dataclass(frozen=True)
class Rival:
    """A learner, and where the search of its constants begins."""

    make: Callable[..., AdamL2]
    first: dict[str, float]
    factor: dict[str, float]
    """By how much neighbours on the lattice of the search differ."""
    note: str


RIVALS = {
    "Adam, L2 to initialisation": Rival(
        AdamL2,
        {"lr": 4e-3, "l2": 2e-3},
        {"lr": 2.0, "l2": 2.0},
        "Kumar et al., arXiv:2308.11958",
    ),
    "soft resets, learned drift": Rival(
        LearnedDrift,
        {"lr": 4e-3, "drift_lr": 0.04},
        {"lr": 2.0, "drift_lr": 4.0},
        "Galashov et al., arXiv:2411.04034; a factor for each tensor, found by the slope of the "
        "minibatch's loss, steps by Adam",
    ),
    "continual backprop": Rival(
        ContinualBackprop,
        {"lr": 4e-3, "rate": 1e-3},
        {"lr": 2.0, "rate": 4.0},
        "Dohare et al., Nature 632, 2024; steps by Adam",
    ),
    "self-normalised resets": Rival(
        SelfNormalisedResets,
        {"lr": 4e-3, "eta": 0.01},
        {"lr": 2.0, "eta": 4.0},
        "Farias and Jozefiak, arXiv:2410.20098; steps by Adam",
    ),
    "Hare and Tortoise": Rival(
        HareAndTortoise,
        {"lr": 4e-3, "lag": 16.0},
        {"lr": 2.0, "lag": 4.0},
        "Lee et al., arXiv:2406.02596; the slow network answers; the fast one is set back to it "
        "every two of its times of averaging; steps by Adam",
    ),
    "Hare and Tortoise, by the hare": Rival(
        partial(HareAndTortoise, slow_answers=False),
        {"lr": 4e-3, "lag": 16.0},
        {"lr": 2.0, "lag": 4.0},
        "the same, and the fast network answers",
    ),
}
