"""Find a linear rule for single coordinates by an evolution strategy in its own weights.

    python -m agents.evolution --out networks.safetensors

What one step adds to how a training ends is small against what networks differ by, and PPO, told
the cost of each step, learned nothing in the trials that were made. So whole episodes are compared
here, and in pairs: the rules ``w + e`` and ``w - e`` train the same network from the same start on
the same minibatches (antithetic, common random numbers), and w moves against

    g = mean over pairs of  ((f(w + e) - f(w - e)) / sd) e

with f the mean logarithm of the losses after the first third of an episode (Salimans et al. 2017,
arXiv:1703.03864; of learned optimizers Metz et al. 2019, arXiv:1810.10180).
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from baselines.pages import revision
from landscape_gym.artifact import save_rule
from landscape_gym.artifact.store import SUFFIX
from landscape_gym.command_line import named, parsed
from landscape_gym.configuration import count, number, one_of, plain
from landscape_gym.coordinates import Coordinates
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import Dense, LearnedRule, Network
from landscape_gym.program import program
from landscape_gym.registration import ALL, TRAINING, Regime
from landscape_gym.simulation import Simulation

PROG = "python -m agents.evolution"
SMALLEST_LOSS = 1e-4
"""Added to losses of which the logarithm is taken: smaller ones count alike."""
LARGEST = 3.0
"""Where differences of a pair, over their standard deviation, are clipped."""
MOMENTUM, SQUARES = 0.7, 0.9
"""Decay of the averages of g and of its squares per generation."""
SETTLING = 10
"""Generations after which steps begin to shrink, by the root."""


@dataclass(frozen=True)
class Evolution:
    """How to search."""

    regime: Annotated[str, named(TRAINING)] = "small-networks"
    """Whose landscapes to train on."""
    generations: int = 60
    """Moves of the weights."""
    pairs: int = 64
    """Pairs of rules in a generation, each with a landscape of its own."""
    spread: float = 0.25
    """Standard deviation of e."""
    step: float = 0.12
    """Length of a move, as a root mean square over the weights."""
    seed: int = 0
    """Of the search and of its landscapes."""
    out: Path = Path("rule.safetensors")
    """The file of the rule, written after each generation."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for a name that is not known, or numbers that are too small.
        """
        one_of("regime", self.regime, ALL)
        count("generations", self.generations)
        count("pairs", self.pairs, low=2)  # differences are measured by their deviation
        count("seed", self.seed, low=0)
        for name in ("spread", "step"):
            number(name, getattr(self, name), low=0.0, strict=True)
        if self.out.suffix != SUFFIX:
            raise ValueError(f"a learned rule's file ends in {SUFFIX}: got {self.out}.")

    @property
    def command(self) -> str:
        """What finds the same rule again."""
        words = ["python", "-m", "agents.evolution"]
        for name, value in asdict(self).items():
            if name != "out" and value != getattr(Evolution(), name):
                words += [f"--{name}", str(value)]
        return shlex.join(words)


def evolve(search: Evolution) -> LearnedRule:
    """Search, and write the rule after each generation; the same seed gives the same bytes."""
    regime = ALL[search.regime]
    outputs = regime.action.size(regime.problem) // regime.problem.dim
    size = (Coordinates(regime.observation).features + 1) * outputs
    rng, w = np.random.default_rng(search.seed), np.zeros(size)
    average, squares, rule = np.zeros(size), np.zeros(size), rule_of(regime, w, search)
    for k in range(1, search.generations + 1):
        e = rng.normal(size=(search.pairs, size))
        candidates = np.concatenate([w + search.spread * e, w - search.spread * e])
        first = 1_000_000 * search.seed + search.pairs * k
        scores = score(regime, candidates, np.tile(first + np.arange(search.pairs), 2))
        gap = scores[: search.pairs] - scores[search.pairs :]
        g = (np.clip(gap / gap.std(), -LARGEST, LARGEST)[:, None] * e).mean(0)
        average = MOMENTUM * average + (1 - MOMENTUM) * g
        squares = SQUARES * squares + (1 - SQUARES) * g * g
        size_of_g = np.sqrt((squares / (1 - SQUARES**k)).mean())
        shrink = np.sqrt(1 + k / SETTLING)
        w = w - search.step / shrink * average / (1 - MOMENTUM**k) / size_of_g
        print(f"generation {k}: mean log loss {scores.mean():.3f}", flush=True)
        rule = rule_of(regime, w, search)
        save_rule(rule, search.out)
    return rule


def score(regime: Regime, weights: Array, seeds: Array) -> Array:
    """Mean logarithm of the losses after the first third of an episode, (rules,); low is good.

    Args:
        regime: Where.
        weights: Of linear rules, (rules, (features + 1) outputs).
        seeds: Of each rule's episode, (rules,).
    """
    simulation = Simulation(
        len(seeds), problem=regime.problem, observation=regime.observation, action=regime.action
    )
    simulation.streams.seed(np.arange(len(seeds)), seeds.tolist())
    simulation.begin(np.arange(len(seeds)))
    index = Coordinates(regime.observation).index(regime.problem.dim)
    A, b = _split(weights.astype(np.float32), index.shape[1])
    steps, total = regime.problem.steps, np.zeros(len(weights))
    for step in range(steps):
        rows = simulation.observe(simulation.state)[:, index]  # (rules, dim, features)
        action = (rows @ A + b[:, None, :]).swapaxes(1, 2).reshape(len(weights), -1)
        outcome = simulation.advance(action)
        if step >= steps // 3:
            total += np.log(np.maximum(outcome.loss, 0) + SMALLEST_LOSS)
    return total / (steps - steps // 3)


def _split(weights: Array, features: int) -> tuple[Array, Array]:
    """Matrices (rules, features, outputs) and biases (rules, outputs)."""
    outputs = weights.shape[1] // (features + 1)
    A, b = np.split(weights, [features * outputs], axis=1)
    return A.reshape(-1, features, outputs), b


def rule_of(regime: Regime, weights: Array, search: Evolution) -> LearnedRule:
    """The linear rule of these weights, ((features + 1) outputs,), and where it comes from."""
    features = Coordinates(regime.observation).features
    A, b = _split(weights[None].astype(np.float32), features)
    return LearnedRule(
        regime.observation,
        regime.action,
        Network((Dense(A[0].T.copy(), b[0]),)),
        np.zeros(features),
        np.ones(features),
        per_coordinate=True,
        about={
            "command": search.command,
            "revision": revision(),
            "regime": search.regime,
            "problem": plain(regime.problem),
            "seed": search.seed,
            "algorithm": "evolution strategy",
        },
    )


@program(PROG, "The file has the rule of the last generation that ended, if one did.")
def main(words: Sequence[str] | None = None) -> None:
    """Parse the command line, and search."""
    search = parsed(Evolution, words, prog=PROG, description=__doc__)
    search.out.parent.mkdir(parents=True, exist_ok=True)
    evolve(search)


if __name__ == "__main__":
    sys.exit(main())
