"""Rivals that treat all weights alike; constants are a number for each row, (B, 1)."""

from __future__ import annotations

from dataclasses import dataclass

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

    def answering(self, theta: Tensor) -> Tensor:
        return theta

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
class HareAndTortoise(AdamL2):
    """A fast network, and a slow one that it is set back to (Lee et al., arXiv:2406.02596).

    The fast one, the hare, learns by Adam. The slow one is its average, ``slow <- m slow + (1 - m)
    hare`` at each step, and lags by ``m / (1 - m)`` steps. Every two of its times of averaging the
    hare is set to the slow one, as about in the paper's training on images (m = 0.999, once in
    some 2000 steps); what Adam remembers stays. The tortoise answers, as in the paper, or the hare.
    """

    lag: Tensor | float = 16.0
    """Steps by which the slow network lags."""
    slow_answers: bool = True

    def begin(self, theta: Tensor, networks: Networks) -> None:
        super().begin(theta, networks)
        self.slow = theta
        self.pace = 1 / (1 + torch.as_tensor(self.lag))
        self.interval = (2 / self.pace).round()

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        hare = super().move(theta, seen)
        self.slow = self.slow + self.pace * (hare - self.slow)
        return torch.where(self.t % self.interval == 0, self.slow, hare)

    def answering(self, theta: Tensor) -> Tensor:
        return self.slow if self.slow_answers else theta
