"""Regression on the privileged optimum's move, along the paths that the learner itself takes.

In training the Hessian H and the target z are known, and so is the optimal move there,
``u* = -K(H) (x - z)`` (`landscape_gym.control.LinearQuadraticPolicy`). A learner that moves by u
instead pays, over what the optimum would (the performance difference lemma),

    E sum over steps t of beta^t (u - u*)' M (u - u*),        M = I / eta + dt B'PB up to dt / 2

along its own path, P the value's matrix. M hardly differs between directions on the regimes here,
so its regret is a weighted squared error, which regression makes small: the best u is the mean of
u* given what the learner sees. It is not told what its moves let it find out later; only PPO can
learn that. Rounds alternate: whole episodes with the present rule, then steps of Adam on what
happened in them (Ross, Gordon and Bagnell 2011, arXiv:1011.0686; no mixture with the optimum's own
moves is needed, as the first rule is a stable gradient descent).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.rounds import SEEDS, RoundsTrainer
from agents.teacher import Lesson, Teacher, teacher_of
from agents.trainer import Training
from landscape_gym.belief_frame import frame_of
from landscape_gym.control import NearestOnPath
from landscape_gym.frame import Frame
from landscape_gym.learned import LearnedRule
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import Regime
from landscape_gym.sb3 import GatedActor, framed_rule


class Size(NamedTuple):
    """Of a batch of environments."""

    dim: int
    """Coordinates of each."""
    num_envs: int
    steps: int
    """Of their episodes."""
    axes: int
    """The last ones of the frame, along which there is anything to learn."""


@dataclass(frozen=True)
class Dagger(Training):
    """Regression on the optimum's moves: a gated actor in the frame of gradients (DAgger)."""

    algorithm: ClassVar[str] = "dagger"
    lowest: ClassVar[Mapping[str, int]] = {"wide": 0}

    belief: bool = False
    """Whether the frame is that of a belief about the regime's problem, not that of gradients."""
    relative: bool = False
    """Whether lengths in the frame of gradients are in units of an episode's first one."""
    rounds: int = 60
    """Episodes of all environments, each followed by regression on them."""
    num_envs: int = 256
    """Environments in the batch."""
    dims: tuple[int, ...] = ()
    """Numbers of coordinates that training episodes have, in place of the problem's own. Each has
    its share of the batch's coordinates, and of the error: a rule that is to serve any dimension
    has then seen small ones and large ones."""
    wide: int = 0
    """The number of coordinates of further episodes that end early: what a rule is to do where
    coordinates are many shows in its first moves. None are added for 0."""
    wide_steps: int = 30
    """Steps of those. So many gradients span as many axes, along which alone there is anything to
    learn; of those, not of coordinates, wide episodes have their share of the batch."""
    evenly: float = 0.0
    """The power of the optimum's cost by which errors are divided, episode by episode: with 0 the
    mean cost is made small, with 1 the mean of single episodes' ratios to the optimum's."""
    episode_steps: int = 60
    """Steps of a training episode: most that can be found out is found out by then, and the rule
    takes ages only up to a saturation. Evaluation uses the problem's own length."""
    n_epochs: int = 3
    """Passes over each round's steps, which are then forgotten."""
    batch_size: int = 2560
    """Steps in a minibatch, each with a row for every axis."""
    learning_rate: float = 3e-3
    """Adam's step, decayed linearly to 0."""
    layers: tuple[int, ...] = (32, 32)
    """Widths of the hidden layers that coefficients come from."""
    max_grad_norm: float = 1.0
    """Where gradients are clipped."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for numbers that are too small or too large.
            TypeError: for a value of another type.
        """
        super().__post_init__()
        if self.wide and self.wide <= self.wide_steps:
            raise ValueError(
                f"wide episodes have more coordinates than steps; got wide {self.wide} and "
                f"wide_steps {self.wide_steps}."
            )
        if (episodes := self.rounds * self.num_envs) > SEEDS:
            raise ValueError(
                f"rounds * num_envs must be at most {SEEDS}, the episodes of one seed; got "
                f"{episodes}."
            )

    def steps(self, problem: NavigationProblem) -> int:
        """Of whole episodes, none of which diverges."""
        return self.rounds * sum(each.num_envs * each.steps for each in self.sizes(problem))

    def sizes(self, problem: NavigationProblem) -> list[Size]:
        """Of the batches of a round. The problem's own episodes are no shorter."""
        steps, dims = min(self.episode_steps, problem.steps), self.dims or (problem.dim,)
        rows = self.num_envs * problem.dim / len(dims)
        sizes = [Size(dim, max(round(rows / dim), 1), steps, dim) for dim in dims]
        if self.wide:
            steps = min(self.wide_steps, problem.steps)
            sizes.append(Size(self.wide, max(round(rows / steps), 1), steps, steps))
        return sizes

    def trainer(self, regime: Regime, seed: int) -> Regression:
        """The regression at its beginning, as `Training.trainer`."""
        return Regression(self, regime, seed)


@dataclass
class Learnt:
    """How far a regression has come."""

    actor: GatedActor
    optimizer: torch.optim.Optimizer
    rng: np.random.Generator
    """Of minibatches."""
    round: int = 0
    """How many have ended."""


class Batch(NamedTuple):
    """Environments of one dimension, and who acts best in them."""

    problem: NavigationProblem
    size: Size
    optimum: Teacher
    first: int
    """Their place among all environments."""


class Steps(NamedTuple):
    """What happened in a batch: step by step, and in each environment by environment."""

    vectors: Tensor
    """(steps, axes, vectors)"""
    invariants: Tensor
    """(steps, axes, invariants)"""
    optimal: Tensor
    """u* along the axes, (steps, axes)."""
    weight: Tensor
    """beta^t, times what the episode counts, (steps, 1); and times the axes over d, so that a mean
    over them is one over coordinates."""


class Regression(RoundsTrainer):
    """A regression that has not begun: the rule is what its frame starts with.

    Args:
        training: The settings.
        regime: Whose optimum to come near to.
        seed: Of weights, minibatches and landscapes.

    Raises:
        Refusal: for channels or actions that a frame has not, or a problem whose optimum under full
            information is not linear in what is seen.
    """

    training: Dagger

    def __init__(self, training: Dagger, regime: Regime, seed: int) -> None:
        super().__init__(training, regime, seed)
        torch.set_num_threads(1)  # two threads on two shared cores are slower than one
        self.frame = self._frame()
        if training.wide and (training.belief or "parameters" in self.regime.observation.channels):
            raise Refusal(
                "wide: that most axes hold nothing is so in the frame of gradients alone, and "
                "where displacement is seen, not parameters."
            )
        self.batches = _batches(training, self.regime.problem)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            actor = self._actor()
        framed_rule(actor, self.regime.action)  # refuses what could not be a rule
        optimizer = torch.optim.Adam(actor.parameters(), lr=training.learning_rate)
        self.learnt = Learnt(actor, optimizer, np.random.default_rng(seed))

    def _frame(self) -> Frame:
        believes = self.regime.problem if self.training.belief else None
        return frame_of(self.regime.observation, believes, self.training.relative)

    def _actor(self) -> GatedActor:
        scale = getattr(self.regime.action, "scale", 1.0)
        return GatedActor(self.frame, scale, self.training.layers)

    @property
    def rounds(self) -> int:
        """How many there are to be."""
        return self.training.rounds

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self.learnt.round

    @property
    def parts(self) -> list[Any]:
        """How far it has come."""
        return [self.learnt]

    def round(self) -> dict[str, float]:
        """Episodes with the present rule, and regression on what happened in them."""
        steps = self._episodes()
        if self.learnt.round == 0:
            rows = [part.invariants.flatten(0, 1) for part in steps]
            self.learnt.actor.standardise(torch.cat(rows).numpy())
        error = self._fit(steps)
        self.learnt.round += 1
        return {"regression/round": self.learnt.round, "regression/squared_error": error}

    def rule(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The actor as it is."""
        return framed_rule(self.learnt.actor, self.regime.action, about)

    def _episodes(self) -> list[Steps]:
        """A round's episodes by the present rule, and what the optimum would do in them."""
        found = []
        for batch in self.batches:
            each = [Steps(*map(torch.from_numpy, step)) for step in self._walk(batch)]
            found.append(Steps(*(torch.cat(parts) for parts in zip(*each, strict=True))))
        return found

    def _walk(self, batch: Batch) -> Iterator[tuple[np.ndarray, ...]]:
        """The steps of a batch, one after another, as arrays of the fields of `Steps`."""
        training, regime, actor = self.training, self.regime, self.learnt.actor
        total = sum(each.size.num_envs for each in self.batches)
        first = SEEDS * self.seed + self.learnt.round * total + batch.first
        dim, num_envs, length, kept = batch.size
        lesson = Lesson(regime, batch.problem, batch.optimum, first, num_envs)
        seen, theirs = lesson.seen()
        frame, counts = self.frame.begin(seen), np.full(num_envs, kept / dim)
        if training.evenly:
            counts = counts * _counts(batch.optimum, theirs, training.evenly)
        for step in range(length):
            seen, theirs = lesson.seen()
            framed, frame = self.frame.see(seen, frame)
            unit = frame.unit[:, None]
            optimal = (lesson.told(theirs) / unit)[:, None, :] @ frame.basis[:, :, -kept:]
            weight = (counts * regime.problem.discount**step)[:, None] * unit**2
            vectors, invariants = (part[:, -kept:] for part in framed)
            yield vectors, invariants, optimal[:, 0], weight.astype(np.float32)
            with torch.no_grad():
                moves = actor.moves(*map(torch.from_numpy, framed)).numpy()
            lesson.advance(self.frame.out_of(moves, frame) / actor.scale)

    def _fit(self, steps: list[Steps]) -> float:
        """Regress on a round's steps; the mean weighted error of the last pass."""
        training, learnt = self.training, self.learnt
        count = max(sum(len(part.weight) for part in steps) // training.batch_size, 1)
        total = training.rounds * training.n_epochs * count
        taken, errors = learnt.round * training.n_epochs * count, []
        for _ in range(training.n_epochs):
            errors = []
            shuffled = [self._order(*each) for each in zip(steps, self.batches, strict=True)]
            for i in range(count):
                for group in learnt.optimizer.param_groups:
                    group["lr"] = training.learning_rate * (1 - taken / total)
                shares = [_share(order, i, count, training.batch_size) for order in shuffled]
                error = self._error(steps, shares)
                learnt.optimizer.zero_grad()
                error.backward()
                torch.nn.utils.clip_grad_norm_(learnt.actor.parameters(), training.max_grad_norm)
                learnt.optimizer.step()
                errors.append(error.item())
                taken += 1
        return float(np.mean(errors))

    def _order(self, steps: Steps, batch: Batch) -> np.ndarray:
        """A batch's steps shuffled, as many times as its episodes are shorter than others."""
        passes = max(self.batches[0].size.steps // batch.size.steps, 1)
        return np.concatenate(
            [self.learnt.rng.permutation(len(steps.weight)) for _ in range(passes)]
        )

    def _error(self, steps: list[Steps], shares: list[np.ndarray]) -> Tensor:
        """The weighted error on some steps of each batch, batches alike."""
        errors = []
        for whole, share in zip(steps, shares, strict=True):
            part = Steps(*(each[torch.from_numpy(share)] for each in whole))
            moves = self.learnt.actor.moves(part.vectors, part.invariants)
            errors.append((part.weight * (moves - part.optimal) ** 2).mean())
        return sum(errors[1:], errors[0]) / len(errors)


def _batches(training: Dagger, problem: NavigationProblem) -> list[Batch]:
    """The environments of a round."""
    batches, first = [], 0
    for size in training.sizes(problem):
        same = size.dim == problem.dim
        each = problem if same else problem.replace(landscape={"dim": size.dim})
        batches.append(Batch(each, size, teacher_of(each), first))
        first += size.num_envs
    return batches


def _counts(optimum: Teacher, theirs: np.ndarray, evenly: float) -> np.ndarray:
    """How much errors count in episodes that begin with what the optimum sees, (episodes,)."""
    if isinstance(optimum, NearestOnPath):
        raise Refusal("evenly: what episodes cost the optimum is not known on this landscape.")
    costs = optimum.value(theirs.astype(np.float64))
    return (costs.mean() / costs) ** evenly


def _share(order: np.ndarray, number: int, count: int, most: int) -> np.ndarray:
    """Of a batch's steps in their order, those of one minibatch of so many."""
    size = max(min(len(order) // count, most), 1)
    return order.take(range(number * size, (number + 1) * size), mode="wrap")
