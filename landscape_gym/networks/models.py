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


@dataclass(frozen=True)
class Transformer:
    """Causal self-attention over characters; data are their numbers, (length,), 0, 1, ...

    The last of them attends to all, and tells the next one. Layers are normalised before attention
    and before the two fully connected layers, four times as wide as the others, behind it.
    """

    kind: ClassVar[str] = "transformer"
    width: int = 32
    """Numbers that stand for a character."""
    heads: int = 2
    """Heads of attention, a divisor of the width."""
    layers: int = 1
    """Layers of attention."""

    def __post_init__(self) -> None:
        """Check the fields."""
        for name in ("width", "heads", "layers"):
            object.__setattr__(self, name, count(f"transformer {name}", getattr(self, name)))
        if self.width % self.heads:
            raise ValueError(
                f"transformer width must be a multiple of its heads, got {self.width} and "
                f"{self.heads}."
            )

    def build(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """The module, from a datum's shape to `outputs` numbers, one for each character there is.

        Raises:
            ValueError: for data that are no sequences.
        """
        from landscape_gym.networks.attention import CharacterTransformer

        if len(shape) != 1:
            raise ValueError(
                f"model 'transformer' takes data of shape (length,), the numbers of characters, "
                f"got {shape}; use 'mlp'."
            )
        return CharacterTransformer(outputs, shape[0], self.width, self.heads, self.layers)


Model = Mlp | ConvNet | Transformer
MODELS: dict[str, type[Model]] = {cls.kind: cls for cls in (Mlp, ConvNet, Transformer)}


def _sizes(what: str, given: Any) -> tuple[int, ...]:
    """A tuple of positive integers."""
    if not isinstance(given, tuple | list):
        raise TypeError(f"{what} is a list of integers, got {given!r}.")
    return tuple(count(what, size) for size in given)
