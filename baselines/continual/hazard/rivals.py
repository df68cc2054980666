"""Tuned learners that are told no rate either; constants are a number for each row, (B, 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from baselines.continual.hazard.streams import Seen
from landscape_gym.networks.batched import Networks

B1, B2, EPS = 0.9, 0.999, 1e-8


@dataclass
class AdamL2:
    """Adam on the loss plus ``l2 |theta - start|^2 / 2``."""

    lr: Tensor
    l2: Tensor | float = 0.0

    def begin(self, theta: Tensor, networks: Networks) -> None:
        self.start, self.t = theta, 0
        self.m, self.v = torch.zeros_like(theta), torch.zeros_like(theta)

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        return theta - self.lr * self.step(seen.gradient + self.l2 * (theta - self.start))

    def step(self, gradient: Tensor) -> Tensor:
        """Adam's step at a rate of 1."""
        self.t += 1
        self.m = self.m.lerp(gradient, 1 - B1)
        self.v = self.v.lerp(gradient * gradient, 1 - B2)
        m, v = self.m / (1 - B1**self.t), self.v / (1 - B2**self.t)
        return m / (v.sqrt() + EPS)


@dataclass
class LearnedDrift(AdamL2):
    """Soft parameter resets whose drift is learned online (Galashov et al., arXiv:2411.04034).

    For each tensor of the network a factor gamma is found at each step that makes the minibatch
    likely after ``theta <- gamma theta + (1 - gamma) start``: a step of rate `drift_lr` from
    gamma = 1 along the loss's slope in gamma, which is ``<gradient, theta - start>``. Learning is
    faster after a reset, by ``gamma^2 + (1 - gamma^2) / relative^2``, as weights are then less
    certain. As published but for: the gradient is that before the reset, and taken once; no
    weights are drawn about theta; steps are Adam's, which do better than SGD's on these streams.
    """

    drift_lr: Tensor | float = 0.1
    relative: float = 0.5
    """Standard deviation of weights that are learnt, over that of the prior."""

    def begin(self, theta: Tensor, networks: Networks) -> None:
        super().begin(theta, networks)
        self.sizes = networks.sizes
        self.numbers = torch.tensor(self.sizes)

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        gone = theta - self.start
        slopes = [part.sum(1) for part in (seen.gradient * gone).split(self.sizes, dim=1)]
        gamma = (1 - self.drift_lr * torch.stack(slopes, 1)).clamp(0, 1)
        gamma = gamma.repeat_interleave(self.numbers, dim=1)
        faster = gamma**2 + (1 - gamma**2) / self.relative**2
        return self.start + gamma * gone - self.lr * faster * self.step(seen.gradient)


@dataclass
class ContinualBackprop(AdamL2):
    """Adam that replaces the units of least use (Dohare et al., Nature 632, 2024).

    A unit's utility is a mean, of decay 0.99, of its activity times the sum of its outgoing
    weights' sizes. Each layer replaces `rate` of its mature units in a step, those of least
    utility: incoming weights are drawn anew as at the start, outgoing ones are 0, and so is what
    Adam remembers of them. A unit is mature after 100 steps.
    """

    rate: Tensor | float = 1e-3
    decay: float = 0.99
    maturity: int = 100
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))

    def begin(self, theta: Tensor, networks: Networks) -> None:
        super().begin(theta, networks)
        self.networks = networks
        shapes = list(networks.shapes.values())
        self.layers = [name for name in networks.shapes if name.endswith("weight")]
        units = [shape[0] for shape in shapes if len(shape) == 2][:-1]
        rows = len(theta)
        self.utility = [torch.zeros(rows, n) for n in units]
        self.age = [torch.zeros(rows, n) for n in units]
        self.due = [torch.zeros(rows, 1) for _ in units]

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        moved = theta - self.lr * self.step(seen.gradient)
        now, first = self.networks.split(moved), self.networks.split(self.start)
        moments = [self.networks.split(each) for each in (self.m, self.v)]
        x = seen.x.flatten(2)
        for layer, (name, after) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            bias = name.replace("weight", "bias")
            x = torch.relu(torch.baddbmm(now[bias][:, None], x, now[name].mT))
            use = x.abs().mean(1) * now[after].abs().sum(1)
            self.utility[layer] = self.decay * self.utility[layer] + (1 - self.decay) * use
            self.age[layer] += 1
            mature = self.age[layer] > self.maturity
            self.due[layer] += self.rate * mature.sum(1, keepdim=True)
            rows = ((self.due[layer][:, 0] >= 1) & mature.any(1)).nonzero()[:, 0]
            if len(rows) == 0:
                continue
            self.due[layer][rows] -= 1
            worst = torch.where(mature, self.utility[layer], torch.inf).argmin(1)[rows]
            start = first[name][rows]
            shuffled = torch.randint(start[0].numel(), start[:, 0].shape, generator=self.generator)
            now[name][rows, worst] = start.flatten(1).gather(1, shuffled)
            now[bias][rows, worst] = 0.0
            now[after][rows, :, worst] = 0.0
            for part in moments:
                part[name][rows, worst] = 0.0
                part[bias][rows, worst] = 0.0
                part[after][rows, :, worst] = 0.0
            self.utility[layer][rows, worst] = 0.0
            self.age[layer][rows, worst] = 0.0
        return moved


@dataclass(frozen=True)
class Rival:
    """A learner, and where the search of its constants begins."""

    make: Callable[..., AdamL2]
    first: dict[str, float]
    factor: dict[str, float]
    """By how much neighbours on the lattice of the search differ."""
    note: str


RIVALS = {
    "Adam, L2 to initialisation": Rival(
        AdamL2,
        {"lr": 4e-3, "l2": 2e-3},
        {"lr": 2.0, "l2": 2.0},
        "Kumar et al., arXiv:2308.11958",
    ),
    "soft resets, learned drift": Rival(
        LearnedDrift,
        {"lr": 4e-3, "drift_lr": 0.04},
        {"lr": 2.0, "drift_lr": 4.0},
        "Galashov et al., arXiv:2411.04034; a factor for each tensor, found by the slope of the "
        "minibatch's loss, steps by Adam",
    ),
    "continual backprop": Rival(
        ContinualBackprop,
        {"lr": 4e-3, "rate": 1e-3},
        {"lr": 2.0, "rate": 4.0},
        "Dohare et al., Nature 632, 2024; steps by Adam",
    ),
}
