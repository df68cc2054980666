"""The paper's Figure 2(e): the ballistic rule, SGD and Adam on MNIST; and what "ballistic" is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import nn

from baselines.claims.evidence import Effort, Evidence, agree, at_least
from baselines.claims.figures import SERIES, label, panels
from baselines.claims.measure import trace
from baselines.claims.mnist import (
    BATCH,
    Curve,
    MakeOptimizer,
    NotebookBallistic,
    digits,
    network,
    trained,
    update,
)
from landscape_gym.landscapes import LogUniform, Quadratic
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import CurvatureNoise, NavigationProblem
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rules.rmsprop import RMSprop

LR, B2, EPS = 5e-4, 0.999, 1e-8
"""The notebook's settings of its class Ballistic."""
NOISY = NavigationProblem(
    landscape=Quadratic(dim=6, curvature=LogUniform(0.05, 5.0), optimum_std=1.0),
    noise=CurvatureNoise(0.3),
    episode_steps=100,
)


class NotebookState(NamedTuple):
    """What the notebook's rule remembers."""

    square: Any


@dataclass(frozen=True)
class NotebookRule:
    """The notebook's recurrence as a rule, for the environment."""

    channels = ("gradient",)
    lr: float
    b2: float
    eps: float

    def init(self, gradient: Any) -> NotebookState:
        """Nothing seen."""
        return NotebookState(0.0 * gradient)

    def update(self, gradient: Any, state: NotebookState) -> tuple[Any, NotebookState]:
        """The velocity, and the mean square."""
        square = self.b2 * state.square + (1 - self.b2) * gradient**2
        return -self.lr * gradient / (square + self.eps) ** 0.5, NotebookState(square)


@dataclass(frozen=True)
class BallisticClaim:
    """Constants of the RMSprop that is compared with the notebook's optimizer, and its limits."""

    name: ClassVar[str] = "figure-2e"
    title: ClassVar[str] = "Figure 2(e): the ballistic rule on MNIST is RMSprop"
    sentence: ClassVar[str] = (
        "An Adam-like implementation of the ballistic rule, gamma = 0, trains a network on MNIST "
        "better than SGD and similarly to or worse than Adam."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "The optimizer behind the figure (class Ballistic of the paper's fig2-momentum.ipynb) is "
        "`s = b2 s + (1 - b2) g^2`, `theta <- theta - lr g / (s + eps)^(1/2)` with lr = 5e-4, "
        "b2 = 0.999, eps = 1e-8. That is RMSprop, with eps under the root: no velocity is kept, "
        "and its argument bleed, a friction, is not used.",
        "Where its curvature estimate is that of theory 7(b), noise of covariance H, it is the "
        "gain `h^(-1/2)` of the ballistic rule; on a network g^2 is mostly noise.",
        "It has no bias correction, so its first step is `(1 - b2)^(-1/2) = 32` times lr in every "
        "weight: the first epoch is worse than Adam's for that alone. eps = 1e-8 under the root "
        "is 1e-4 outside it.",
        "Trained on the 4000 digits that are here, not 60,000, and at the paper's rates, the "
        "ballistic rule is far ahead of SGD, as in the paper. Its training loss is below Adam's "
        "from the second to about the fifteenth epoch, and a little above it later; in accuracy "
        "on other digits the two are level.",
    )

    lr: float = LR
    """RMSprop's learning rate."""
    forgetting: float = 1 - B2
    """1 - alpha, the weight of a new square."""
    eps: float = 1e-4
    """The eps outside the root that the notebook's 1e-8 under it amounts to."""

    def evidence(self, effort: Effort) -> Evidence:
        """That updates are equal, and the three trainings."""
        curves = trainings(effort)
        first, fifth, last = (
            {name: float(np.mean([c.loss[epoch] for c in each])) for name, each in curves.items()}
            for epoch in (0, 4, -1)
        )
        right = {
            name: float(np.mean([c.accuracy[-1] for c in each])) for name, each in curves.items()
        }
        checks = (
            # Float64: rounding of weights near 0.03, through 30 updates of a network.
            agree(
                "largest difference to RMSprop after 30 updates of the network, eps = 0",
                1e-9,
                closed=0.0,
                solver=difference_on_the_network(self.lr, 1 - self.forgetting),
                simulated=difference_in_the_environment(self.lr, 1 - self.forgetting),
            ),
            # Both have the factor's own digits.
            agree(
                "first step over lr: (1 - b2)^(-1/2)",
                0.01,
                closed=self.forgetting**-0.5,
                solver=first_step(),
            ),
            # To first order in s / eps, with s = 1e-15 here.
            agree(
                "eps that RMSprop needs to take the same step where gradients are tiny",
                1e-7,
                closed=self.eps,
                solver=needed_eps(),
            ),
            at_least(
                "MNIST: training loss of SGD over that of the ballistic rule, last epoch",
                2.0,
                simulated=last["SGD"] / last["ballistic"],
            ),
            at_least(
                "the same of the ballistic rule over Adam, first epoch",
                1.1,
                simulated=first["ballistic"] / first["Adam"],
            ),
            at_least(
                "the same of Adam over the ballistic rule, fifth epoch",
                1.1,
                simulated=fifth["Adam"] / fifth["ballistic"],
            ),
            # Seeds scatter by 0.006, and 1000 test digits by 0.008.
            agree(
                "the same: test accuracy of the ballistic rule less that of Adam, last epoch",
                0.03,
                closed=0.0,
                simulated=right["ballistic"] - right["Adam"],
            ),
        )
        return Evidence(checks, lambda: draw(effort))


def optimizers() -> dict[str, MakeOptimizer]:
    """The paper's optimizers at its rates."""
    return {
        "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
        "Adam": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.0),
        "ballistic": lambda p: NotebookBallistic(p, lr=LR, b2=B2, eps=EPS),
    }


@cache
def trainings(effort: Effort) -> dict[str, list[Curve]]:
    """Trainings by each optimizer, one for each seed."""
    return {
        name: [trained(make, effort.updates, seed) for seed in range(effort.seeds)]
        for name, make in optimizers().items()
    }


@cache
def difference_on_the_network(lr: float, b2: float) -> float:
    """Between the notebook's optimizer and torch's RMSprop, in float64 and without eps."""
    data, weights = digits(), []

    def notebook(p: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return NotebookBallistic(p, lr=LR, b2=B2, eps=1e-300)  # 0 / 0 is 0 in both then

    def rmsprop(p: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(p, lr=lr, alpha=b2, eps=1e-150)

    for make in (notebook, rmsprop):
        model = network(0).double()
        optimizer = make(model.parameters())
        for rows in torch.arange(30 * BATCH).split(BATCH):
            update(model, optimizer, data.x[rows].double(), data.y[rows])
        weights.append(nn.utils.parameters_to_vector(model.parameters()).detach())
    return float((weights[0] - weights[1]).abs().max())


def difference_in_the_environment(lr: float, b2: float) -> float:
    """Between paths of the notebook's rule and of `rules.RMSprop`, without eps."""
    # Velocities a thousand times those of the network, where distances are near 1.
    rules = (NotebookRule(1000 * LR, B2, 0.0), RMSprop(1000 * lr, b2, 0.0))
    paths = [trace(NOISY, RulePolicy(rule), episodes=16, seed=0).theta for rule in rules]
    return float(np.abs(paths[0] - paths[1]).max())


def first_step() -> float:
    """The notebook's first step over lr."""
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    weight.grad = torch.ones_like(weight)
    NotebookBallistic([weight], lr=LR, b2=B2, eps=EPS).step()
    return -weight.item() / LR


def needed_eps() -> float:
    """The eps with which ``lr g / (s^(1/2) + eps)`` is the notebook's step, for a tiny g."""
    g = 1e-6
    s = (1 - B2) * g * g
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    weight.grad = torch.full_like(weight, g)
    NotebookBallistic([weight], lr=LR, b2=B2, eps=EPS).step()
    return LR * g / -weight.item() - s**0.5


def draw(effort: Effort) -> Figure:
    """Training loss and test accuracy by epoch, every seed a line."""
    figure, (left, right) = panels(2)
    for series, (name, curves) in zip(SERIES, trainings(effort).items(), strict=False):
        for seed, curve in enumerate(curves):
            epochs = np.arange(1, len(curve.loss) + 1)
            named = name if seed == 0 else None
            left.semilogy(epochs, curve.loss, label=named, **series)
            right.plot(epochs, 100 * curve.accuracy, label=named, **series)
    label(left, "MNIST, 4000 digits: training loss", "epoch", "cross-entropy")
    right.set_ylim(84, 96)
    label(right, "On 1000 other digits", "epoch", "right, %")
    return figure
