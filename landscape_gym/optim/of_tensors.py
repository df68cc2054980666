"""Channels that are alike within a tensor, in torch; `observation` has them in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.state import SMALLEST

OF_TENSORS = ("layer", "fans", "tensor_gradient", "tensor_parameters")


def of_tensors(
    names: Iterable[str], gradient: Tensor, parameters: Tensor | None, tensors: Tensors | None
) -> dict[str, Tensor]:
    """Those of the named channels that are of tensors, (values per coordinate, d).

    Args:
        names: Channels.
        gradient: (d,).
        parameters: (d,), if a channel asks for them.
        tensors: What the coordinates are of; None: no channel asks.
    """
    if tensors is None:
        return {}

    def log_rms(values: Tensor | None) -> Tensor:
        assert values is not None
        parts = values.split(tensors.sizes)
        return 0.5 * (torch.stack([part.square().mean() for part in parts]) + SMALLEST).log()

    def share() -> Tensor:
        return log_rms(gradient) - 0.5 * (gradient.square().mean() + SMALLEST).log()

    of_each: dict[str, Callable[[], Tensor]] = {
        "layer": lambda: gradient.new_tensor(tensors.layers),
        "fans": lambda: gradient.new_tensor(tensors.fans),
        "tensor_gradient": share,
        "tensor_parameters": lambda: log_rms(parameters),
    }
    sizes = torch.tensor(tensors.sizes, device=gradient.device)
    return {
        name: torch.atleast_2d(of_each[name]()).repeat_interleave(sizes, dim=1)
        for name in names
        if name in OF_TENSORS
    }
