"""Losses and gradients of many networks on data, computed by torch, in NumPy or in torch.

B networks of d parameters; N data, or n of them picked for each network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from landscape_gym.arrays import Array, below
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.networks.batched import Loss, Networks
from landscape_gym.networks.data import Data

PIECE = 2**15
"""How many data, over all networks, go through them together: bounds memory."""


class Seen(NamedTuple):
    """What networks see of the data."""

    size: int
    """How many data each sees, n."""
    by: Callable[[slice], tuple[Tensor, Tensor]]
    """Inputs and targets (b, n, ...) of some networks; (1, n, ...) where all see the same."""


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
            module = self._made()
        if not isinstance(module, nn.Module):
            raise TypeError(f"the model must make a torch.nn.Module, got {type(module).__name__}.")
        module = module.to(self.device, dtype).eval()
        self.networks = Networks(module, loss, vectorized)
        self.tensors = Tensors(tuple(map(tuple, self.networks.shapes.values())))
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
        parameters = self._made().parameters()
        return torch.cat([p.detach().flatten() for p in parameters]).cpu().numpy()

    def _made(self) -> nn.Module:
        """A module in float32 on the CPU, whatever torch makes by default: it is drawn there."""
        usual = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            with torch.device("cpu"):
                return self.make()
        finally:
            torch.set_default_dtype(usual)

    def seen(self, uniform: Array | None = None, *, held_out: bool = False) -> Seen | None:
        """All data, or of each network those ``floor(N u)``; None if there are none.

        Args:
            uniform: Which data, (B, n) in [0, 1); None: all.
            held_out: Whether of the data to test on.
        """
        data = self.test if held_out else self.train
        if data is None:
            return None
        x, y = data
        if uniform is None:
            return Seen(len(x), lambda rows: (x[None], y[None]))
        numbers = torch.as_tensor(below(len(x), uniform), device=self.device)

        def by(rows: slice) -> tuple[Tensor, Tensor]:
            own = numbers[rows]
            return data_at(x, own), data_at(y, own)

        return Seen(numbers.shape[1], by)

    def loss_and_grad(self, theta: Array, seen: Seen) -> tuple[Array, Array]:
        """Losses (B,) and gradients (B, d) at `theta` (B, d), by one pass forward and backward."""
        losses, grads = [], []
        for rows, point in self._pieces(theta, seen.size):
            x, y = seen.by(rows)
            lesson = self.networks.learn(point, x, y)
            losses.append(lesson.losses)
            grads.append(lesson.grads)
        return _joined(losses, theta), _joined(grads, theta)

    @torch.no_grad()
    def measures(self, theta: Array, seen: Seen, *, accuracy: bool = True) -> dict[str, Array]:
        """``loss`` and, where there are classes and it is asked for, ``accuracy``, (B,) each."""
        losses, accuracies = [], []
        for rows, point in self._pieces(theta, seen.size):
            x, y = seen.by(rows)
            outputs = self.networks.outputs(self.networks.split(point), x)
            losses.append(self.networks.losses(outputs, y))
            if self.classes and accuracy:
                right = (outputs.argmax(-1) == y).flatten(1)
                accuracies.append(right.to(self.dtype).mean(1))
        found = {"loss": losses, "accuracy": accuracies}
        return {name: _joined(pieces, theta) for name, pieces in found.items() if pieces}

    def _pieces(self, theta: Array, data: int) -> Iterator[tuple[slice, Tensor]]:
        """Rows that go together, so many data each, and their parameters as a tensor (b, d)."""
        together = max(PIECE // data, 1)
        tensor = self._tensor(theta)
        for first in range(0, len(theta), together):
            where = slice(first, first + together)
            yield where, tensor if together >= len(theta) else tensor[where]

    def _tensor(self, array: Array) -> Tensor:
        """The array on the device, without a copy where its memory and dtype allow that."""
        if not isinstance(array, Tensor):
            array = torch.from_numpy(np.require(array, requirements=["C", "W"]))
        tensor = array.to(self.device)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    @torch.no_grad()
    def _check(self, module: nn.Module) -> None:
        """See that module, data and loss fit together."""
        (x, y), present = self.train, {name: p[None] for name, p in module.named_parameters()}
        try:
            losses = self.networks.losses(self.networks.outputs(present, x[None]), y[None])
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            raise ValueError(
                f"model, data and loss do not fit together; inputs are {tuple(x.shape)}, targets "
                f"{tuple(y.shape)} {y.dtype}: {error}"
            ) from error
        if losses.shape != (1,):
            raise ValueError(f"the loss must be a scalar, got shape {tuple(losses.shape[1:])}.")


def data_at(x: Tensor, numbers: Tensor) -> Tensor:
    """``x[numbers]``, three times as fast."""
    return x.index_select(0, numbers.reshape(-1)).view(*numbers.shape, *x.shape[1:])


def _joined(pieces: Sequence[Tensor], theta: Array) -> Array:
    """Pieces as one array of theta's library, device and dtype."""
    tensor = pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))
    if isinstance(theta, Tensor):
        return tensor.to(theta)
    return tensor.cpu().numpy().astype(theta.dtype, copy=False)
