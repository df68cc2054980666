"""Losses and gradients of many networks at once, by torch.

B networks of d parameters; N data, or n of them picked for each network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from landscape_gym.landscapes.base import Array
from landscape_gym.networks.data import Data

Loss = Callable[[Tensor, Tensor], Tensor]

PIECE = 2**15
"""How many data, over all networks, go through them together: bounds memory, and fits the cache."""


class Engine:
    """A module as a function of all its parameters, on the data, in one dtype.

    Args:
        make: Makes the module; called again for every initialisation.
        data: What it is trained and tested on.
        loss: Mean loss, a scalar, from outputs (n, ...) and targets (n, ...).
        vectorized: Whether networks are batched by vmap, or taken one by one.
        device: Where all is computed.
        dtype: float32 or float64.

    Raises:
        TypeError: if `make` makes no module.
        ValueError: for a module without parameters, or that does not fit data and loss.
    """

    def __init__(
        self,
        make: Callable[[], nn.Module],
        data: Data,
        loss: Loss,
        vectorized: bool,
        device: str,
        dtype: torch.dtype,
    ) -> None:
        self.make, self.loss, self.vectorized, self.dtype = make, loss, vectorized, dtype
        self.device = torch.device(device)
        with torch.random.fork_rng(devices=[]):
            module = make()
        if not isinstance(module, nn.Module):
            raise TypeError(f"the model must make a torch.nn.Module, got {type(module).__name__}.")
        self.module = module.to(self.device, dtype).eval()
        parameters = dict(module.named_parameters())
        if not parameters:
            raise ValueError(f"{type(module).__name__} has no parameters to make a landscape of.")
        self.shapes = {name: p.shape for name, p in parameters.items()}
        self.sizes = [p.numel() for p in parameters.values()]
        self.dim = sum(self.sizes)
        self.classes = data.classes
        self.train = (self._tensor(data.x), self._tensor(data.y))
        self.test = None
        if data.test_x is not None and data.test_y is not None:
            self.test = (self._tensor(data.test_x), self._tensor(data.test_y))
        self._check()

    def initial(self, seed: int) -> Array:
        """Parameters (d,) of a new module, made with torch's global generator seeded."""
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed devices as well
        parameters = self.make().parameters()
        return torch.cat([p.detach().flatten() for p in parameters]).cpu().numpy()

    def loss_and_grad(self, theta: Array, picks: Array | None = None) -> tuple[Array, Array]:
        """Losses (B,) and gradients (B, d) at `theta` (B, d).

        Args:
            theta: Parameters.
            picks: Numbers of each network's data, (B, n); None: all data.
        """
        pieces = []
        for where, point in self._pieces(theta, picks):
            point.requires_grad_()
            losses = self._each(self._loss, point, where, picks)
            (grads,) = torch.autograd.grad(losses.sum(), point)
            pieces.append((losses.detach(), grads))
        losses, grads = zip(*pieces, strict=True)
        return _joined(losses, theta), _joined(grads, theta)

    @torch.no_grad()
    def losses(self, theta: Array) -> Array:
        """Losses (B,), without a backward pass."""
        return _joined([self._each(self._loss, p) for _, p in self._pieces(theta)], theta)

    @torch.no_grad()
    def measures(self, theta: Array) -> dict[str, Array]:
        """Accuracy where targets are classes, and loss and accuracy on held-out data, (B,) each."""
        measured: dict[str, Array] = {}
        pieces = [point for _, point in self._pieces(theta)]
        for prefix, data in (("", self.train), ("test_", self.test)):
            if data is None:
                continue
            if data is self.test:
                each = [self._each(self._loss, point, data=data) for point in pieces]
                measured["test_loss"] = _joined(each, theta)
            if self.classes:
                each = [self._each(self._accuracy, point, data=data) for point in pieces]
                measured[f"{prefix}accuracy"] = _joined(each, theta)
        return measured

    def _outputs(self, theta: Tensor, x: Tensor) -> Tensor:
        """What the module with parameters `theta` (d,) makes of inputs (n, ...)."""
        parts = zip(self.shapes.items(), theta.split(self.sizes), strict=True)
        return functional_call(self.module, {n: part.view(s) for (n, s), part in parts}, (x,))

    def _loss(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return self.loss(self._outputs(theta, x), y)

    def _accuracy(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (self._outputs(theta, x).argmax(-1) == y).to(self.dtype).mean()

    def _each(
        self,
        function: Callable[..., Tensor],
        theta: Tensor,
        where: slice = slice(None),
        picks: Array | None = None,
        data: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """``function(theta, x, y)`` for each of some networks, (b,): forward only is vmapped.

        Plain autograd through it is faster than vmap of a gradient.
        """
        data = self.train if data is None else data
        if picks is not None:
            numbers = torch.from_numpy(picks[where]).to(self.device)
            data = (data[0][numbers], data[1][numbers])
        if self.vectorized and len(theta) > 1:
            shared = None if picks is None else 0
            with _hint():
                return vmap(function, in_dims=(0, shared, shared))(theta, *data)
        own = [data if picks is None else (data[0][i], data[1][i]) for i in range(len(theta))]
        return torch.stack([function(t, *d) for t, d in zip(theta, own, strict=True)])

    def _pieces(self, theta: Array, picks: Array | None = None) -> Iterator[tuple[slice, Tensor]]:
        """Rows that go together, and their parameters as a tensor (b, d)."""
        data = len(self.train[0]) if picks is None else picks.shape[1]
        together = max(PIECE // data, 1)
        tensor = self._tensor(theta)
        for first in range(0, len(theta), together):
            where = slice(first, first + together)
            yield where, tensor[where].detach()

    def _tensor(self, array: Array) -> Tensor:
        """The array on the device, without a copy where its memory and dtype allow that."""
        tensor = torch.from_numpy(np.require(array, requirements=["C", "W"])).to(self.device)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    @torch.no_grad()
    def _check(self) -> None:
        """See that module, data and loss fit together."""
        x, y = self.train
        try:
            losses = self.loss(self.module(x), y)
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            raise ValueError(
                f"model, data and loss do not fit together; inputs are {tuple(x.shape)}, targets "
                f"{tuple(y.shape)} {y.dtype}: {error}"
            ) from error
        if losses.shape != ():
            raise ValueError(f"the loss must be a scalar, got shape {tuple(losses.shape)}.")


def _joined(pieces: Any, theta: Array) -> Array:
    """Pieces as one array of theta's dtype."""
    tensor = pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))
    return tensor.cpu().numpy().astype(theta.dtype, copy=False)


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
