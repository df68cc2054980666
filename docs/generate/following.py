"""Trainings followed by the CPU seconds that they take: how near the optimum are their rules?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from agents.presets import PRESETS
from agents.trainer import Trainer
from landscape_gym.control import optimum
from landscape_gym.evaluation import compare
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import regime

FIRST = 0.1
"""CPU seconds after which a training is first judged."""
EPISODES, SEED = 512, 8_000_000
"""What it is judged on."""


def ratio(
    problem: NavigationProblem, rule: Policy, best: Policy, episodes: int = EPISODES
) -> float:
    """A rule's cost over the optimum's, on fresh episodes."""
    policies = {"learned": rule, "optimum": best}
    found = compare(problem, policies, episodes=episodes, seed=SEED, optimum="optimum")
    over = found["learned"].ratio
    assert over is not None  # there is an optimum
    return over.value


class Judged:
    """Follows a training: its rule's ratio by the CPU seconds that it took, without judging.

    Args:
        trainer: What is followed.
        most: CPU seconds after which it is stopped.
        apart: By what factor looks are apart.
    """

    def __init__(self, trainer: Trainer, most: float, apart: float) -> None:
        self.curve: list[tuple[float, float]] = []
        """CPU seconds and ratios."""
        self._trainer, self._most, self._apart = trainer, most, apart
        self._best = optimum(trainer.regime.problem, plan_paths=False).policy
        self._next, self._spent, self._since = FIRST, 0.0, time.process_time()

    @property
    def rule(self) -> Policy:
        """What it has learned by now."""
        return self._trainer.rule()

    def begin(self) -> None:
        """Nothing to do."""

    def boundary(self) -> None:
        """Judge, if it is time; a training that has had its seconds is stopped."""
        spent = self._spent + time.process_time() - self._since
        if spent >= self._next:
            self._look(spent)
            self._next = spent * self._apart
        self._spent, self._since = spent, time.process_time()
        if spent > self._most:
            raise TimeoutError

    def step(self) -> None:
        """Nothing to do."""

    def end(self) -> None:
        """Judge what was learned."""
        self._look(self._spent + time.process_time() - self._since)

    def _look(self, spent: float) -> None:
        problem = self._trainer.regime.problem
        self.curve.append((spent, ratio(problem, self.rule, self._best)))


def followed(name: str, preset: str, seed: int, most: float, apart: float = 1.3) -> Judged:
    """One training in a regime, to its end or until it has had its seconds."""
    trainer = PRESETS[preset].trainer(regime(name).configured(), seed)
    watch = Judged(trainer, most, apart)
    with contextlib.suppress(TimeoutError):
        trainer.learn(watch)
    return watch


def seconds_to(curve: Sequence[tuple[float, float]], bar: float) -> float:
    """When a ratio was reached; infinite if it was not."""
    return next((spent for spent, reached in curve if reached <= bar), float("inf"))


def middle_and_slowest(seconds: Sequence[float]) -> str:
    """The median, and the largest in brackets where it is another.

    Example:
        >>> middle_and_slowest([2.0, 1.0, float("inf")])
        '2.0 (not reached)'
    """
    taken = sorted(seconds)
    middle, slowest = (
        f"{value:.1f}" if value < float("inf") else "not reached"
        for value in (taken[len(taken) // 2], taken[-1])
    )
    return middle if middle == slowest else f"{middle} ({slowest})"
