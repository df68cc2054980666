"""What each part of the flagship's training is worth: ``python -m agents ablation``.

The same short training on `landscape-nav` with one part left out at a time, seed 0, judged on the
episodes of `agents.judge`. Regression and PPO take as many steps.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from agents import judge
from agents.dagger import Regression
from agents.presets import BELIEVER, FINE_TUNED
from agents.run import RULE_FILE
from agents.trainer import Training
from agents.training import train
from baselines.pages import markdown
from landscape_gym.artifact import save_rule
from landscape_gym.belief_frame import BeliefFrame
from landscape_gym.control import NoisyQuasiNewtonPolicy, optimum
from landscape_gym.frame import FLOOR, Axes, Frame, FrameState
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import LearnedRule
from landscape_gym.policy import Policy, StatefulPolicy
from landscape_gym.registration import REGIMES
from landscape_gym.sb3 import GatedActor

REGIME = REGIMES["landscape-nav"]
FIRST_SEED = judge.Options.first_seed
FROM_SCRATCH = {"learning_rate": 2e-3, "log_std_start": -3.0, "log_std_end": -4.0}
"""Of PPO that has yet to learn: larger steps, and louder exploration."""
HEAD = ("left out", "in its place", "J / J*", "trained, s")


@dataclass(frozen=True)
class Options:
    """Train the flagship's rule with each of its parts left out."""

    rounds: int = 10
    """Rounds of regression; PPO takes as many steps."""
    num_envs: int = 128
    """Episodes in a round."""
    episodes: int = 1024
    """Fresh ones, to judge on."""


class UnturnedFrame(BeliefFrame):
    """The belief along the parameters' own coordinates."""

    def _axes(self, state: FrameState, x: Array, y: Array) -> Axes:
        axes = super()._axes(state, x, y)
        Q, kept = axes.basis, axes.belief
        sums = self._sums(state._replace(belief=kept))
        variance = self._filter(x.shape[1]).target(sums).variance
        vectors = tuple(np.matvec(Q, each) for each in axes.vectors)
        curvature, doubt = (np.log(np.matvec(Q * Q, each)) for each in (kept.h, variance))
        mean = np.broadcast_to(curvature.mean(axis=1, keepdims=True), curvature.shape)
        invariants = curvature, mean, doubt, 0.3 * np.log(vectors[1] ** 2 + FLOOR)
        kind = x.dtype
        unturned = np.broadcast_to(np.eye(x.shape[1], dtype=kind), Q.shape)
        return Axes(unturned, kept, vectors, tuple(each.astype(kind) for each in invariants))


class Unturned(Regression):
    """Regression in coordinates as they are."""

    def _frame(self) -> Frame:
        return UnturnedFrame(self.regime.observation, self.regime.problem)


class UngatedActor(GatedActor):
    """Coefficients are constants: whatever invariants are, the network is told the same."""

    def standardise(self, invariants: Array) -> None:
        """Take a deviation that makes nothing of them."""
        del invariants
        self.std.fill_(1e9)


class Ungated(Regression):
    """Regression on sums of vectors with constant coefficients."""

    def _actor(self) -> GatedActor:
        scale = getattr(self.regime.action, "scale", 1.0)
        return UngatedActor(self.frame, scale, self.training.layers)


class FromNothing(Regression):
    """Regression that begins with no move at all."""

    def _actor(self) -> GatedActor:
        actor = super()._actor()
        last: Any = actor.net[-1]
        nn.init.zeros_(last.bias)
        return actor


class InFrame(StatefulPolicy):
    """A gated actor in its frame, whatever frame that is.

    Args:
        actor: What acts.
    """

    name = "gated actor"

    def __init__(self, actor: GatedActor) -> None:
        self.actor, self.observation = actor, actor.frame.config

    def begin(self, observation: Array) -> FrameState:
        """Before anything is seen."""
        return self.actor.frame.begin(observation)

    def act(self, observation: Array, state: FrameState) -> tuple[Array, FrameState]:
        """Actions, and what is known then."""
        framed, state = self.actor.frame.see(observation, state)
        with torch.no_grad():
            parts = (torch.from_numpy(part).float() for part in framed)
            moves = self.actor.moves(*parts).numpy().astype(observation.dtype)
        return self.action_of(self.actor.frame.out_of(moves, state), observation), state


def table(options: Options) -> str:
    """A row for each part, as Markdown."""
    problem, rows = REGIME.problem, []
    least = judge.run(problem, optimum(problem).policy, options.episodes, FIRST_SEED).cost
    for left_out, instead, make in trainings(options):
        begun = time.process_time()
        policy = make()
        took = time.process_time() - begun
        cost = judge.run(problem, policy, options.episodes, FIRST_SEED).cost
        value, half = judge.ratio(cost, least)
        rows.append((left_out, instead, f"{value:.4f} +- {half:.4f}", f"{took:.0f}"))
    return markdown(HEAD, rows)


def trainings(options: Options) -> list[tuple[str, str, Callable[[], Policy]]]:
    """What is left out, what is in its place, and how the rule is come by."""
    short = replace(BELIEVER, rounds=options.rounds, num_envs=options.num_envs)
    steps = short.steps(REGIME.problem)
    agent = replace(FINE_TUNED, timesteps=steps, num_envs=options.num_envs)
    from_scratch = replace(agent, begins=None, **FROM_SCRATCH)
    whole: list[LearnedRule] = []

    def regressed(kind: type[Regression] = Regression, **changes: Any) -> Policy:
        trainer = train(kind(replace(short, **changes), REGIME, 0))
        whole.append(trainer.rule())
        return InFrame(trainer.learnt.actor)

    def tuned() -> Policy:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / RULE_FILE
            save_rule(whole[0], path)
            return _trained(replace(agent, begins=str(path)))

    return [
        ("nothing", "", regressed),
        ("learning", "the believer's own move", believer),
        ("belief", "frame of gradients", partial(regressed, belief=False)),
        ("frame", "belief in coordinates as they are", partial(regressed, Unturned)),
        ("gating", "constant coefficients", partial(regressed, Ungated)),
        ("the believer's start", "from no move at all", partial(regressed, FromNothing)),
        ("regression", "PPO from the believer's move", partial(_trained, from_scratch)),
        ("nothing", "and PPO from its weights", tuned),
    ]


def believer() -> Policy:
    """What rules begin as."""
    return NoisyQuasiNewtonPolicy(REGIME.problem, "displacement", rounds=None)


def _trained(training: Training) -> Policy:
    return train(training.trainer(REGIME, 0)).rule()


def main(options: Options) -> None:
    """Train, and print the table."""
    print(table(options))
