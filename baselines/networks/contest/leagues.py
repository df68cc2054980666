"""Two leagues: a rate tuned for each network, and one for all, found on other networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from baselines.networks.contest.entrants import Entrant
from baselines.networks.contest.trial import Trial
from baselines.networks.contest.trials import Trials, at
from landscape_gym.landscapes.base import Array

MARKS = (100, 300, 1000)
"""Steps after which losses are compared; what a rate is tuned for, and how long a schedule is."""
SEEDS = (0, 1, 2, 3, 4)
"""Of the page's trials."""
CHOOSING_SEED = 0
"""Of those that choose a rate; that for each network is judged on it, too, which favours it."""
CALIBRATED_ON = ("layer-norm", "wide", "regression", "noisy-labels")
"""Networks, of `tuning`, that choose one rate for all, after the most steps."""
STEP = math.sqrt(10)
"""Between two rates."""
FIRST, MOST = (-1, 0, 1), 5
"""Powers of `STEP` that are tried in any case, and that beyond which no search goes."""


@dataclass
class League:
    """Which rate each entrant has, for each number of steps."""

    trials: Trials
    """What is known, to which trials are added."""
    each: bool
    """Whether a rate is tuned for each network; if not, there is one for all."""
    seeds: Sequence[int] = SEEDS
    """Of the trials that are judged."""
    marks: Sequence[int] = MARKS
    """Steps after which losses are judged."""
    _powers: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def judged(self, network: str, entrant: Entrant, mark: int) -> list[Trial]:
        """Trials of all seeds that are judged after so many steps."""
        rate = self.rate(network, entrant, mark)
        steps = self.length(entrant, mark)
        return [self.trials(network, entrant, rate, steps, seed) for seed in self.seeds]

    def logs(self, network: str, entrant: Entrant, mark: int) -> Array:
        """Logarithms of their training losses, (seeds,)."""
        return np.log([at(trial, mark) for trial in self.judged(network, entrant, mark)])

    def rate(self, network: str, entrant: Entrant, mark: int) -> float:
        """That which is best after so many steps there, or after the most on other networks."""
        if not entrant.tuned:
            return entrant.middle
        mark = mark if self.each else max(self.marks)
        where = (network,) if self.each else CALIBRATED_ON
        key = (entrant.name, where[0], mark)
        if key not in self._powers:

            def score(power: int) -> float:
                rate = rounded(entrant.middle * STEP**power)
                losses = (self._loss(name, entrant, rate, mark, CHOOSING_SEED) for name in where)
                return sum(map(math.log, losses))

            self._powers[key] = best(score, self._first(network, entrant, mark))
        return rounded(entrant.middle * STEP ** self._powers[key])

    def _first(self, network: str, entrant: Entrant, mark: int) -> Sequence[int]:
        """Powers to try: where a schedule was tuned for less, that and the next lower one."""
        earlier = [each for each in self.marks if each < mark]
        if not (self.each and entrant.scheduled and earlier):
            return FIRST
        self.rate(network, entrant, earlier[-1])
        power = self._powers[entrant.name, network, earlier[-1]]
        return power - 1, power

    def _loss(self, network: str, entrant: Entrant, rate: float, mark: int, seed: int) -> float:
        steps = self.length(entrant, mark)
        return at(self.trials(network, entrant, rate, steps, seed), mark)

    def length(self, entrant: Entrant, mark: int) -> int:
        """Of the training of which the loss after so many steps is judged."""
        return mark if entrant.scheduled else max(self.marks)


def rounded(rate: float) -> float:
    return float(f"{rate:.4g}")


def best(score: Callable[[int], float], first: Sequence[int] = FIRST) -> int:
    """The power with the lowest score; while that is at an end, the next one is tried, too."""
    scores = {power: score(power) for power in first}
    while True:
        lowest = min(scores, key=lambda power: (scores[power], power))
        ends = {min(scores): -1, max(scores): 1}
        beyond = lowest + ends.get(lowest, 0)
        if beyond in scores or abs(beyond) > MOST:
            return lowest
        scores[beyond] = score(beyond)
