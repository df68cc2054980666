"""Rules as torch modules of their observations, for trainers that differentiate or perturb them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from landscape_gym.coordinates import Coordinates
from landscape_gym.learned import LearnedRule
from landscape_gym.learned.network import Cell, Dense, Network
from landscape_gym.observation import Layout
from landscape_gym.registration import Regime

CLIP = 10.0
"""Where scaled features are clipped."""
FIRST = 0.01
"""What the last layer begins with, of torch's own: the first rule hardly moves."""
Memory = tuple[Any, ...] | None
"""What a rule remembers: tensors, or None, each of which has the rows of observations, or `rows` of
coordinates; of an LSTM cell its output and memory, (rows, size) each."""


def mapped(function: Callable[..., Tensor], memory: Any, *others: Any) -> Any:
    """A memory with a function of each of its tensors, and of those of others of its kind."""
    if memory is None:
        return None
    parts = [
        each[0] if each[0] is None else function(*each)
        for each in zip(memory, *others, strict=True)
    ]
    return type(memory)(*parts) if hasattr(memory, "_fields") else tuple(parts)


def restarted(memory: Memory, rows: Tensor, fresh: Memory) -> Memory:
    """A memory in which some rows, a mask, are taken from a fresh one."""

    def chosen(old: Tensor, new: Tensor) -> Tensor:
        each = rows.repeat_interleave(len(old) // len(rows))
        return torch.where(each.view(-1, *[1] * (old.ndim - 1)), new, old)

    return mapped(chosen, memory, fresh)


class TrainableRule(nn.Module):
    """``actions = network(clip((features - mean) / std))``, behind an LSTM cell or not.

    Features are observations, or their rows, one per coordinate. What is learned is
    `landscape_gym.learned.LearnedRule`.

    Args:
        regime: Whose channels are seen and whose actions are taken.
        layers: Widths of the hidden layers; none makes a linear rule.
        activation: Between layers.
        recurrent: Size of an LSTM cell that features pass first; 0: none.
        per_coordinate: Whether one network serves all coordinates.

    Raises:
        ValueError: for channels or actions that cannot be split into single coordinates.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        regime: Regime,
        *,
        layers: tuple[int, ...] = (),
        activation: Literal["tanh", "relu"] = "tanh",
        recurrent: int = 0,
        per_coordinate: bool = False,
    ) -> None:
        super().__init__()
        self._regime, self._activation = regime, activation
        problem, outputs = regime.problem, regime.action.size(regime.problem)
        self.rows = Coordinates(regime.observation) if per_coordinate else None
        if self.rows is None:
            features = Layout(regime.observation, problem).size
        else:
            features = self.rows.features
            outputs, rest = divmod(outputs, problem.dim)
            if rest or not outputs:
                raise ValueError(
                    f"actions of {regime.action.size(problem)} numbers cannot be split among "
                    f"{problem.dim} coordinates."
                )
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.cell = nn.LSTMCell(features, recurrent) if recurrent else None
        widths = (recurrent or features, *layers, outputs)
        self._linear = [nn.Linear(n, m) for n, m in pairwise(widths)]
        self.layers = nn.ModuleList(self._linear)
        with torch.no_grad():
            for parameter in self._linear[-1].parameters():
                parameter.mul_(FIRST)

    def begin(self, observation: Tensor) -> Memory:
        """What is remembered of episodes that begin."""
        if self.cell is None:
            return None
        rows = len(observation if self.rows is None else self.rows.rows(observation))
        return 2 * (observation.new_zeros(rows, self.cell.hidden_size),)

    @torch.no_grad()
    def standardise(self, seen: Sequence[Tensor]) -> None:
        """Take mean and spread of features from observations, once; means of rows stay 0.

        A rule for single coordinates is odd in most of what it sees, and so keeps its middle.
        """
        observation = torch.cat(list(seen))
        rows = observation if self.rows is None else self.rows.rows(observation)
        self.std.copy_(rows.square().mean(0).sqrt().clip(min=1e-6))

    def forward(self, observation: Tensor, memory: Memory = None) -> tuple[Tensor, Memory]:
        """Actions (B, size) for observations (B, size), and what is remembered."""
        seen = observation if self.rows is None else self.rows.rows(observation)
        x = ((seen - self.mean) / self.std).clip(-CLIP, CLIP)
        if self.cell is not None:
            memory = self._remembered(self.cell, x, memory or self.begin(observation))
            x = memory[0]
        *hidden, last = self._linear
        for layer in hidden:
            x = layer(x).tanh() if self._activation == "tanh" else layer(x).relu()
        x = last(x)
        if self.rows is not None:
            x = self.rows.joined(x, len(x) // len(observation))
        return x, memory

    def _remembered(self, cell: nn.LSTMCell, x: Tensor, memory: Any) -> tuple[Tensor, Tensor]:
        """The cell's next output and memory; its own kernel is not known to `torch.func.vmap`."""
        h, c = memory
        gates = nn.functional.linear(x, cell.weight_ih, cell.bias_ih)
        gates = gates + nn.functional.linear(h, cell.weight_hh, cell.bias_hh)
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def learned(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The rule as it is, as plain data."""
        cell = None
        if self.cell is not None:
            of = self.cell
            i = Dense(_array(of.weight_ih), _array(of.bias_ih))
            h = Dense(_array(of.weight_hh), _array(of.bias_hh))
            cell = Cell(i, h)
        dense = tuple(Dense(_array(layer.weight), _array(layer.bias)) for layer in self._linear)
        return LearnedRule(
            self._regime.observation,
            self._regime.action,
            Network(dense, self._activation, cell=cell),
            _array(self.mean).astype(np.float64),
            _array(self.std).astype(np.float64),
            clip=CLIP,
            per_coordinate=self.rows is not None,
            about=about or {},
        )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
