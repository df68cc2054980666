"""Losses and gradients of many networks on data, in NumPy, computed by torch.

B networks of d parameters; N data, or n of them picked for each network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from landscape_gym.landscapes.base import Array
from landscape_gym.networks.batched import Loss, Networks
from landscape_gym.networks.data import Data

PIECE = 2**15
"""How many data, over all networks, go through them together: bounds memory."""


class Engine:
    """A module as a function of all its parameters, on the data, in one dtype.

    Args:
        make: Makes the module; called again for every initialisation.
        data: What it is trained and tested on.
        loss: Of `landscape_gym.networks.batched.Networks`.
        vectorized: Likewise.
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
        loss: str | Loss,
        vectorized: bool,
        device: str,
        dtype: torch.dtype,
    ) -> None:
        self.make, self.dtype = make, dtype
        self.device = torch.device(device)
        with torch.random.fork_rng(devices=[]):
            module = make()
        if not isinstance(module, nn.Module):
            raise TypeError(f"the model must make a torch.nn.Module, got {type(module).__name__}.")
        module = module.to(self.device, dtype).eval()
        self.networks = Networks(module, loss, vectorized)
        self.dim = sum(self.networks.sizes)
        if not self.networks.sizes:
            raise ValueError(f"{type(module).__name__} has no parameters to make a landscape of.")
        self.classes = data.classes
        self.train = (self._tensor(data.x), self._tensor(data.y))
        self.test = None
        if data.test_x is not None and data.test_y is not None:
            self.test = (self._tensor(data.test_x), self._tensor(data.test_y))
        self._check(module)

    def initial(self, seed: int) -> Array:
        """Parameters (d,) of a new module, made with torch's global generator seeded."""
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed devices as well
        parameters = self.make().parameters()
        return torch.cat([p.detach().flatten() for p in parameters]).cpu().numpy()

    def loss_and_grad(self, theta: Array, picks: Array | None = None) -> tuple[Array, Array]:
        """Losses (B,) and gradients (B, d) at `theta` (B, d), by one pass forward and backward.

        Args:
            theta: Parameters.
            picks: Numbers of each network's data, (B, n); None: all data.
        """
        losses, grads = [], []
        for where, point in self._pieces(
            theta, len(self.train[0]) if picks is None else picks.shape[1]
        ):
            x, y = self._picked(None if picks is None else picks[where])
            point.requires_grad_()
            loss = self.networks.losses(self.networks.outputs(point, x), y)
            grads += torch.autograd.grad(loss.sum(), point)
            losses.append(loss.detach())
        return _joined(losses, theta), _joined(grads, theta)

    @torch.no_grad()
    def losses(self, theta: Array) -> Array:
        """Losses (B,), without a backward pass."""
        x, y = self._picked(None)
        pieces = self._pieces(theta, x.shape[1])
        return _joined(
            [self.networks.losses(self.networks.outputs(point, x), y) for _, point in pieces], theta
        )

    @torch.no_grad()
    def measures(self, theta: Array) -> dict[str, Array]:
        """Losses on all data and on held-out data, and accuracies for classes, (B,) each."""
        measured: dict[str, Array] = {}
        for prefix, data in (("", self.train), ("test_", self.test)):
            if data is None:
                continue
            x, y = (part[None] for part in data)
            losses, accuracies = [], []
            for _, point in self._pieces(theta, x.shape[1]):
                outputs = self.networks.outputs(point, x)
                losses.append(self.networks.losses(outputs, y))
                if self.classes:
                    right = (outputs.argmax(-1) == y).flatten(1)
                    accuracies.append(right.to(self.dtype).mean(1))
            measured[f"{prefix}loss"] = _joined(losses, theta)
            if self.classes:
                measured[f"{prefix}accuracy"] = _joined(accuracies, theta)
        return measured

    def _picked(self, picks: Array | None) -> tuple[Tensor, Tensor]:
        """Inputs and targets (B, n, ...) of the picks (B, n), or all of them, (1, N, ...)."""
        x, y = self.train
        if picks is None:
            return x[None], y[None]
        numbers = torch.from_numpy(picks).to(self.device)
        return x[numbers], y[numbers]

    def _pieces(self, theta: Array, data: int) -> Iterator[tuple[slice, Tensor]]:
        """Rows that go together, so many data each, and their parameters as a tensor (b, d)."""
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
    def _check(self, module: nn.Module) -> None:
        """See that module, data and loss fit together."""
        (x, y), present = self.train, torch.cat([p.flatten() for p in module.parameters()])
        try:
            losses = self.networks.losses(self.networks.outputs(present[None], x[None]), y[None])
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            raise ValueError(
                f"model, data and loss do not fit together; inputs are {tuple(x.shape)}, targets "
                f"{tuple(y.shape)} {y.dtype}: {error}"
            ) from error
        if losses.shape != (1,):
            raise ValueError(f"the loss must be a scalar, got shape {tuple(losses.shape[1:])}.")


def _joined(pieces: Sequence[Tensor], theta: Array) -> Array:
    """Pieces as one array of theta's dtype."""
    tensor = pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))
    return tensor.cpu().numpy().astype(theta.dtype, copy=False)
