"""Regression on the privileged optimum's move by a linear rule: solved for, not iterated.

Where the landscape is known, curvature and all, a matrix for each thing that is seen is enough: of
the gradient it is a preconditioner, of averages a memory. The rule is the least-squares solution on
the paths that it itself takes (`agents.dagger` says why that makes its regret small): rounds of
whole episodes alternate with solving the normal equations, which takes no settings but how fast old
rounds, of other paths, are forgotten. The first round goes along the optimum's own paths.

Channels are to be zero where nothing is to be done (gradients, updates): there is no constant, so
that a rule of gradients does not learn by heart where the minimum is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from agents.rounds import SEEDS, RoundsTrainer
from agents.teacher import Lesson, teacher_of
from agents.trainer import Training
from landscape_gym.actions import Velocity
from landscape_gym.channels import BOUND
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import Dense, LearnedRule, Network
from landscape_gym.observation import Layout
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import Regime

RIDGE = 1e-7
"""Added to the normal equations' diagonal, over its mean: what was never seen has no weight."""


@dataclass(frozen=True)
class LinearDagger(Training):
    """Regression on the optimum's moves: a linear rule, by least squares (DAgger)."""

    algorithm: ClassVar[str] = "linear_dagger"

    rounds: int = 20
    """Episodes of all environments, each followed by solving for the rule."""
    num_envs: int = 256
    """Environments in the batch."""
    episode_steps: int = 80
    """Steps of a training episode; evaluation uses the problem's own length."""
    keeps: float = 0.8
    """How much a round counts as against the one after it, at most 1."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for numbers that are too small or too large.
            TypeError: for a value of another type.
        """
        super().__post_init__()
        if self.keeps > 1:
            raise ValueError(f"keeps must be at most 1, got {self.keeps!r}.")
        if (episodes := self.rounds * self.num_envs) > SEEDS:
            raise ValueError(
                f"rounds * num_envs must be at most {SEEDS}, the episodes of one seed; got "
                f"{episodes}."
            )

    def length(self, problem: NavigationProblem) -> int:
        """Steps of a training episode in a problem, whose own are no fewer."""
        return min(self.episode_steps, problem.steps)

    def steps(self, problem: NavigationProblem) -> int:
        """Of whole episodes."""
        return self.rounds * self.num_envs * self.length(problem)

    def trainer(self, regime: Regime, seed: int) -> LeastSquares:
        """The regression at its beginning, as `Training.trainer`."""
        return LeastSquares(self, regime, seed)


@dataclass
class Solved:
    """How far a regression has come: the normal equations ``seen W = told``, and their solution."""

    seen: Array
    """(size, size)"""
    told: Array
    """(size, d)"""
    weights: Array
    """W of the rule ``u = W' o`` for observations o, (size, d)."""
    round: int = 0
    """How many have ended."""


class LeastSquares(RoundsTrainer):
    """A regression that has not begun: a rule that does nothing.

    Args:
        training: The settings.
        regime: Whose optimum to come near to.
        seed: Of landscapes.

    Raises:
        Refusal: for actions that are no velocities, or a problem without a teacher.
    """

    training: LinearDagger

    def __init__(self, training: LinearDagger, regime: Regime, seed: int) -> None:
        super().__init__(training, regime, seed)
        if type(self.regime.action) is not Velocity:
            raise Refusal(
                f"moves that are regressed on are velocities, not {self.regime.action.kind!r} "
                "actions: set the action {'kind': 'velocity', 'scale': ...}."
            )
        problem = self.regime.problem
        self._scale, self._teacher = self.regime.action.scale, teacher_of(problem)
        size, d = Layout(self.regime.observation, problem).size, problem.dim
        zeros = np.zeros((size, d))
        self.solved = Solved(np.zeros((size, size)), zeros, zeros)

    @property
    def rounds(self) -> int:
        """How many there are to be."""
        return self.training.rounds

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self.solved.round

    @property
    def parts(self) -> list[Any]:
        """How far it has come."""
        return [self.solved]

    def round(self) -> dict[str, float]:
        """Episodes with the present rule, or the optimum's at first, and the rule that fits."""
        training, solved, problem = self.training, self.solved, self.regime.problem
        first = SEEDS * self.seed + solved.round * training.num_envs
        lesson = Lesson(self.regime, problem, self._teacher, first, training.num_envs)
        seen, told, errors = training.keeps * solved.seen, training.keeps * solved.told, []
        for step in range(training.length(problem)):
            own, theirs = (part.astype(np.float64) for part in lesson.seen())
            best, moves = lesson.told(theirs), own @ solved.weights
            weight = problem.discount**step
            seen, told = seen + weight * own.T @ own, told + weight * own.T @ best
            errors.append(weight * float(np.mean((moves - best) ** 2)))
            lesson.advance((moves if solved.round else best) / self._scale)
        ridge = RIDGE * np.trace(seen) / len(seen) * np.eye(len(seen))
        weights = np.linalg.solve(seen + ridge, told)
        self.solved = Solved(seen, told, weights, solved.round + 1)
        return {
            "regression/round": self.solved.round,
            "regression/squared_error": float(np.mean(errors)),
        }

    def rule(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The linear rule as it is."""
        weight = (self.solved.weights.T / self._scale).astype(np.float32)
        outputs, size = weight.shape
        return LearnedRule(
            observation=self.regime.observation,
            action=self.regime.action,
            network=Network((Dense(weight, np.zeros(outputs, np.float32)),)),
            mean=np.zeros(size),
            std=np.ones(size),
            clip=BOUND,
            about=about or {},
        )
