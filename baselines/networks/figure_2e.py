"""The paper's Figure 2(e) on part of MNIST, twice: ``python -m baselines.networks.figure_2e``.

Once rules are policies in the environment, whose state is the network's parameters; once they are
optimizers in an ordinary PyTorch loop, on the minibatches that the environment drew.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from baselines.claims.ballistic import B2, EPS, LR, NotebookRule
from baselines.claims.mnist import BATCH, EPOCH, digits
from baselines.pages import ROOT, markdown
from landscape_gym import LandscapeNavVectorEnv
from landscape_gym.landscapes.base import Array
from landscape_gym.networks import Mlp, NetworkLandscape
from landscape_gym.optim import RuleOptimizer
from landscape_gym.policy import Rule, RulePolicy
from landscape_gym.problem import MinibatchNoise, NavigationProblem
from landscape_gym.program import program
from landscape_gym.rendering.palette import OF_RULES
from landscape_gym.rendering.png import save
from landscape_gym.rules import AdamW, GradientDescent

LONGEST = 5.0
"""Norm to which the notebook clips gradients."""
UPDATES = 3 * EPOCH
COMPARED = 30
"""First updates, within which rounding has not yet been amplified."""
PICTURE = ROOT / "docs" / "images" / "networks" / "figure-2e.png"


class Clipped:
    """A rule that sees gradients (..., d) shortened to a norm, as `clip_grad_norm_` does."""

    def __init__(self, rule: Rule) -> None:
        self.rule, self.channels, self.init = rule, rule.channels, rule.init

    def update(self, gradient: Any, state: Any, **others: Any) -> tuple[Any, Any]:
        """The rule's update."""
        norm = (gradient * gradient).sum(-1)[..., None] ** 0.5
        share = LONGEST / (norm + 1e-6)
        return self.rule.update(gradient * (share * (share < 1) + (share >= 1)), state, **others)


@dataclass(frozen=True)
class Recorded(NetworkLandscape):
    """A landscape that keeps the numbers of the data of each minibatch."""

    picked: list[Array] = field(default_factory=list, compare=False)

    def minibatch_loss_and_grad(
        self, instances: Any, theta: Array, uniform: Array
    ) -> tuple[Array, Array]:
        """Loss and gradient, and a note of the data."""
        data = len(self.data.x)
        self.picked.append(np.minimum((uniform[0] * data).astype(np.int64), data - 1))
        return super().minibatch_loss_and_grad(instances, theta, uniform)


class Run(NamedTuple):
    """A training of T updates."""

    loss: Array
    """Of each minibatch before the update on it, (T,)."""
    start: Array
    """Parameters at the start, (d,)."""
    theta: Array
    """Parameters after `COMPARED` updates, (d,)."""


RULES: dict[str, Rule] = {
    "SGD": Clipped(GradientDescent(lr=0.1)),
    "AdamW": Clipped(AdamW(lr=1e-3, weight_decay=0.0)),
    "ballistic": Clipped(NotebookRule(LR, B2, EPS)),
}
"""The notebook's, at its rates."""


def in_environment(rule: Rule, updates: int, seed: int = 0) -> tuple[Run, list[Array]]:
    """The rule as a policy, and the data in each minibatch."""
    landscape = Recorded(Mlp((512, 256), "relu"), data=tuple(digits()))
    noise = MinibatchNoise(BATCH, exact_loss=False)
    problem = NavigationProblem(landscape=landscape, noise=noise, dt=1.0, episode_steps=updates)
    policy, memory = RulePolicy(rule, problem), None
    envs = LandscapeNavVectorEnv(
        1, problem=problem, observation=policy.observation, action=policy.action
    )
    observation, info = envs.reset(seed=seed)
    start = theta = envs.simulation.state.theta[0].copy()
    losses = []
    for update in range(updates):
        losses.append(info["loss"][0])
        action, memory = policy.predict(observation, memory)
        observation, _, _, _, info = envs.step(action)
        if update + 1 == COMPARED:
            theta = envs.simulation.state.theta[0].copy()
    return Run(np.array(losses), start, theta), landscape.picked[:updates]


def in_pytorch(rule: Rule, start: Array, picked: list[Array]) -> Run:
    """The rule as an optimizer, from the same parameters on the same minibatches."""
    data = digits()
    model = Mlp((512, 256), "relu").build((784,), 10)
    nn.utils.vector_to_parameters(torch.tensor(start), model.parameters())
    optimizer = RuleOptimizer(model.parameters(), rule)
    losses, theta = [], start
    for update, numbers in enumerate(picked):
        rows = torch.from_numpy(numbers)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data.x[rows]), data.y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if update + 1 == COMPARED:
            theta = nn.utils.parameters_to_vector(model.parameters()).detach().numpy().copy()
    return Run(np.array(losses), start, theta)


def apart(one: Run, other: Run) -> tuple[float, float]:
    """How far runs are apart in their first `COMPARED` updates.

    Returns:
        The largest difference of losses, and the distance of parameters over that travelled.
    """
    loss = np.abs(one.loss - other.loss)[:COMPARED].max()
    theta = np.linalg.norm(one.theta - other.theta) / np.linalg.norm(one.theta - one.start)
    return float(loss), float(theta)


def both(rule: Rule, updates: int = UPDATES) -> tuple[Run, Run]:
    """A rule's runs in the environment and in PyTorch."""
    ours, picked = in_environment(rule, updates)
    return ours, in_pytorch(rule, ours.start, picked)


def table(runs: dict[str, tuple[Run, Run]]) -> str:
    """How far the runs of each rule are apart."""
    head = (
        "rule",
        "mean loss of the third epoch: environment",
        "RuleOptimizer",
        f"losses of the first {COMPARED} updates differ by at most",
        "parameters after them, over the distance travelled",
    )
    rows = []
    for name, pair in runs.items():
        means = (f"{run.loss[-EPOCH:].mean():.4f}" for run in pair)
        rows.append((name, *means, *(f"{difference:.1e}" for difference in apart(*pair))))
    return markdown(head, rows)


def draw(runs: dict[str, tuple[Run, Run]], path: Path = PICTURE) -> None:
    """Losses by update, those in the environment broad, those of the PyTorch loop upon them."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for (name, (ours, theirs)), colour in zip(runs.items(), OF_RULES, strict=False):
        axes.plot(ours.loss, color=colour, linewidth=5, alpha=0.4, label=f"{name}, environment")
        axes.plot(theirs.loss, color=colour, linewidth=1, label=f"{name}, RuleOptimizer")
    axes.set(xlabel="update", ylabel="loss of the minibatch", yscale="log")
    axes.legend(fontsize="small", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path)


@program("python -m baselines.networks.figure_2e", "Nothing was written.")
def main() -> None:
    torch.set_num_threads(1)
    runs = {name: both(rule) for name, rule in RULES.items()}
    print(table(runs))
    draw(runs)


if __name__ == "__main__":
    sys.exit(main())
