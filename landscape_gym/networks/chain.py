"""One network of fully connected layers, whose gradients are written where they are to lie.

Autograd makes a tensor for the gradient of each parameter, which would then be copied into one
vector, and others for all that comes between. Here it differentiates the loss alone; through the
layers the same products are taken by hand, and written over what nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from landscape_gym.fusing import tracing
from landscape_gym.recycling import room

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
        place = {id(parameter): i for i, parameter in enumerate(parameters)}
        self._sizes = [parameter.numel() for parameter in parameters]
        self._layers = list(layers)
        self._linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        self._places = [
            (tuple(l.weight.shape), place[id(l.weight)], place.get(id(l.bias), -1))
            for l in self._linear
        ]
        used = [p for _, *places in self._places for p in places if p >= 0]
        each_once = sorted(used) == list(range(len(self._sizes)))
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
            if tracing():
                grad = torch.cat(self._backward(theta, slope, trail)).unsqueeze(0)
            else:
                grad = room(theta)
                grad = torch.empty_like(theta) if grad is None else grad
                self._backward(theta, slope, trail, grad)
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
        self,
        theta: Tensor,
        slope: Tensor,
        trail: list[Tensor | Back],
        place: Tensor | None = None,
    ) -> list[Tensor]:
        """The gradient's parts, flat, by the slope of the loss with respect to outputs.

        They are written to their place in a vector (1, d), where there is one.
        """
        weights = [weight for weight, _ in self._own(theta)]
        places = self._own(place) if place is not None else [(None, None)] * len(weights)
        made, fresh = [theta] * len(self._sizes), False
        for step in reversed(trail):
            if not isinstance(step, Tensor):
                slope = step(slope, fresh)
                continue
            weight, (of_weight, of_bias) = weights.pop(), places[len(weights)]
            _, number, bias = self._places[len(weights)]
            made[number] = torch.mm(slope.t(), step, out=of_weight).view(-1)
            if bias >= 0:
                made[bias] = torch.sum(slope, 0, out=of_bias)
            if weights:
                slope, fresh = torch.mm(slope, weight), True
        return made

    def _own(self, vector: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Of each layer, its weight's and its bias's part of a vector (1, d): views."""
        parts = vector.view(-1).split_with_sizes(self._sizes)
        return [
            (parts[weight].view(shape), None if bias < 0 else parts[bias])
            for shape, weight, bias in self._places
        ]


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
