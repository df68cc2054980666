"""One network of fully connected layers, whose gradients are written where they are to lie.

Autograd makes a tensor for the gradient of each parameter, which would then be copied into one
vector, and others for all that comes between. Here it differentiates the loss alone; through the
layers the same products are taken by hand, and written over what nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from landscape_gym.fusing import tracing
from landscape_gym.recycling import room

NONE = -1
"""Which parameter the bias of a layer is that has none."""
Back: TypeAlias = Callable[[Tensor, bool], Tensor]
"""From slopes of the loss with respect to what a layer puts out to those with respect to what it
takes; written over the first where these are nobody else's."""
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
        number = {id(parameter): i for i, parameter in enumerate(parameters)}
        linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        self._layers = list(layers)
        self._shapes = [tuple(layer.weight.shape) for layer in linear]
        self._places = _Places(
            [parameter.numel() for parameter in parameters],
            [number[id(layer.weight)] for layer in linear],
            [number.get(id(layer.bias), NONE) for layer in linear],
        )
        used = [i for i in (*self._places.weights, *self._places.biases) if i != NONE]
        each_once = sorted(used) == list(range(len(parameters)))
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
            back = self._backward(theta, slope, trail)
            if tracing():
                grad = _operations.joined_gradient(*zip(*back, strict=True), *self._places, theta)
            else:
                grad = _joined(back, self._places, theta)
        return outputs.detach().unsqueeze(0), loss.detach(), grad

    def _forward(self, theta: Tensor, x: Tensor) -> tuple[Tensor, list[Tensor | Back]]:
        """Outputs, and for the way back what each linear layer took, and how others go back."""
        own, trail, fresh = iter(self._own(theta)), [], False
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
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each linear layer, the last one first, the loss's slope and what the layer took.

        Args:
            theta: Parameters, (1, d).
            slope: With respect to outputs; those of layers are to what they put out, (n, out).
            trail: Of the way forward; what linear layers took is (n, in).
        """
        weights, fresh = [weight for weight, _ in self._own(theta)], False
        for step in reversed(trail):
            if not isinstance(step, Tensor):
                slope = step(slope, fresh)
                continue
            yield slope, step
            weight = weights.pop()
            if weights:
                slope, fresh = torch.mm(slope, weight), True

    def _own(self, theta: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Of each linear layer, its weight and its bias among parameters (1, d): views."""
        parts, places = _split(theta, self._places), self._places
        return [
            (parts[weight].view(shape), None if bias == NONE else parts[bias])
            for shape, weight, bias in zip(self._shapes, places.weights, places.biases, strict=True)
        ]


class _Places(NamedTuple):
    """Where parameters of linear layers lie in a vector (1, d)."""

    sizes: Sequence[int]
    """Of all parameters."""
    weights: Sequence[int]
    """Each layer's weight is which of them."""
    biases: Sequence[int]
    """And its bias, or `NONE`."""


def joined_gradient(
    slopes: Sequence[Tensor],
    taken: Sequence[Tensor],
    sizes: Sequence[int],
    weights: Sequence[int],
    biases: Sequence[int],
    theta: Tensor,
) -> Tensor:
    """The gradient of a loss, (1, d), as one operation to compilers.

    They would make its parts each by itself, and then join them.

    Args:
        slopes: The loss's, with respect to what each linear layer puts out, (n, out); the last
            layer's first.
        taken: What each took, (n, in).
        sizes: Of all parameters.
        weights: Each layer's weight is which of them; the first layer's first.
        biases: And its bias, or `NONE`.
        theta: Parameters, (1, d).
    """
    back = zip(slopes, taken, strict=True)
    return _joined(back, _Places(sizes, weights, biases), theta)


_operations: Any = torch.ops.landscape_gym
if not hasattr(_operations, joined_gradient.__name__):
    # What a library defines ends with it, and it may be defined once: so it outlives this module.
    _operations.library = torch.library.Library("landscape_gym", "DEF")
    _operations.library.define(
        "joined_gradient(Tensor[] slopes, Tensor[] taken, int[] sizes, int[] weights, "
        "int[] biases, Tensor theta) -> Tensor"
    )
    _operations.library.impl("joined_gradient", joined_gradient, "CompositeExplicitAutograd")
    torch.library.register_fake(
        "landscape_gym::joined_gradient",
        lambda *given: torch.empty_like(given[-1]),
        lib=_operations.library,
    )


def _joined(back: Iterable[tuple[Tensor, Tensor]], places: _Places, theta: Tensor) -> Tensor:
    """The gradient, (1, d), whose parts are written where they are to lie.

    Args:
        back: Of each linear layer, the last one first, the loss's slope and what the layer took.
        places: Where.
        theta: Parameters, (1, d).
    """
    grad = room(theta)
    grad = torch.empty_like(theta) if grad is None else grad
    parts = _split(grad, places)
    ends = zip(reversed(places.weights), reversed(places.biases), strict=True)
    for (slope, x), (weight, bias) in zip(back, ends, strict=True):
        torch.mm(slope.t(), x, out=parts[weight].view(slope.shape[1], x.shape[1]))
        if bias != NONE:
            torch.sum(slope, 0, out=parts[bias])
    return grad


def _split(vector: Tensor, places: _Places) -> Sequence[Tensor]:
    """All parameters of a vector (1, d), flat: views."""
    return vector.view(-1).split_with_sizes(list(places.sizes))


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
