"""States of many small parameters in one vector, so that a recurrence takes few calls."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Packed:
    """Vectors of which tensors in parameters' states are parts, kept from step to step.

    A network of a hundred thousand weights spends most of an elementwise step on calling, not on
    computing.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], tuple[Tensor, list[Tensor]]] = {}

    def vector(self, name: str, states: list[dict[str, Any]]) -> Tensor:
        """The states' tensors of that name, one after another; these are parts of it from then on.

        Args:
            name: Key of contiguous tensors of one type and device.
            states: Of the parameters.
        """
        key = name, id(states[0])
        whole, parts = self._kept.get(key, (None, []))
        held = [state[name] for state in states]
        if whole is None or len(held) != len(parts) or any(map(_differ, held, parts)):
            whole = torch.cat([tensor.view(-1) for tensor in held])
            flat = whole.split([tensor.numel() for tensor in held])
            parts = [part.view(tensor.shape) for part, tensor in zip(flat, held, strict=True)]
            for state, part in zip(states, parts, strict=True):
                state[name] = part
            self._kept[key] = whole, parts
        return whole


def _differ(a: Tensor, b: Tensor) -> bool:
    return a is not b
