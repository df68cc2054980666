"""Parameters on which an optimizer works at once: a large one alone, small ones as one vector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import is_
from typing import Any

import torch
from torch import Tensor
from torch._utils import _flatten_dense_tensors

State = dict[str, Any]
"""What is remembered of a parameter."""
NOTHING = torch.empty(0)
"""A gradient that is not held."""


class Packed:
    """Vectors of which tensors in parameters' states are parts, kept from step to step.

    A network of a hundred thousand weights spends most of an elementwise step on calling, not on
    computing.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], tuple[Tensor, list[Tensor]]] = {}

    def vector(self, name: str, states: list[State]) -> Tensor:
        """The states' tensors of that name, one after another; these are parts of it from then on.

        Args:
            name: Key of contiguous tensors of one type and device.
            states: Of the parameters.
        """
        key = name, id(states[0])
        whole, parts = self._kept.get(key, (None, []))
        held = [state[name] for state in states]
        if whole is None or len(held) != len(parts) or not all(map(is_, held, parts)):
            whole = torch.cat([tensor.view(-1) for tensor in held])
            flat = whole.split([tensor.numel() for tensor in held])
            parts = [part.view(tensor.shape) for part, tensor in zip(flat, held, strict=True)]
            for state, part in zip(states, parts, strict=True):
                state[name] = part
            self._kept[key] = whole, parts
        return whole


class Block:
    """Parameters of one group, type, device and age, and what is known of their d coordinates.

    Args:
        group: Theirs.
        parameters: With gradients.
        states: What is remembered of each.
        units: Of their coordinates.
        packed: Of the optimizer.
    """

    def __init__(
        self,
        group: dict[str, Any],
        parameters: list[Tensor],
        states: list[State],
        units: list[float],
        packed: Packed,
    ) -> None:
        self.group, self.parameters, self.states = group, parameters, states
        self._packed, self.dtype = packed, type_of_state(parameters[0])
        self._vectors: dict[str, Tensor] = {}
        self._sizes = [p.numel() for p in parameters]
        self.units = units[0] if len(set(units)) == 1 else self._per_coordinate(units)
        """One for all coordinates, or of each, (d,)."""
        self._matrices = [
            (i, matrix_shape(p.shape)) for i, p in enumerate(parameters) if p.ndim > 1
        ]
        self.release()

    @property
    def age(self) -> int:
        """Gradients seen."""
        return self.states[0]["step"]

    def read(self) -> None:
        """Begin a step: take the parameters' gradients, and what their states have by now."""
        self._vectors.clear()
        gradient = self.joined([p.grad for p in self.parameters])  # pyright: ignore[reportArgumentType]
        self.gradient = -gradient if self.group["maximize"] else gradient

    def joined(self, tensors: list[Tensor]) -> Tensor:
        """A tensor for each parameter as one vector (d,), in the type of the state."""
        several = len(tensors) > 1
        vector = _flatten_dense_tensors(tensors) if several else tensors[0].reshape(-1)
        return vector if vector.dtype == self.dtype else vector.to(self.dtype)

    def release(self) -> None:
        """Leave the gradients, whose memory the training loop may want until the next step."""
        self.gradient = NOTHING
        """Of what falls, (d,): negated where it is maximised; in the type of the state."""

    def vector(self, name: str) -> Tensor:
        """What the states have under a name, (d,); changes of it are changes of theirs."""
        if name not in self._vectors:
            several = len(self.states) > 1
            self._vectors[name] = (
                self._packed.vector(name, self.states) if several else self.states[0][name].view(-1)
            )
        return self._vectors[name]

    def parts(self, vector: Tensor) -> Sequence[Tensor]:
        """A vector (d,) in the parameters' parts."""
        return vector.split_with_sizes(self._sizes)

    def matrices(self, vector: Tensor) -> list[tuple[State, Tensor]]:
        """The parts of a vector (d,) that are matrices, (rows, columns), and their states."""
        parts = self.parts(vector)
        return [(self.states[i], parts[i].view(shape)) for i, shape in self._matrices]

    def in_units(self, velocity: Tensor) -> float:
        """Multiply a vector (d,) by the units, in place, but for the factor that is returned."""
        if isinstance(self.units, float):
            return self.units
        velocity.mul_(self.units)
        return 1.0

    def _per_coordinate(self, values: list[float]) -> Tensor:
        """A vector (d,) of a number for each parameter."""
        vector = torch.empty(sum(self._sizes), dtype=self.dtype, device=self.parameters[0].device)
        for part, value in zip(self.parts(vector), values, strict=True):
            part.fill_(value)
        return vector


def matrix_shape(shape: torch.Size) -> tuple[int, int]:
    """Outputs, and all that a unit takes in: convolutions unfolded, vectors as columns."""
    return shape[0] if shape else 1, math.prod(shape[1:])


def type_of_state(p: Tensor) -> torch.dtype:
    """float32 for those of half precision."""
    return torch.float32 if p.dtype in (torch.float16, torch.bfloat16) else p.dtype
