"""One network of fully connected layers, whose gradients are written where they are to lie.

Autograd makes a tensor for the gradient of each parameter, which would then be copied into one
vector, and others for all that comes between. Here it differentiates the loss alone; through the
layers the same products are taken by hand, and written over what nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from landscape_gym.fusing import tracing
from landscape_gym.recycling import room

Back: TypeAlias = Callable[[Tensor, bool], Tensor]
"""From slopes of the loss with respect to what a layer puts out to those with respect to what it
takes; written over the first where these are nobody else's."""
NONE = -1
"""Where the bias of a layer lies that has none."""
_aten = torch.ops.aten
WRITTEN_OVER: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Any, tuple[float, ...]]] = {
    nn.Tanh: (torch.tanh_, _aten.tanh_backward, ()),
    nn.Sigmoid: (torch.sigmoid_, _aten.sigmoid_backward, ()),
    nn.ReLU: (torch.relu_, _aten.threshold_backward, (0.0,)),
}
"""Layers that can write over what they take, as their derivative is a function of what they put
out: how, that derivative as autograd takes it, and what else it is given."""


class Chain:
    """Layers one after another, of which those with parameters are fully connected.

    Args:
        layers: The layers.
        module: What they are of; its parameters, in its order, make up a vector of d.
    """

    def __init__(self, layers: Sequence[nn.Module], module: nn.Module) -> None:
        parameters = list(module.parameters())
        sizes = [parameter.numel() for parameter in parameters]
        starts = dict(zip(map(id, parameters), accumulate(sizes, initial=0), strict=False))
        linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        self._layers = list(layers)
        self._shapes = [tuple(layer.weight.shape) for layer in linear]
        self._weights = [starts[id(layer.weight)] for layer in linear]
        self._biases = [starts.get(id(layer.bias), NONE) for layer in linear]
        used = [start for start in (*self._weights, *self._biases) if start != NONE]
        each_once = sorted(used) == sorted(starts.values())
        self._plain = each_once and not any(getattr(layer, "inplace", False) for layer in layers)

    def takes(self, theta: Tensor, x: Tensor) -> bool:
        """Whether it can learn there.

        Each parameter belongs to one layer, no layer writes over what another put out, and each
        datum is one vector to every one.
        """
        vectors = x.ndim == 2 or (bool(self._layers) and isinstance(self._layers[0], nn.Flatten))
        return self._plain and vectors and theta.is_contiguous()

    def learn(
        self, theta: Tensor, x: Tensor, losses: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs, the loss and its gradient.

        Args:
            theta: Parameters, (1, d), of which no gradient is asked.
            x: Inputs, (n, ...), that it `takes`.
            losses: The loss (1,) of outputs (1, n, ...).

        Returns:
            Outputs (1, n, ...), the loss (1,) and its gradient (1, d).
        """
        with torch.no_grad():
            outputs, trail = self._forward(theta, x)
            with torch.enable_grad():
                loss = losses(outputs.requires_grad_().unsqueeze(0))
            (slope,) = torch.autograd.grad(loss, outputs, materialize_grads=True)
            slopes, taken = self._backward(theta, slope, trail)
            join = torch.ops.landscape_gym.gradient if tracing() else gradient
            grad = join(slopes, taken, self._weights, self._biases, theta)
        return outputs.detach().unsqueeze(0), loss.detach(), grad

    def _forward(self, theta: Tensor, x: Tensor) -> tuple[Tensor, list[Tensor | Back]]:
        """Outputs, and for the way back what each linear layer took, and how others go back."""
        own, trail, fresh = self._own(theta), [], False
        for layer in self._layers:
            if isinstance(layer, nn.Linear):
                trail.append(x)
                x, fresh = nn.functional.linear(x, *next(own)), True
            elif trail:
                x, back = _through(layer, x, fresh)
                trail.append(back)
                fresh = False
            else:  # nobody asks for gradients with respect to data
                x = layer(x)
        return x.detach(), trail

    def _backward(
        self, theta: Tensor, slope: Tensor, trail: list[Tensor | Back]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The slope of the loss with respect to what each linear layer puts out, and what it took.

        Args:
            theta: Parameters, (1, d).
            slope: The loss's, with respect to outputs.
            trail: Of the way forward.
        """
        weights, fresh = [weight for weight, _ in self._own(theta)], False
        slopes: list[Tensor] = []
        for step in reversed(trail):
            if not isinstance(step, Tensor):
                slope = step(slope, fresh)
                continue
            slopes.insert(0, slope)
            if len(slopes) < len(weights):
                slope, fresh = torch.mm(slope, weights[-len(slopes)]), True
        return slopes, [step for step in trail if isinstance(step, Tensor)]

    def _own(self, theta: Tensor) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Of each linear layer, its weight and its bias among parameters (1, d): views."""
        return _parts(theta, self._shapes, self._weights, self._biases)


def gradient(
    slopes: Sequence[Tensor],
    taken: Sequence[Tensor],
    weights: Sequence[int],
    biases: Sequence[int],
    theta: Tensor,
) -> Tensor:
    """The gradient of a loss, (1, d), each part of it written where it is to lie.

    Args:
        slopes: The loss's, with respect to what each linear layer puts out, (n, out).
        taken: What each took, (n, in).
        weights: Where in the vector its weight begins.
        biases: Where its bias begins, or `NONE`.
        theta: Parameters, (1, d).
    """
    place = room(theta)
    place = torch.empty_like(theta) if place is None else place
    shapes = [(slope.shape[1], x.shape[1]) for slope, x in zip(slopes, taken, strict=True)]
    parts = _parts(place, shapes, weights, biases)
    for slope, x, (weight, bias) in zip(slopes, taken, parts, strict=True):
        torch.mm(slope.t(), x, out=weight)
        if bias is not None:
            torch.sum(slope, 0, out=bias)
    return place


# As one operation to compilers, which would make each part by itself, and then join them.
_operations = torch.library.Library("landscape_gym", "DEF")
_operations.define(
    "gradient(Tensor[] slopes, Tensor[] taken, int[] weights, int[] biases, Tensor theta) -> Tensor"
)
_operations.impl("gradient", gradient, "CompositeExplicitAutograd")
torch.library.register_fake(
    "landscape_gym::gradient", lambda *given: torch.empty_like(given[-1]), lib=_operations
)


def _parts(
    vector: Tensor, shapes: Iterable[Sequence[int]], weights: Iterable[int], biases: Iterable[int]
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Of each linear layer, its weight's and its bias's part of a vector (1, d): views."""
    flat = vector.view(-1)
    for (rows, columns), weight, bias in zip(shapes, weights, biases, strict=True):
        part = flat.narrow(0, weight, rows * columns).view(rows, columns)
        yield part, None if bias == NONE else flat.narrow(0, bias, rows)


def _through(layer: nn.Module, x: Tensor, fresh: bool) -> tuple[Tensor, Back]:
    """What a layer puts out, and its way back; `fresh` is whether x may be written over."""
    if fresh and type(layer) in WRITTEN_OVER:
        over, derivative, more = WRITTEN_OVER[type(layer)]
        y = over(x)

        def back(slope: Tensor, fresh: bool) -> Tensor:
            if fresh:
                return derivative.grad_input(slope, y, *more, grad_input=slope)
            return derivative(slope, y, *more)

        return y, back
    with torch.enable_grad():
        taken = x.detach().requires_grad_()
        made = layer(taken)
    return made.detach(), lambda slope, fresh: torch.autograd.grad(made, taken, slope)[0]
