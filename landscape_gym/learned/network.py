"""The networks of learned rules, as plain arrays: dense layers, behind an LSTM cell or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from landscape_gym.landscapes.base import Array

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
}


class Dense(NamedTuple):
    """``y = W x + b``."""

    weight: Array
    """W, (outputs, inputs)."""
    bias: Array
    """b, (outputs,)."""

    def __call__(self, x: Array) -> Array:
        """Outputs (batch, outputs) of inputs (batch, inputs)."""
        return x @ self.weight.T + self.bias


class Cell(NamedTuple):
    """An LSTM cell as `torch.nn.LSTMCell` has it; gates lie in the order i, f, g, o."""

    input: Dense
    """From inputs to gates, (4 size, inputs)."""
    hidden: Dense
    """From the last output to gates, (4 size, size)."""

    @property
    def size(self) -> int:
        """Numbers that it puts out, and that it remembers."""
        return self.hidden.weight.shape[1]

    def __call__(self, x: Array, state: CellState) -> CellState:
        """The next state, whose `h` is the output."""
        i, f, g, o = np.split(self.input(x) + self.hidden(state.h), 4, axis=1)
        c = _sigmoid(f) * state.c + _sigmoid(i) * np.tanh(g)
        return CellState(_sigmoid(o) * np.tanh(c), c)


class CellState(NamedTuple):
    """Output and memory of an LSTM cell, (batch, size) each."""

    h: Array
    c: Array


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


@dataclass(frozen=True)
class Network:
    """Dense layers with an activation between them, behind an LSTM cell if there is one.

    Example:
        >>> network = Network((Dense(np.array([[-2.0, 0.0]]), np.array([0.5])),))
        >>> network(np.array([[1.0, 3.0]]))[0]
        array([[-1.5]])
    """

    layers: tuple[Dense, ...]
    """At least one."""
    activation: str = "tanh"
    """Between layers: a name in `ACTIVATIONS`."""
    squashed: bool = False
    """Whether outputs are passed through tanh."""
    cell: Cell | None = None
    """What inputs pass first."""

    @property
    def inputs(self) -> int:
        """Numbers that it takes in."""
        first = self.layers[0] if self.cell is None else self.cell.input
        return first.weight.shape[1]

    @property
    def outputs(self) -> int:
        """Numbers that it puts out."""
        return len(self.layers[-1].bias)

    def begin(self, batch: int) -> CellState | None:
        """The state at the beginning of an episode."""
        if self.cell is None:
            return None
        zeros = np.zeros((batch, self.cell.size), self.cell.hidden.weight.dtype)
        return CellState(zeros, zeros)

    def __call__(self, x: Array, state: CellState | None = None) -> tuple[Array, CellState | None]:
        """Outputs (batch, outputs) of inputs (batch, inputs), and the next state."""
        if self.cell is not None:
            state = self.cell(x, state or CellState(*self.begin(len(x)) or ()))
            x = state.h
        for layer in self.layers[:-1]:
            x = ACTIVATIONS[self.activation](layer(x))
        x = self.layers[-1](x)
        return (np.tanh(x) if self.squashed else x), state
