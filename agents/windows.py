"""Trainings on windows of episodes: what backpropagation and perturbation have in common.

Both take a gradient from every window of some steps, by the model or by trials, and move a
`TrainableRule` by Adam.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch

from agents.evolution import SMALLEST_LOSS
from agents.rounds import SEEDS
from agents.trainable import TrainableRule
from agents.trainer import Training
from landscape_gym.arrays import Array, namespace
from landscape_gym.configuration import number
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime


@dataclass(frozen=True)
class WindowTraining(Training):
    """Settings: which rule, how many windows, how long, and Adam's step."""

    lowest: ClassVar[Mapping[str, int]] = {"recurrent": 0}
    batch: ClassVar[str]
    """The setting that says how many episodes run together."""

    windows: int = 100
    """Gradients that are taken."""
    window: int = 10
    """Steps that each is told from."""
    episode_steps: int = 40
    """Steps of a training episode."""
    learning_rate: float = 0.05
    """Adam's step, decayed linearly to 0."""
    layers: tuple[int, ...] = ()
    """Widths of the hidden layers; none makes a linear rule."""
    activation: Literal["tanh", "relu"] = "tanh"
    """Between layers."""
    recurrent: int = 0
    """Size of an LSTM cell; 0: none."""
    per_coordinate: bool = False
    """One small network for all coordinates."""
    objective: Literal["cost", "log_loss"] = "cost"
    """What steps are judged by: what they cost, discounted, or the logarithm of the loss that they
    come to, all steps alike, as networks differ in how low their losses are."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for numbers that are too small or too large.
            TypeError: for a value of another type.
        """
        super().__post_init__()
        number("learning_rate", self.learning_rate, low=0.0, strict=True)
        if (episodes := self.windows * getattr(self, self.batch)) > SEEDS:
            raise ValueError(
                f"windows * {self.batch} must be at most {SEEDS}, the episodes of one seed; got "
                f"{episodes}."
            )

    def length(self, problem: NavigationProblem) -> int:
        """Steps of a window in a problem: the whole episode, if its horizon is finite."""
        return problem.steps if problem.horizon else min(self.window, problem.steps)

    def discount(self, problem: NavigationProblem) -> float:
        """How much less a step counts than the one before."""
        return problem.discount if self.objective == "cost" else 1.0

    def judged(self, outcome: Any) -> Array:
        """What a step of a simulation is judged by, (B,)."""
        if self.objective == "cost":
            return outcome.cost
        return namespace(outcome.loss).log(outcome.loss.clip(0, None) + SMALLEST_LOSS)

    def beginner(self, regime: Regime, seed: int) -> tuple[TrainableRule, torch.optim.Optimizer]:
        """The rule that hardly moves, its weights by the seed, and Adam for it.

        Raises:
            ValueError: for channels or actions that cannot be split into single coordinates.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            rule = self.first_rule(regime)
        return rule, torch.optim.Adam(rule.parameters(), lr=self.learning_rate)

    def first_rule(self, regime: Regime) -> Any:
        """The rule with which it begins, as a torch module, its weights drawn by torch."""
        return TrainableRule(
            regime,
            layers=self.layers,
            activation=self.activation,
            recurrent=self.recurrent,
            per_coordinate=self.per_coordinate,
        )

    def slow_down(self, optimizer: torch.optim.Optimizer, ended: int) -> None:
        """Give Adam the step that it has after so many windows."""
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate * (1 - ended / self.windows)
