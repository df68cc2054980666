"""The network of a learned rule in torch, applied to columns: one per coordinate."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from landscape_gym.learned import Dense, LearnedRule


class ColumnNetwork:
    """``network(clip((features - mean) / std))`` of a learned rule, on features (features, c).

    tanh is computed as ``2 sigmoid(2 x) - 1``, which torch does four times as fast on a CPU, with
    the factors moved into the weights of the layers before and behind it.

    Args:
        learned: The rule.
        dtype: Of features and actions.
        device: Of features and actions.
    """

    def __init__(self, learned: LearnedRule, dtype: torch.dtype, device: torch.device) -> None:
        def tensor(values: np.ndarray) -> Tensor:
            return torch.tensor(np.asarray(values), dtype=dtype, device=device)

        network = learned.network
        self.scaling = None
        if learned.mean.any() or (learned.std != 1).any():
            shift, gain = -learned.mean / learned.std, 1 / learned.std
            self.scaling = tensor(shift[:, None]), tensor(gain[:, None])
        self.clip = learned.clip
        self.squashed = network.squashed
        self.relu = network.activation == "relu"
        layers = network.layers if self.relu else _by_sigmoid(network.layers)
        self.layers = [(tensor(W), tensor(b[:, None])) for W, b in layers]
        self.width = max(len(b) for _, b in layers)
        cell = network.cell
        self.gates = cell and [(tensor(W), tensor(b[:, None])) for W, b in cell]

    def begin(self, columns: int) -> tuple[Tensor, ...]:
        """Output and memory of the LSTM cell at the start, (size, columns) each; () without one."""
        if self.gates is None:
            return ()
        weight = self.gates[1][0]
        zeros = weight.new_zeros(weight.shape[1], columns)
        return zeros, zeros

    def __call__(
        self, x: Tensor, state: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Outputs (outputs, c) of features (features, c), and the next state of the cell."""
        if self.scaling is not None:
            shift, gain = self.scaling
            x = torch.addcmul(shift, x, gain, out=x)
        x = x.clamp_(-self.clip, self.clip)
        if self.gates is not None:
            state = _cell(self.gates, x, *state)
            x = state[0]
        for W, b in self.layers[:-1]:
            x = torch.addmm(b, W, x)
            x = x.relu_() if self.relu else x.sigmoid_()
        W, b = self.layers[-1]
        x = torch.addmm(b, W, x)
        return (x.tanh_() if self.squashed else x), state


def _cell(
    gates: list[tuple[Tensor, Tensor]], x: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """Next output and memory of an LSTM cell."""
    (W, b), (V, a) = gates
    i, f, g, o = (torch.addmm(b, W, x) + torch.addmm(a, V, h)).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _by_sigmoid(layers: tuple[Dense, ...]) -> list[Dense]:
    """Layers with sigmoid between them that do what the given ones do with tanh."""
    found = []
    for position, layer in enumerate(layers):
        W, b = (np.asarray(part, np.float64) for part in layer)
        if position > 0:
            W, b = 2 * W, b - W.sum(axis=1)
        if position < len(layers) - 1:
            W, b = 2 * W, 2 * b
        found.append(Dense(W, b))
    return found
