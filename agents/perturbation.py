"""Evolution strategies: gradients of costs told by perturbed rules, without backpropagation.

Pairs of rules w + s e and w - s e run through the same windows of the same episodes (antithetic,
common random numbers), and the gradient is the mean over pairs of (C+ - C-) e / (2 s). With `es`
every window's perturbation is its own, and what it does to later windows is not seen: short windows
are cheap and biased. `pes` (Vicol, Metz and Sohl-Dickstein 2021, arXiv:2112.13835) keeps each
pair's episodes going, under a new perturbation in each window, and weighs a window's costs with the
sum of all perturbations of the episode: what an early one does to a late window is counted, and the
gradient is that of whole episodes, without bias. Costs need not be smooth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap

from agents.rounds import SEEDS, RoundsTrainer
from agents.trainable import TrainableRule
from agents.trainer import training_seed
from agents.windows import WindowTraining
from landscape_gym.configuration import number
from landscape_gym.learned import LearnedRule
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime
from landscape_gym.simulation import Simulation


@dataclass(frozen=True)
class EvolutionStrategy(WindowTraining):
    """Antithetic evolution strategy on windows of episodes, each for itself."""

    algorithm: ClassVar[str] = "es"
    batch: ClassVar[str] = "pairs"
    persistent: ClassVar[bool] = False
    """Whether a window is blamed on all perturbations of its episode."""

    windows: int = 150
    """Gradients that are taken."""
    window: int = 20
    """Steps that each is told from."""
    pairs: int = 128
    """Pairs of rules, each on an episode of its own."""
    spread: float = 0.05
    """Standard deviation of the perturbations of weights, s."""

    def __post_init__(self) -> None:
        """Check the fields, as `WindowTraining`."""
        super().__post_init__()
        number("spread", self.spread, low=0.0, strict=True)

    def steps(self, problem: NavigationProblem) -> int:
        """Of all windows, by both rules of each pair."""
        return self.windows * 2 * self.pairs * self.length(problem)

    def trainer(self, regime: Regime, seed: int) -> Perturbing:
        """The search at its beginning, as `Training.trainer`."""
        return Perturbing(self, regime, seed)


@dataclass(frozen=True)
class PersistentEvolutionStrategy(EvolutionStrategy):
    """Persistent evolution strategy: windows, without their bias."""

    algorithm: ClassVar[str] = "pes"
    persistent: ClassVar[bool] = True


@dataclass
class Searched:
    """How far a search has come."""

    rule: TrainableRule
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    """Of perturbations."""
    left: np.ndarray
    """How many windows each pair's episode still has, (pairs,)."""
    weight: Tensor
    """Of its present window: the discount since it began, (pairs,)."""
    blamed: Tensor
    """Sum of the pair's perturbations in this episode, (pairs, weights)."""
    window: int = 0
    """How many have ended."""
    cell: Any = ()
    """What recurrent rules remember of their episodes, for each of the 2 pairs rules."""


class Perturbing(RoundsTrainer):
    """A search that has not begun: the rule hardly moves.

    Args:
        training: The settings.
        regime: Whose episodes to search on.
        seed: Of weights, perturbations and landscapes.

    Raises:
        ValueError: for channels or actions that cannot be split into single coordinates.
    """

    training: EvolutionStrategy

    def __init__(self, training: EvolutionStrategy, regime: Regime, seed: int) -> None:
        super().__init__(training, regime, seed)
        torch.set_num_threads(1)  # two threads on two shared cores are slower than one
        self.simulation = Simulation(
            2 * training.pairs,
            problem=self.regime.problem,
            observation=self.regime.observation,
            action=self.regime.action,
        )
        rule, optimizer = training.beginner(self.regime, seed)
        generator = torch.Generator().manual_seed(seed)
        pairs, weights = training.pairs, sum(p.numel() for p in rule.parameters())
        self.searched = Searched(
            rule,
            optimizer,
            generator,
            left=np.zeros(pairs, int),
            weight=torch.ones(pairs),
            blamed=torch.zeros(pairs, weights),
        )
        self._shapes = {name: p.shape for name, p in rule.named_parameters()}

    @property
    def rounds(self) -> int:
        """Windows that there are to be."""
        return self.training.windows

    @property
    def ended(self) -> int:
        """Windows that have ended."""
        return self.searched.window

    @property
    def parts(self) -> list[Any]:
        """How far it has come, and where its episodes are."""
        return [self.searched, self.simulation]

    def rule(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The rule that pairs are drawn about."""
        return self.searched.rule.learned(about)

    @torch.no_grad()
    def round(self) -> dict[str, float]:
        """A window of each pair's episode, or of its next one."""
        training, searched, problem = self.training, self.searched, self.regime.problem
        if not searched.left.all():
            self._begin(np.flatnonzero(searched.left == 0))
        weights = torch.cat([p.flatten() for p in searched.rule.parameters()])
        e = torch.randn(training.pairs, len(weights), generator=searched.generator)
        costs = self._window(weights + training.spread * torch.cat([e, -e]))
        searched.blamed = searched.blamed + e if training.persistent else e
        gap = searched.weight * (costs[: training.pairs] - costs[training.pairs :])
        gradient = (gap[:, None] * searched.blamed).mean(0) / (2 * training.spread)
        self._step(gradient)
        searched.window += 1
        searched.left -= 1
        searched.weight = searched.weight * training.discount(problem) ** training.length(problem)
        return {
            "search/window": searched.window,
            "search/cost": float(costs.mean()),
            "search/gradient": float(gradient.norm()),
        }

    def _begin(self, pairs: np.ndarray) -> None:
        """Begin the next episodes of some pairs, the same for both rules of each.

        First episodes are of all lengths up to the whole one, and so pairs are at all ages at
        once: if all were young, then old, rules would forget in turn what is good for the others.
        """
        training, searched, problem = self.training, self.searched, self.regime.problem
        first = SEEDS * self.seed + searched.window * training.pairs
        first = training_seed(first, training.pairs)
        rows = np.concatenate([pairs, training.pairs + pairs])
        self._begin_at(rows, first + np.tile(pairs, 2))
        longest = max(min(training.episode_steps, problem.steps) // training.length(problem), 1)
        searched.left[pairs] = longest
        searched.blamed[pairs], searched.weight[pairs] = 0.0, 1.0
        for part in searched.cell:
            part[rows] = 0.0
        if searched.window == 0:
            searched.left = 1 + np.arange(training.pairs) % longest
            self._standardise(rows, first + np.tile(pairs, 2))

    def _begin_at(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        self.simulation.streams.seed(rows, seeds.tolist())
        self.simulation.begin(rows)

    @torch.no_grad()
    def _standardise(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        """Take the spread of features from a window of the first rule, and begin it anew."""
        rule, seen, cell = self.searched.rule, [torch.from_numpy(self._seen())], None
        for _ in range(self.training.length(self.regime.problem)):
            actions, cell = rule(seen[-1], cell)
            self.simulation.advance(actions.numpy())
            seen.append(torch.from_numpy(self._seen()))
        rule.standardise(seen)
        self._begin_at(rows, seeds)

    def _seen(self) -> np.ndarray:
        return self.simulation.observe(self.simulation.state).astype(np.float32)

    def _window(self, candidates: Tensor) -> Tensor:
        """Discounted costs of a window, one for each of the candidates (2 pairs, weights)."""
        searched, training = self.searched, self.training
        beta = training.discount(self.regime.problem)
        parts = candidates.split([math.prod(shape) for shape in self._shapes.values()], dim=1)
        own = {
            name: part.unflatten(1, shape)
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }

        def act(weights: dict[str, Tensor], seen: Tensor, cell: Any) -> tuple[Tensor, Any]:
            actions, cell = functional_call(searched.rule, weights, (seen[None], cell or None))
            return actions[0], cell or ()

        total = torch.zeros(len(candidates), dtype=torch.float64)
        over = np.zeros(len(candidates), bool)
        batched = vmap(act)
        for step in range(training.length(self.regime.problem)):
            actions, searched.cell = batched(own, torch.from_numpy(self._seen()), searched.cell)
            outcome = self.simulation.advance(actions.nan_to_num().numpy(), over)
            cost = training.judged(outcome)
            if training.objective == "cost":  # those that are over have paid; their losses stay
                cost = np.where(over, 0.0, cost)
            total += beta**step * torch.from_numpy(cost)
            over |= outcome.terminated
        return total.float()

    def _step(self, gradient: Tensor) -> None:
        """A step of Adam."""
        training, searched = self.training, self.searched
        training.slow_down(searched.optimizer, searched.window)
        parameters = list(searched.rule.parameters())
        for p, part in zip(
            parameters, gradient.split([p.numel() for p in parameters]), strict=True
        ):
            p.grad = part.view_as(p).clone()
        searched.optimizer.step()
