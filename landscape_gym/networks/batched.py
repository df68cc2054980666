"""Many networks of one module at once: outputs and losses as functions of all their parameters.

B networks, each of whose parameters are (B, *shape), by name; data have a leading axis B, or 1
where all networks share them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils._pytree import tree_map

from landscape_gym.networks.chain import Chain
from landscape_gym.recycling import room

Loss = Callable[[Tensor, Tensor], Tensor]
Parameters = dict[str, Tensor]

ELEMENTWISE = (nn.Tanh, nn.ReLU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.ELU, nn.LeakyReLU, nn.Softplus)
"""Layers that treat every number alike."""
FEW = 16
"""Up to how many classes count as few."""
IDLE = (nn.Identity, nn.Dropout)
"""Layers that do nothing in evaluation mode."""


class Lesson(NamedTuple):
    """What networks do on data, and how to do better."""

    outputs: Tensor
    """(B, n, ...)."""
    losses: Tensor
    """(B,)."""
    grads: Tensor
    """Gradients of the losses, (B, d)."""


class Networks:
    """A module in evaluation mode, with B sets of parameters.

    Fully connected layers one after another are computed by batched matrix products, the fastest
    way for small ones; any other module is batched by `torch.func.vmap`.

    Args:
        module: The module; what its parameters are at present does not matter.
        loss: A name in `LOSSES`, or a mean loss, a scalar, of outputs and targets (n, ...).
        vectorized: False: what has no batched form here is taken one by one, not by vmap.
    """

    def __init__(self, module: nn.Module, loss: str | Loss, vectorized: bool) -> None:
        self.module, self.loss, self.vectorized = module, loss, vectorized
        self.names = {id(p): name for name, p in module.named_parameters()}
        self.shapes = {name: p.shape for name, p in module.named_parameters()}
        self.sizes = [p.numel() for p in module.parameters()]
        self.layers = _layers(module)
        self.chain = None if self.layers is None else Chain(self.layers, module)

    def split(self, theta: Tensor) -> Parameters:
        """Parameters (..., d) by name, (..., *shape): views."""
        parts = zip(self.shapes.items(), theta.split(self.sizes, dim=-1), strict=True)
        return {name: part.view(*theta.shape[:-1], *shape) for (name, shape), part in parts}

    def outputs(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Outputs (B, n, ...) of inputs (B or 1, n, ...)."""
        if len(next(iter(parameters.values()))) == 1:  # plain products are faster than batched ones
            return self._output(_only(parameters), x.squeeze(0)).unsqueeze(0)
        if self.layers is None:
            return self._each(self._output, parameters, x)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                x = _batched_linear(x, *self._own(layer, parameters))
            else:  # `Flatten` knows of one axis before its own, and here are two
                x = x.flatten(2) if isinstance(layer, nn.Flatten) else layer(x)
        return x

    def losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Losses (B,) of outputs (B, n, ...), with targets (B or 1, n, ...)."""
        if isinstance(self.loss, str):
            return LOSSES[self.loss](outputs, y.expand(len(outputs), *y.shape[1:]))
        return self._each(self.loss, outputs, y)

    @torch.enable_grad()
    def learn(self, theta: Tensor, x: Tensor, y: Tensor) -> Lesson:
        """Outputs, losses and gradients at `theta` (B, d), by one pass forward and backward.

        If theta requires a gradient, it can be had of all of them.
        """
        alone, again = len(theta) == 1, theta.requires_grad
        if alone and not again and self.chain and self.chain.takes(theta, x[0]):
            return Lesson(*self.chain.learn(theta, x[0], lambda outputs: self.losses(outputs, y)))
        parts = self.split(theta.squeeze(0) if alone else theta)
        # Each parameter is a leaf: cheaper than a gradient through views of all of them.
        leaves = parts if again else {n: p.requires_grad_() for n, p in parts.items()}
        if alone:
            outputs = self._output(leaves, x.squeeze(0)).unsqueeze(0)
        else:
            outputs = self.outputs(leaves, x)
        losses = self.losses(outputs, y)
        grads = torch.autograd.grad(
            losses if alone else losses.sum(),
            list(leaves.values()),
            create_graph=again,
            materialize_grads=True,
        )
        pieces = [grad.reshape(len(theta), -1) for grad in grads]
        flat = torch.cat(pieces, dim=1, out=None if again else room(theta))
        return Lesson(*(each if again else each.detach() for each in (outputs, losses, flat)))

    def _output(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Outputs (n, ...) of one network with parameters (*shape)."""
        if self.layers is None:
            return functional_call(self.module, parameters, (x,))
        for layer in self.layers:
            linear = isinstance(layer, nn.Linear)
            x = nn.functional.linear(x, *self._own(layer, parameters)) if linear else layer(x)
        return x

    def _own(self, layer: nn.Linear, parameters: Parameters) -> tuple[Tensor, Tensor | None]:
        """A layer's weight and bias among all parameters."""
        bias = None if layer.bias is None else parameters[self.names[id(layer.bias)]]
        return parameters[self.names[id(layer.weight)]], bias

    def _each(self, function: Callable[..., Tensor], own: Any, data: Tensor) -> Tensor:
        """``function(own, data)`` for each network, from tensors (B, ...) and (B or 1, ...)."""
        shared = len(data) == 1
        networks = len(own if isinstance(own, Tensor) else next(iter(own.values())))
        if self.vectorized and networks > 1:
            with _hint():
                batched = vmap(function, in_dims=(0, None if shared else 0))
                return batched(own, data[0] if shared else data)
        pick = lambda i: tree_map(lambda tensor: tensor[i], own)  # noqa: E731
        return torch.stack([function(pick(i), data[0 if shared else i]) for i in range(networks)])


def _only(parameters: Parameters) -> Parameters:
    """Parameters (1, *shape) of one network, (*shape)."""
    return {name: part.squeeze(0) for name, part in parameters.items()}


def _batched_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Each network's own layer on inputs (B or 1, n, ..., features)."""
    rows = x.flatten(1, -2).expand(len(weight), -1, -1)
    if bias is None:
        out = torch.bmm(rows, weight.mT)
    else:
        out = torch.baddbmm(bias[:, None], rows, weight.mT)
    return out.unflatten(1, x.shape[1:-1])


def cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    """Mean cross entropy (B,), of logits (B, n, classes, ...) and classes (B, n, ...)."""
    if len(outputs) == 1:
        return nn.functional.cross_entropy(outputs.squeeze(0), y.squeeze(0)).unsqueeze(0)
    if outputs.shape[2] <= FEW:  # a softmax over a short axis is fast only if it is not the last
        each = nn.functional.cross_entropy(outputs.transpose(1, 2), y, reduction="none")
    else:
        each = nn.functional.cross_entropy(outputs.flatten(0, 1), y.flatten(0, 1), reduction="none")
    return each.reshape(len(outputs), -1).mean(1)


def mse(outputs: Tensor, y: Tensor) -> Tensor:
    """Mean square (B,) of outputs minus targets, both (B, n, ...)."""
    difference = outputs - y.expand(outputs.shape)  # refuses shapes that only broadcast
    return difference.square().flatten(1).mean(1)


LOSSES: dict[str, Loss] = {f.__name__: f for f in (cross_entropy, mse)}


def _layers(module: nn.Module) -> list[nn.Module] | None:
    """What comes one after another in the module; None if something has no batched form here."""
    found: list[nn.Module] = []
    for layer in module if type(module) is nn.Sequential else [module]:  # again where repeated
        if type(layer) is nn.Sequential:
            inner = _layers(layer)
        else:
            simple = type(layer) in (nn.Linear, *ELEMENTWISE, *IDLE)
            flat = type(layer) is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1)
            hooked = layer._forward_hooks or layer._forward_pre_hooks
            inner = [layer] if (simple or flat) and not hooked else None
        if inner is None:
            return None
        found += inner
    return found


@contextmanager
def _hint() -> Iterator[None]:
    """Say what to do where vmap cannot batch an operation."""
    try:
        yield
    except RuntimeError as error:
        error.add_note(
            "If torch.func.vmap cannot batch the module or the loss, take the networks one by one: "
            "NetworkLandscape(..., vectorized=False)."
        )
        raise
