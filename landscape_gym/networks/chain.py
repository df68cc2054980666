"""One network of fully connected layers, whose gradients are written where they are to lie.

Autograd makes a tensor for the gradient of each parameter, which would then be copied into one
vector; for a large network that takes as long as a part of its matrix products. Here autograd gives
the gradients of what layers put out, and those of their parameters are products written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from landscape_gym.recycling import room


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
        own, before, after = self._own(theta), [], []
        for layer in self._layers:
            if isinstance(layer, nn.Linear):
                before.append(x)
                x = nn.functional.linear(x, *own[len(after)])
                after.append(x if x.requires_grad else x.requires_grad_())
            else:
                x = layer(x)
        outputs = x.unsqueeze(0)
        loss = losses(outputs)
        slopes = torch.autograd.grad(loss, after, materialize_grads=True)
        grad = room(theta)
        grad = torch.empty_like(theta) if grad is None else grad
        with torch.no_grad():
            for (weight, bias), inputs, slope in zip(self._own(grad), before, slopes, strict=True):
                torch.mm(slope.t(), inputs, out=weight)
                if bias is not None:
                    torch.sum(slope, 0, out=bias)
        return outputs.detach(), loss.detach(), grad

    def _own(self, vector: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Of each layer, its weight's and its bias's part of a vector (1, d): views."""
        parts = vector.view(-1).split(self._sizes)
        return [
            (parts[weight].view(shape), None if bias < 0 else parts[bias])
            for shape, weight, bias in self._places
        ]
