"""Small networks, each on data of its own: a distribution to train rules for networks on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise
from typing import ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import below, namespace
from landscape_gym.configuration import count
from landscape_gym.landscapes.base import Array, Draws, Landscape
from landscape_gym.landscapes.quadratic import random_basis
from landscape_gym.landscapes.tensors import Tensors


class SmallNetworkInstances(NamedTuple):
    """The data of each network, and which kind it is."""

    x: Array
    """Inputs, (batch, data, inputs)."""
    y: Array
    """Classes, (batch, data)."""
    relu: Array
    """Whether hidden units are rectified, or else tanh, (batch, 1, 1)."""


@dataclass(frozen=True)
class SmallNetworks(Landscape):
    """``L = mean over data of cross entropy``, of fully connected networks.

    Every instance is a problem of its own. Inputs are Gaussian of mean square 1, and the variances
    of their principal components fall as ``i^-a`` with a uniform in [0, 2], along the axes or along
    a random basis; classes are what a random network of one hidden layer, with weights between
    small (nearly linear) and large, makes of them; hidden units are tanh in one half and rectified
    in the other. So curvature spans many decades, in directions that no coordinate has to itself,
    changes along the way, and shapes the noise of minibatches. Starts are torch's own: uniform
    within one over the root of a layer's inputs.

    The lowest loss is not known and counts as 0.
    """

    kind: ClassVar[str] = "small_networks"
    inputs: int = 6
    """Numbers in a datum."""
    hidden: tuple[int, ...] = (6, 6)
    """Units of each hidden layer."""
    classes: int = 3
    """Classes, and outputs."""
    data: int = 128
    """Data that a loss is the mean over."""
    dim: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for name in ("inputs", "classes", "data"):
            count(f"small_networks {name}", getattr(self, name))
        for units in self.hidden:
            count("small_networks hidden", units)
        dim = sum((inputs + 1) * units for inputs, units in self._shapes())
        object.__setattr__(self, "dim", dim)

    @property
    def box(self) -> tuple[float, float]:
        """Where parameters usually lie."""
        return (-1.0, 1.0)

    def sample(self, draw: Draws) -> SmallNetworkInstances:
        """Draw inputs and what says their classes."""
        fall, along_axes, gain, relu = draw.uniform(4).T[:, :, None]
        spectrum = np.arange(1, self.inputs + 1, dtype=draw.dtype) ** (-2 * fall)
        spectrum /= spectrum.mean(axis=1, keepdims=True)
        basis = random_basis(draw, self.inputs)
        basis = np.where(
            along_axes[:, :, None] < 0.5, np.eye(self.inputs, dtype=basis.dtype), basis
        )
        x = (draw.normal(self.data, self.inputs) * np.sqrt(spectrum)[:, None, :]) @ basis
        first = draw.normal(self.inputs, self.inputs) / np.sqrt(draw.dtype.type(self.inputs))
        second = draw.normal(self.inputs, self.classes)
        strength = (0.3 * 10**gain)[:, :, None]
        y = (np.tanh(strength * (x @ first)) @ second).argmax(axis=2)
        return SmallNetworkInstances(x, y, relu[:, :, None] < 0.5)

    def default_start(self, draw: Draws) -> Array:
        """Uniform within one over the root of the layer's inputs."""
        bounds = [np.full((n + 1) * units, n**-0.5) for n, units in self._shapes()]
        return (2 * draw.uniform(self.dim) - 1) * np.concatenate(bounds).astype(draw.dtype)

    def loss_and_grad(self, instances: SmallNetworkInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient, by one pass forward and backward."""
        xp, layers = namespace(theta), list(self._layers(theta))
        active, out = [instances.x], instances.x
        for W, b in layers[:-1]:
            out = out @ W + b
            out = xp.where(instances.relu, out.clip(0), xp.tanh(out))
            active.append(out)
        W, b = layers[-1]
        losses, error = _cross_entropy(out @ W + b, instances.y)
        grads: list[Array] = []
        for (W, _), h in zip(reversed(layers), reversed(active), strict=True):
            parts = (h.mT @ error, error.sum(axis=1))
            grads[:0] = (part.reshape(len(theta), -1) for part in parts)
            slope = xp.where(instances.relu, xp.astype(h > 0, h.dtype), 1 - h * h)
            error = (error @ W.mT) * slope
        return losses, xp.concat(grads, axis=1)

    def tensors(self) -> Tensors:
        """A matrix and a vector for each layer, as torch has them, but for the matrices' order."""
        return self._tensors

    @cached_property
    def _tensors(self) -> Tensors:
        shapes = ((((units, inputs)), (units,)) for inputs, units in self._shapes())
        return Tensors(tuple(chain.from_iterable(shapes)))

    def minibatch_loss_and_grad(
        self, instances: SmallNetworkInstances, theta: Array, uniform: Array
    ) -> tuple[Array, Array]:
        """Means over the data ``floor(N u)``."""
        picks, xp = below(self.data, uniform), namespace(theta)
        rows = xp.arange(len(picks), device=picks.device)[:, None]
        x, y = instances.x[rows, picks], instances.y[rows, picks]
        return self.loss_and_grad(SmallNetworkInstances(x, y, instances.relu), theta)

    def _shapes(self) -> Iterator[tuple[int, int]]:
        """Inputs and units of each layer."""
        return pairwise((self.inputs, *self.hidden, self.classes))

    def _layers(self, theta: Array) -> Iterator[tuple[Array, Array]]:
        """Weights (batch, inputs, units) and biases (batch, 1, units) of each layer."""
        position = 0
        for inputs, units in self._shapes():
            middle, end = position + inputs * units, position + (inputs + 1) * units
            yield theta[:, position:middle].reshape(-1, inputs, units), theta[:, None, middle:end]
            position = end


def _cross_entropy(outputs: Array, y: Array) -> tuple[Array, Array]:
    """Means (batch,), and their gradients by the outputs (batch, n, classes)."""
    xp = namespace(outputs)
    shifted = outputs - xp.max(outputs, axis=2, keepdims=True)
    weights = xp.exp(shifted)
    total = xp.sum(weights, axis=2, keepdims=True)
    right = xp.arange(outputs.shape[2], device=outputs.device) == y[:, :, None]
    losses = xp.log(total[:, :, 0]) - xp.sum(xp.where(right, shifted, 0.0), axis=2)
    error = (weights / total - xp.astype(right, weights.dtype)) / y.shape[1]
    return xp.mean(losses, axis=1), error
