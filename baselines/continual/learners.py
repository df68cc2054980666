"""Who learns: tuned optimizers and resets, and the derived soft reset, which is not tuned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from baselines.continual.stream import Stream
from landscape_gym.landscapes import Quadratic
from landscape_gym.policy import Rule
from landscape_gym.problem import IsotropicNoise, NavigationProblem, NormalStart
from landscape_gym.rules import (
    Adam,
    GradientDescent,
    SelectiveReset,
    SelfTuning,
    ShrinkAndPerturb,
)
from landscape_gym.streams import RowDraws

DISCOUNT = 0.99
"""Per step, of all derived rules; theory 7(f)."""
GROWTH = 1e-2
"""Of targets' variances as other weights move: as of `rules.Coupled.filter_bank`."""


@dataclass
class RuleLearner:
    """A rule that moves networks (B, d) of its own seed each; parameters count from the start.

    `RuleOptimizer` makes one vector of all parameters that it has. Here rows are vectors, so that
    a seed learns the same whoever learns beside it, and the rule, which is a function, is called.
    """

    rule: Rule
    l2_init: float = 0.0
    """Weight of ``|theta - start|^2 / 2``, added to the loss."""
    restart: bool = False
    """Whether parameters and state begin anew with each task: an oracle, for it needs a signal."""
    compiled: bool = False
    """Whether torch.compile fuses the update, which takes a C++ compiler; its last bits differ."""

    def begin(self, theta: Tensor) -> None:
        self.start, self.state = theta, None
        self.update = torch.compile(self.rule.update) if self.compiled else self.rule.update

    @torch.no_grad()
    def move(self, theta: Tensor, gradient: Tensor, switched: bool) -> Tensor:
        if self.restart and switched and self.state is not None:
            # The step that the gradient asks for was asked at the old parameters: it is not made.
            self.state = None
            return self.start
        gone = theta - self.start
        if self.l2_init:
            gradient = gradient + self.l2_init * gone
        values = {"gradient": gradient, "parameters": gone, "displacement": gone}
        first, *others = self.rule.channels
        seen = {name: values[name] for name in others}
        if self.state is None:
            self.state = self.rule.init(values[first], **seen)
        u, self.state = self.update(values[first], self.state, **seen)
        return theta + u


@dataclass(frozen=True)
class Contestant:
    """A learner of some constants, and where their search begins."""

    make: Callable[..., RuleLearner]
    first: Mapping[str, float]
    note: str


def spread_of(stream: Stream, seed: int = 0) -> float:
    """Root mean square of an initialisation: how far weights usually are from their prior mean."""
    draw = RowDraws([np.random.default_rng(seed)], np.dtype(np.float64))
    return float(np.sqrt(np.mean(stream.landscape.default_start(draw) ** 2)))


def soft_reset(stream: Stream, hazard: float, *, compiled: bool = False) -> RuleLearner:
    """The bank of Kalman filters with that hazard; nothing is tuned."""
    rule = SelfTuning.for_networks(
        spread=spread_of(stream), growth=GROWTH, hazard=hazard, discount=DISCOUNT, separate=True
    )
    return RuleLearner(rule, compiled=compiled)


def contestants(stream: Stream) -> dict[str, Contestant]:
    """All that are tuned, by name."""
    return {
        "SGD": Contestant(
            lambda lr: RuleLearner(GradientDescent(lr=lr)), {"lr": 0.1}, "gradient descent"
        ),
        "Adam": Contestant(lambda lr: RuleLearner(Adam(lr=lr)), {"lr": 2e-3}, "Adam"),
        "Adam, L2 to initialisation": Contestant(
            lambda lr, l2: RuleLearner(Adam(lr=lr), l2_init=l2),
            {"lr": 4e-3, "l2": 2e-3},
            "Adam on the loss plus `l2 |theta - start|^2 / 2`",
        ),
        "shrink and perturb": Contestant(
            lambda lr, pull: RuleLearner(_shrink_and_perturb(stream, lr, pull)),
            {"lr": 0.1, "pull": 5e-4},
            "gradient descent that shrinks the way from the start by `pull` a step; noise keeps "
            "weights that no gradient moves as spread as the initialisation",
        ),
        "selective reset": Contestant(
            lambda curvature, noise: RuleLearner(_selective(stream, curvature, noise)),
            {"curvature": 0.1, "noise": 0.01},
            "a Kalman filter for one curvature and noise, both tuned, that weighs at each step "
            "whether the coordinate's target was redrawn; gains derived",
        ),
        "hard reset of Adam (signalled)": Contestant(
            lambda lr: RuleLearner(Adam(lr=lr), restart=True),
            {"lr": 8e-3},
            "Adam that begins anew with each task, told of it: a fresh network",
        ),
    }


def _shrink_and_perturb(stream: Stream, lr: float, pull: float) -> ShrinkAndPerturb:
    perturbation = spread_of(stream) * np.sqrt(1 - (1 - pull) ** 2)
    return ShrinkAndPerturb(lr=lr, pull=pull, perturbation=float(perturbation))


def _selective(stream: Stream, curvature: float, noise: float) -> SelectiveReset:
    problem = NavigationProblem(
        landscape=Quadratic(dim=1, curvature=(curvature,), optimum_std=spread_of(stream)),
        noise=IsotropicNoise(noise),
        start=NormalStart(0.0, 0.0),
        hazard=1 / stream.steps,
        gamma=-float(np.log(DISCOUNT)),
        dt=1.0,
    )
    return SelectiveReset.derive(problem)
