"""Find a linear rule for single coordinates by an evolution strategy in its own weights.

What one step adds to how a training ends is small against what networks differ by, and PPO, told
the cost of each step, learned nothing in the trials that were made (it does learn in
`landscape_gym.sb3.WeightsVecEnv`). So whole episodes are compared here, and in pairs: the rules
``w + e`` and ``w - e`` train the same network from the same start on the same minibatches
(antithetic, common random numbers), and w moves against

    g = mean over pairs of  ((f(w + e) - f(w - e)) / sd) e

with f the mean logarithm of the losses after the first third of an episode (Salimans et al. 2017,
arXiv:1703.03864; of learned optimizers Metz et al. 2019, arXiv:1810.10180).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from agents.rounds import SEEDS, RoundsTrainer
from agents.trainer import Training, training_seed
from landscape_gym.configuration import number
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import LearnedRule, LinearRules
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime
from landscape_gym.simulation import Simulation

SMALLEST_LOSS = 1e-4
"""Added to losses of which the logarithm is taken: smaller ones count alike."""
LARGEST = 3.0
"""Where differences of a pair, over their standard deviation, are clipped."""
MOMENTUM, SQUARES = 0.7, 0.9
"""Decay of the averages of g and of its squares per generation."""
SETTLING = 10
"""Generations after which steps begin to shrink, by the root."""


@dataclass(frozen=True)
class Evolution(Training):
    """An evolution strategy: pairs of linear rules for single coordinates, over whole episodes."""

    algorithm: ClassVar[str] = "evolution"
    lowest: ClassVar[Mapping[str, int]] = {"pairs": 2}  # their differences have a deviation

    generations: int = 60
    """Moves of the weights."""
    pairs: int = 64
    """Pairs of rules in a generation, each with a landscape of its own."""
    spread: float = 0.25
    """Standard deviation of e."""
    step: float = 0.12
    """Length of a move, as a root mean square over the weights."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for numbers that are too small, or episodes that one seed has not.
            TypeError: for a value of another type.
        """
        super().__post_init__()
        for name in ("spread", "step"):
            number(name, getattr(self, name), low=0.0, strict=True)
        if (episodes := self.pairs * (self.generations + 1)) > SEEDS:
            raise ValueError(
                f"pairs * (generations + 1) must be at most {SEEDS}, the landscapes of one seed; "
                f"got {episodes}."
            )

    def steps(self, problem: NavigationProblem) -> int:
        """Of whole episodes, none of which diverges."""
        return self.generations * 2 * self.pairs * problem.steps

    def trainer(self, regime: Regime, seed: int) -> Search:
        """The search at its beginning, as `Training.trainer`."""
        return Search(self, regime, seed)


@dataclass
class Found:
    """How far a search has come."""

    weights: Array
    """Of the rule that pairs are drawn about, w: ((features + 1) outputs,)."""
    average: Array
    """Of g over generations."""
    squares: Array
    """Of its squares."""
    rng: np.random.Generator
    """Of e."""
    generation: int = 0
    """How many have ended."""


class Search(RoundsTrainer):
    """A search that has not begun: the rule is zero.

    Args:
        training: The settings.
        regime: Whose landscapes to search on.
        seed: Of the search and of its landscapes.

    Raises:
        ValueError: for channels or actions that cannot be split into single coordinates.
    """

    training: Evolution

    def __init__(self, training: Evolution, regime: Regime, seed: int) -> None:
        super().__init__(training, regime, seed)
        self.rules = LinearRules(self.regime)
        zero = np.zeros(self.rules.size)
        self.found = Found(zero, zero, zero, np.random.default_rng(seed))

    @property
    def rounds(self) -> int:
        """Generations that there are to be."""
        return self.training.generations

    @property
    def ended(self) -> int:
        """Generations that have ended."""
        return self.found.generation

    @property
    def parts(self) -> list[Any]:
        """How far it has come."""
        return [self.found]

    def round(self) -> dict[str, float]:
        """A generation."""
        scores = self._move()
        return {
            "search/generation": self.found.generation,
            "search/mean_log_loss": float(scores.mean()),
        }

    def _move(self) -> Array:
        """Move the weights by a generation; the scores of its rules, (2 pairs,)."""
        found, training = self.found, self.training
        pairs, k = training.pairs, found.generation + 1
        w, e = found.weights, found.rng.normal(size=(pairs, len(found.weights)))
        candidates = np.concatenate([w + training.spread * e, w - training.spread * e])
        first = training_seed(SEEDS * self.seed + pairs * k, pairs)
        scores = score(self.rules, candidates, np.tile(first + np.arange(pairs), 2))
        gap = scores[:pairs] - scores[pairs:]
        g = (np.clip(gap / gap.std(), -LARGEST, LARGEST)[:, None] * e).mean(0)
        found.average = MOMENTUM * found.average + (1 - MOMENTUM) * g
        found.squares = SQUARES * found.squares + (1 - SQUARES) * g * g
        size_of_g = np.sqrt((found.squares / (1 - SQUARES**k)).mean())
        shrink = np.sqrt(1 + k / SETTLING)
        moved = training.step / shrink * found.average / (1 - MOMENTUM**k) / size_of_g
        found.weights, found.generation = w - moved, k
        return scores

    def rule(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The rule that pairs are drawn about."""
        return self.rules.rule(self.found.weights, about)


def score(rules: LinearRules, weights: Array, seeds: Array) -> Array:
    """Mean logarithm of the losses after the first third of an episode, (rows,); low is good.

    Args:
        rules: In whose regime.
        weights: Of a rule each, (rows, `LinearRules.size`).
        seeds: Of each rule's episode, (rows,).
    """
    regime = rules.regime
    simulation = Simulation(
        len(seeds), problem=regime.problem, observation=regime.observation, action=regime.action
    )
    simulation.streams.seed(np.arange(len(seeds)), seeds.tolist())
    simulation.begin(np.arange(len(seeds)))
    weights = weights.astype(np.float32)
    steps, total = regime.problem.steps, np.zeros(len(weights))
    for step in range(steps):
        outcome = simulation.advance(rules.actions(simulation.observe(simulation.state), weights))
        if step >= steps // 3:
            total += np.log(np.maximum(outcome.loss, 0) + SMALLEST_LOSS)
    return total / (steps - steps // 3)
