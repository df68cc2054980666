"""Rivals that replace single units; constants are a number for each row, (B, 1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from baselines.continual.hazard.streams import Seen
from baselines.continual.hazard.weight_rivals import AdamL2
from landscape_gym.networks.batched import Networks

Units = tuple[Tensor, Tensor]
"""Rows and numbers of units of a layer, (k,) each."""


@dataclass
class UnitResets(AdamL2, ABC):
    """Adam that replaces hidden units, those that `worn` says.

    Incoming weights are drawn anew as at the start, bias and outgoing weights are 0, and so is what
    Adam remembers of them.
    """

    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))

    def begin(self, theta: Tensor, networks: Networks) -> None:
        super().begin(theta, networks)
        self.networks = networks
        self.layers = [name for name in networks.shapes if name.endswith("weight")]
        self.units = [networks.shapes[name][0] for name in self.layers[:-1]]

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        moved = theta - self.lr * self.step(seen.gradient)
        now = self.networks.split(moved)
        x = seen.x.flatten(2)
        for layer, (name, after) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            bias = name.replace("weight", "bias")
            x = torch.relu(torch.baddbmm(now[bias][:, None], x, now[name].mT))
            rows, units = self.worn(layer, x, now[after])
            if len(rows) == 0:
                continue
            start = self.networks.split(self.start)[name][rows]
            shuffled = torch.randint(start[0].numel(), start[:, 0].shape, generator=self.generator)
            now[name][rows, units] = start.flatten(1).gather(1, shuffled)
            now[bias][rows, units] = 0.0
            now[after][rows, :, units] = 0.0
            for part in (self.networks.split(each) for each in (self.m, self.v)):
                part[name][rows, units] = 0.0
                part[bias][rows, units] = 0.0
                part[after][rows, :, units] = 0.0
        return moved

    @abstractmethod
    def worn(self, layer: int, activity: Tensor, outgoing: Tensor) -> Units:
        """Units to replace, by the layer's activity (B, n, units) and weights (B, after, units)."""


@dataclass
class ContinualBackprop(UnitResets):
    """The units of least use are replaced (Dohare et al., Nature 632, 2024).

    A unit's utility is a mean, of decay 0.99, of its activity times the sum of its outgoing
    weights' sizes. Each layer replaces `rate` of its mature units in a step, those of least
    utility. A unit is mature after 100 steps.
    """

    rate: Tensor | float = 1e-3
    decay: float = 0.99
    maturity: int = 100

    def begin(self, theta: Tensor, networks: Networks) -> None:
        super().begin(theta, networks)
        rows = len(theta)
        self.utility = [torch.zeros(rows, n) for n in self.units]
        self.age = [torch.zeros(rows, n) for n in self.units]
        self.due = [torch.zeros(rows, 1) for _ in self.units]

    def worn(self, layer: int, activity: Tensor, outgoing: Tensor) -> Units:
        use = activity.abs().mean(1) * outgoing.abs().sum(1)
        self.utility[layer] = self.decay * self.utility[layer] + (1 - self.decay) * use
        self.age[layer] += 1
        mature = self.age[layer] > self.maturity
        self.due[layer] += self.rate * mature.sum(1, keepdim=True)
        rows = ((self.due[layer][:, 0] >= 1) & mature.any(1)).nonzero()[:, 0]
        self.due[layer][rows] -= 1
        worst = torch.where(mature, self.utility[layer], torch.inf).argmin(1)[rows]
        self.utility[layer][rows, worst] = 0.0
        self.age[layer][rows, worst] = 0.0
        return rows, worst


@dataclass
class SelfNormalisedResets(UnitResets):
    """Units are replaced that are silent for longer than they are (Farias, Jozefiak, 2410.20098).

    A unit fires in a step if it is above 0 on any datum of the minibatch. It is replaced as soon as
    it has been silent for so long that at most `eta` of its silences, this one among them, came to
    that length: the paper's test against its own times between firings. All of them count, from the
    first step on, in place of thresholds that are moved from time to time towards the percentile.
    """

    eta: Tensor | float = 0.01
    """Rejection percentile, in (0, 1)."""
    longest: int = 1000
    """Steps of silence beyond which it counts as of that length."""

    def begin(self, theta: Tensor, networks: Networks) -> None:
        super().begin(theta, networks)
        self.silent = [torch.full((len(theta), n), -1) for n in self.units]
        self.reached = [torch.zeros(len(theta), n, self.longest + 1) for n in self.units]
        """How many silences came to each length, (B, units, lengths)."""

    def worn(self, layer: int, activity: Tensor, outgoing: Tensor) -> Units:
        fires = (activity > 0).any(1)
        silent = torch.where(fires, 0, self.silent[layer] + 1).clamp(max=self.longest)
        reached, length = self.reached[layer], silent[..., None]
        reached.scatter_add_(2, length, torch.ones_like(length, dtype=reached.dtype))
        share = reached.gather(2, length)[..., 0] / reached[..., 0]
        worn = (silent > 0) & (share <= self.eta)
        self.silent[layer] = silent.masked_fill(worn, -1)  # the next silence begins with a step
        rows, units = worn.nonzero(as_tuple=True)
        return rows, units
