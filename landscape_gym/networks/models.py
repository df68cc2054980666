"""Networks that have a name, made to fit the data's shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from landscape_gym.configuration import count, one_of

if TYPE_CHECKING:
    from torch import nn

ACTIVATIONS = {"tanh": "Tanh", "relu": "ReLU", "gelu": "GELU", "silu": "SiLU"}
"""Names of activations, and of their torch modules."""


@dataclass(frozen=True)
class Mlp:
    """Fully connected layers; inputs of any shape are flattened."""

    kind: ClassVar[str] = "mlp"
    hidden: tuple[int, ...] = (32,)
    """Units of each hidden layer; none is a linear model."""
    activation: str = "tanh"
    """Name in `ACTIVATIONS`."""

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "hidden", _sizes("mlp hidden", self.hidden))
        one_of("mlp activation", self.activation, ACTIVATIONS)

    def build(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """The module, from a datum's shape to `outputs` numbers."""
        from torch import nn

        sizes = (math.prod(shape), *self.hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, units in pairwise(sizes):
            layers += [nn.Linear(inputs, units), getattr(nn, ACTIVATIONS[self.activation])()]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


@dataclass(frozen=True)
class ConvNet:
    """Convolutions of width 3, each halving the size, then a linear layer.

    Data are (channels, length) or (channels, height, width).
    """

    kind: ClassVar[str] = "conv"
    channels: tuple[int, ...] = (8, 16)
    """Channels of each convolution."""
    activation: str = "relu"
    """Name in `ACTIVATIONS`."""

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "channels", _sizes("conv channels", self.channels))
        one_of("conv activation", self.activation, ACTIVATIONS)

    def build(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """The module, from a datum's shape to `outputs` numbers.

        Raises:
            ValueError: for data that are neither signals nor images.
        """
        from torch import nn

        if len(shape) not in (2, 3):
            raise ValueError(
                "model 'conv' takes data of shape (channels, length) or (channels, height, width), "
                f"got {shape}; use 'mlp'."
            )
        convolution = nn.Conv1d if len(shape) == 2 else nn.Conv2d
        sizes, space = (shape[0], *self.channels), shape[1:]
        layers: list[nn.Module] = []
        for inputs, units in pairwise(sizes):
            layers.append(convolution(inputs, units, 3, stride=2, padding=1))
            layers.append(getattr(nn, ACTIVATIONS[self.activation])())
            space = tuple(-(-size // 2) for size in space)
        features = sizes[-1] * math.prod(space)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, outputs))


Model = Mlp | ConvNet
MODELS: dict[str, type[Model]] = {cls.kind: cls for cls in (Mlp, ConvNet)}


def _sizes(what: str, given: Any) -> tuple[int, ...]:
    """A tuple of positive integers."""
    if not isinstance(given, tuple | list):
        raise TypeError(f"{what} is a list of integers, got {given!r}.")
    return tuple(count(what, size) for size in given)
