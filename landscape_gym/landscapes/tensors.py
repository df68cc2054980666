"""The tensors that the parameters of a network are made of, and what they tell of a coordinate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from landscape_gym.arrays import Array, namespace


@dataclass(frozen=True)
class Tensors:
    """Shapes of a network's parameters, in the order of theta.

    Layers are counted by their matrices and convolutions, (outputs, inputs, ...); a vector, such as
    a bias, belongs to the layer of what comes before it.

    Example:
        >>> tensors = Tensors(((2, 3), (2,), (1, 2)))
        >>> tensors.layers
        array([0., 0., 1.])
        >>> tensors.spread(tensors.layers)
        array([0., 0., 0., 0., 0., 0., 0., 0., 1., 1.])
    """

    shapes: tuple[tuple[int, ...], ...]
    """Of T tensors, which have d coordinates together."""

    @cached_property
    def sizes(self) -> list[int]:
        """Coordinates of each tensor."""
        return [math.prod(shape) for shape in self.shapes]

    @cached_property
    def layers(self) -> Array:
        """Place of each tensor's layer, (T,): 0 is the first and 1 the last."""
        layer = np.cumsum([len(shape) > 1 for shape in self.shapes]) - 1
        return np.maximum(layer, 0) / max(layer[-1], 1)

    @cached_property
    def fans(self) -> Array:
        """Logarithms of each tensor's inputs and outputs, (2, T); a vector has one input."""
        inputs = [math.prod(shape[1:]) for shape in self.shapes]
        outputs = [math.prod(shape[:1]) for shape in self.shapes]
        return np.log(np.array([inputs, outputs], np.float64))

    @cached_property
    def owners(self) -> Array:
        """Which tensor each coordinate is of, (d,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def parts(self, values: Array) -> list[Array]:
        """Each tensor's part of `values` (..., d), flat.

        Raises:
            ValueError: for another number of coordinates than the tensors have.
        """
        ends = np.cumsum(self.sizes).tolist()
        if values.shape[-1] != ends[-1]:
            raise ValueError(
                f"tensors of shapes {', '.join(map(str, self.shapes))} have {ends[-1]} coordinates "
                f"together, got {values.shape[-1]}: give the shapes of all parameters, in order."
            )
        return [values[..., e - size : e] for size, e in zip(self.sizes, ends, strict=True)]

    def matrices(self, values: Array) -> list[Array]:
        """The parts as matrices, (..., outputs, inputs): convolutions unfolded, vectors columns.

        Example:
            >>> [part.shape for part in Tensors(((2, 3, 5), (2,))).matrices(np.zeros((7, 32)))]
            [(7, 2, 15), (7, 2, 1)]
        """
        shapes = [(math.prod(shape[:1]), math.prod(shape[1:])) for shape in self.shapes]
        parts = self.parts(values)
        return [
            part.reshape((*part.shape[:-1], *shape))
            for part, shape in zip(parts, shapes, strict=True)
        ]

    def joined(self, matrices: list[Array]) -> Array:
        """What `matrices` took apart, (..., d)."""
        flat = [part.reshape((*part.shape[:-2], -1)) for part in matrices]
        return flat[0] if len(flat) == 1 else namespace(flat[0]).concat(flat, axis=-1)

    def mean_squares(self, values: Array) -> Array:
        """Mean square of each tensor's part of `values` (..., d), (..., T)."""
        xp = namespace(values)
        means = [xp.mean(part * part, axis=-1) for part in self.parts(values)]
        return xp.stack(means, axis=-1)

    def spread(self, values: Array) -> Array:
        """One number per tensor, (..., T), as one per coordinate, (..., d)."""
        xp = namespace(values)
        return xp.take(values, xp.asarray(self.owners, device=values.device), axis=-1)
