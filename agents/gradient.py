"""Gradients through the simulation: backpropagation through the steps that a rule takes.

Where the model is known, the cost of an episode is a differentiable function of the rule's weights
(`landscape_gym.torch_simulation`). Its gradient is taken over a window of steps,

    beta^t d/dw mean over rows [ sum_{s < window} beta^s c_{t+s} + beta^window V*(x_{t+window}) ],

with V* the value under full information where that is known and nothing where it is not; the next
window goes on from there, and no gradient passes between them. Long products of Jacobians explode
or vanish (Metz et al. 2019, arXiv:1810.10180): windows are short, gradients are clipped by their
own running size, steps that are not finite are left out, and the oldest episodes grow longer as
training begins, so that a rule which is not yet stable is not asked for what it cannot do.

In the frame of gradients (`framed`), windows are two steps long: what a move does shows in where it
leads, which V* tells, and more gradients are worth more than longer ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from agents.framed import FramedRule
from agents.rounds import SEEDS, RoundsTrainer
from agents.trainable import Memory, TrainableRule, mapped, restarted
from agents.trainer import training_seed
from agents.windows import WindowTraining
from landscape_gym.control import LinearQuadraticPolicy
from landscape_gym.learned import LearnedRule
from landscape_gym.observation import Layout
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import Regime
from landscape_gym.torch_simulation import TorchSimulation

LARGE = 3.0
"""Gradients larger than so many times their running size are clipped to that."""
MOMENTUM = 0.9
"""Decay of that running size per window."""


@dataclass(frozen=True)
class Gradient(WindowTraining):
    """Backpropagation through episodes, truncated; needs no exploration and no critic."""

    algorithm: ClassVar[str] = "gradient"
    batch: ClassVar[str] = "num_envs"

    num_envs: int = 128
    """Environments in the batch."""
    framed: bool = False
    """Whether the rule is a gated actor in the frame of gradients, in units of the first of them,
    and not a network of channels."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for numbers that are too small or too large, or a rule of two forms.
            TypeError: for a value of another type.
        """
        super().__post_init__()
        if self.framed and (self.per_coordinate or self.recurrent):
            raise ValueError(
                "framed: a rule in a frame has one network for all axes, and what it remembers is "
                "the frame's; leave per_coordinate and recurrent as they are."
            )

    def first_rule(self, regime: Regime) -> TrainableRule | FramedRule:
        """The rule with which it begins."""
        return FramedRule(regime, self.layers) if self.framed else super().first_rule(regime)

    def steps(self, problem: NavigationProblem) -> int:
        """Of all windows."""
        return self.windows * self.num_envs * self.length(problem)

    def trainer(self, regime: Regime, seed: int) -> Backpropagation:
        """The training at its beginning, as `Training.trainer`."""
        return Backpropagation(self, regime, seed)


@dataclass
class Progress:
    """How far a training has come."""

    rule: TrainableRule | FramedRule
    optimizer: torch.optim.Optimizer
    left: np.ndarray
    """How many windows each row's episode still has, (B,)."""
    weight: Tensor
    """Of its present window: the discount since it began, (B,)."""
    window: int = 0
    """How many have ended."""
    remembered: Memory = None
    """What the rule remembers of their episodes."""
    size: float = 0.0
    """Running size of gradients."""


class Backpropagation(RoundsTrainer):
    """A training that has not begun: the rule hardly moves.

    Args:
        training: The settings.
        regime: As it is asked for.
        seed: Of weights and landscapes.

    Raises:
        Refusal: for a problem that torch cannot simulate.
        ValueError: for channels or actions that cannot be split into single coordinates.
    """

    training: Gradient

    def __init__(self, training: Gradient, regime: Regime, seed: int) -> None:
        super().__init__(training, regime, seed)
        torch.set_num_threads(1)  # two threads on two shared cores are slower than one
        problem = self.regime.problem
        self.simulation = TorchSimulation(
            training.num_envs,
            problem=problem,
            observation=self.regime.observation,
            action=self.regime.action,
        )
        rows = training.num_envs
        begun = training.beginner(self.regime, seed)
        self.progress = Progress(*begun, left=np.zeros(rows, int), weight=torch.ones(rows))
        self._terminal = TerminalValue.of(problem) if training.objective == "cost" else None

    @property
    def rounds(self) -> int:
        """Windows that there are to be."""
        return self.training.windows

    @property
    def ended(self) -> int:
        """Windows that have ended."""
        return self.progress.window

    @property
    def parts(self) -> list[Any]:
        """How far it has come, and where its episode is."""
        return [self.progress, self.simulation]

    def rule(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The rule as it is."""
        return self.progress.rule.learned(about)

    def round(self) -> dict[str, float]:
        """A window of each row's episode, or of its next one."""
        progress, training, problem = self.progress, self.training, self.regime.problem
        if not progress.left.all():
            self._begin(np.flatnonzero(progress.left == 0))
        cost = self._window()
        size = self._step((progress.weight * cost).mean())
        progress.weight = progress.weight * training.discount(problem) ** training.length(problem)
        self.simulation.detach()
        progress.remembered = mapped(Tensor.detach, progress.remembered)
        progress.window += 1
        progress.left -= 1
        return {
            "gradient/window": progress.window,
            "gradient/cost": cost.mean().item(),
            "gradient/size": size,
        }

    @torch.no_grad()
    def _begin(self, rows: np.ndarray) -> None:
        """Begin the next episodes of some rows.

        First episodes are of all lengths up to the whole one, and so rows are at all ages at once:
        if all were young, then old, the rule would forget in turn what is good for the others.
        """
        training, progress, problem = self.training, self.progress, self.regime.problem
        first = SEEDS * self.seed + progress.window * training.num_envs
        seeds = training_seed(first, training.num_envs) + rows
        self.simulation.begin(seeds, None if len(rows) == training.num_envs else rows)
        longest = max(min(training.episode_steps, problem.steps) // training.length(problem), 1)
        progress.left[rows], progress.weight[rows] = longest, 1.0
        seen = self.simulation.observe()
        begun = torch.from_numpy(np.isin(np.arange(training.num_envs), rows))
        progress.remembered = restarted(progress.remembered, begun, progress.rule.begin(seen))
        if progress.window == 0:
            progress.left = 1 + np.arange(training.num_envs) % longest
            self._standardise(seeds)

    @torch.no_grad()
    def _standardise(self, seeds: np.ndarray) -> None:
        """Take the spread of features from a window of the first rule, and begin it anew.

        At an episode's first step some channels are 0, as nothing has been before. What a frame
        tells depends on age more than that, so it is taken from whole episodes.
        """
        training, problem = self.training, self.regime.problem
        steps = training.episode_steps if training.framed else training.length(problem)
        rule, seen, memory = self.progress.rule, [self.simulation.observe()], None
        for _ in range(min(steps, problem.steps)):
            actions, memory = rule(seen[-1], memory)
            self.simulation.advance(actions)
            seen.append(self.simulation.observe())
        rule.standardise(seen)
        self.simulation.begin(seeds)

    def _window(self) -> Tensor:
        """Cost of the next steps and of what is then left, (B,)."""
        simulation, progress = self.simulation, self.progress
        training, total = self.training, torch.zeros(self.training.num_envs)
        beta, length = training.discount(self.regime.problem), training.length(self.regime.problem)
        for step in range(length):
            actions, progress.remembered = progress.rule(simulation.observe(), progress.remembered)
            total = total + beta**step * training.judged(simulation.advance(actions))
        if self._terminal is not None:
            total = total + beta**length * self._terminal(simulation)
        return total

    def _step(self, cost: Tensor) -> float:
        """A step of Adam; the gradient's size before clipping."""
        training, progress = self.training, self.progress
        training.slow_down(progress.optimizer, progress.window)
        progress.optimizer.zero_grad()
        cost.backward()
        allowed = LARGE * progress.size if progress.size else math.inf
        size = float(torch.nn.utils.clip_grad_norm_(progress.rule.parameters(), allowed))
        if math.isfinite(size):
            progress.optimizer.step()
            before = progress.size or size
            progress.size = MOMENTUM * before + (1 - MOMENTUM) * min(size, allowed)
        return size


class TerminalValue:
    """V*(x) under full information, of a simulation's rows, differentiable in where they are.

    It is quadratic in theta, so that its gradient is that of central differences, exactly.

    Args:
        policy: Of a problem without horizon.
    """

    def __init__(self, policy: LinearQuadraticPolicy) -> None:
        self.policy = policy
        self._layout = Layout(policy.observation, policy.problem)
        self._theta = self._layout.slices["parameters"]

    @classmethod
    def of(cls, problem: NavigationProblem) -> TerminalValue | None:
        """That of a problem; None where it is not known, or nothing is left after a window."""
        if problem.horizon is not None:
            return None
        try:
            return cls(LinearQuadraticPolicy(problem))
        except Refusal:
            return None

    def __call__(self, simulation: TorchSimulation) -> Tensor:
        """The value of each row, (B,)."""
        theta = simulation.state.theta
        with torch.no_grad():
            seen = self._layout.observe(simulation.state).cpu().numpy().astype(np.float64)
        value, d = self.policy.value(seen), theta.shape[1]
        around = np.repeat(seen, 2 * d, axis=0).reshape(len(seen), 2, d, -1)
        around[:, 0, :, self._theta] += np.eye(d)
        around[:, 1, :, self._theta] -= np.eye(d)
        values = self.policy.value(around.reshape(-1, seen.shape[1])).reshape(len(seen), 2, d)
        slope = torch.as_tensor(0.5 * (values[:, 0] - values[:, 1])).to(theta)
        return torch.as_tensor(value).to(theta) + (slope * (theta - theta.detach())).sum(1)
