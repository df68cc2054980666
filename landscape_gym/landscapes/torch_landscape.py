"""A landscape made of any differentiable PyTorch loss, such as that of a small network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad, grad_and_value, jacrev, vmap

from landscape_gym.arrays import dtype_of
from landscape_gym.configuration import count, number, vector
from landscape_gym.landscapes.base import Array, Draws, Landscape, Minimum

HESSIAN_LIMIT = 100
"""The largest number of parameters for which the Hessian is offered."""


class TorchInstances(tuple[Array, ...]):
    """Arrays with leading axis ``batch`` (or 1: shared); made as a NamedTuple is, from each."""

    def __new__(cls, *arrays: Array) -> Self:
        """Instances from their arrays."""
        return super().__new__(cls, arrays)

    def __getnewargs__(self) -> tuple[Array, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The arguments by which copies and pickles are made."""
        return tuple(self)


@dataclass(frozen=True, eq=False)
class TorchLandscape(Landscape):
    """``L(theta) = loss(theta, *instance)``, differentiated by torch and batched by `vmap`.

    It holds functions, so it has no name in the registry and no JSON form: pass the object. Two are
    equal only if they are the same object.

    `loss` must be made of operations that `torch.func.vmap` can batch: no ``.item()``, no branch
    that depends on a value, no writing into given tensors (batch normalisation in training mode).
    Everything is on the CPU.

    Example:
        >>> valley = TorchLandscape(lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2, dim=2)
        >>> valley.loss_and_grad(valley.instances(), np.array([[2.0, 1.0]]))
        (array([10.]), array([[24.,  2.]]))
    """

    kind: ClassVar[str] = "torch"
    loss_function: Callable[..., Tensor]
    """``loss(theta, *instance)``: a scalar, from parameters (dim,) and one instance's arrays."""
    dim: int
    """Number of parameters."""
    start: Any = None
    """Mean of the starting parameters, dim numbers; None: starts are uniform on `box`."""
    start_std: float = 0.0
    """Standard deviation of the starting parameters about `start`."""
    optimum: Any = None
    """A global minimum of every instance, dim numbers, where one is known."""
    box: tuple[float, float] = (-3.0, 3.0)  # pyright: ignore[reportIncompatibleMethodOverride]
    """The interval, one for all coordinates, on which the landscape is usually looked at."""
    draw_instances: Callable[[Draws], tuple[Array, ...]] | None = None
    """Draws instances: arrays with leading axis ``batch``; None: nothing is random."""
    minibatch_loss: Callable[..., Tensor] | None = None
    """``minibatch_loss(theta, *instance, uniform)``: the loss on data picked by uniform numbers
    (batch_size,) in [0, 1); None: no minibatches."""
    dtype: torch.dtype | None = None
    """Dtype in which losses are computed and to which floating-point instances are cast; results
    are cast back. None: that of theta. Tensors inside `loss_function` must be of this dtype."""

    def __post_init__(self) -> None:
        """Validate, and bring parameter vectors to arrays."""
        count("TorchLandscape dim", self.dim)
        start_std = number("TorchLandscape start_std", self.start_std, low=0.0)
        object.__setattr__(self, "start_std", start_std)
        object.__setattr__(self, "box", vector("TorchLandscape box", self.box, 2))
        if self.box[0] >= self.box[1]:
            raise ValueError(f"TorchLandscape box must be (low, high), got {self.box!r}.")
        for name in ("start", "optimum"):
            given = getattr(self, name)
            if given is not None:
                array = np.array(vector(f"TorchLandscape {name}", given, self.dim))
                object.__setattr__(self, name, array)
        if self.start is None and self.start_std > 0.0:
            raise ValueError("TorchLandscape start_std is a deviation from `start`: give `start`.")

    @classmethod
    def from_module(
        cls,
        module: torch.nn.Module,
        loss: Callable[..., Tensor],
        *,
        minibatch_loss: Callable[..., Tensor] | None = None,
        **fields: Any,
    ) -> Self:
        """The loss of a network as a function of all its parameters.

        Everything is computed in the dtype of the module's parameters, which the data inside `loss`
        share: call ``module.double()``, and give data in float64, for gradients in float64.

        Args:
            module: the network; its present parameters are the start. It is not changed.
            loss: ``loss(model, *instance)``, where `model` is called as `module` is.
            minibatch_loss: ``minibatch_loss(model, *instance, uniform)``.
            **fields: the other fields of the class, such as ``start_std`` and ``draw_instances``.

        Example:
            >>> net = torch.nn.Sequential(
            ...     torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)
            ... )
            >>> x = torch.randn(64, 2)
            >>> y = x[:, :1] * x[:, 1:]
            >>> mse = torch.nn.functional.mse_loss
            >>> TorchLandscape.from_module(net, lambda model: mse(model(x), y)).dim
            17
        """
        parameters = {name: p.detach() for name, p in module.named_parameters()}
        if not parameters:
            raise ValueError(f"{type(module).__name__} has no parameters to make a landscape of.")
        sizes = [p.numel() for p in parameters.values()]
        start = torch.cat([p.flatten() for p in parameters.values()])

        def with_model(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
            def of_parameters(theta: Tensor, *rest: Tensor) -> Tensor:
                parts = zip(parameters.items(), theta.split(sizes), strict=True)
                put_in = {name: part.view(p.shape) for (name, p), part in parts}

                def model(*args: Any, **kwargs: Any) -> Any:
                    return functional_call(module, put_in, args, kwargs)

                return function(model, *rest)

            return of_parameters

        given = {"start": start.double().cpu().numpy(), "dtype": start.dtype, **fields}
        if minibatch_loss is not None:
            given["minibatch_loss"] = with_model(minibatch_loss)
        return cls(with_model(loss), sum(sizes), **given)

    def instances(self, *arrays: Array) -> TorchInstances:
        """Instances from given arrays, each with leading axis ``batch`` (or 1: shared)."""
        return TorchInstances(*arrays)

    def sample(self, draw: Draws) -> TorchInstances:
        """Draw instances, as far as they are random."""
        return TorchInstances(*(self.draw_instances(draw) if self.draw_instances else ()))

    def loss_and_grad(self, instances: TorchInstances, theta: Array) -> tuple[Array, Array]:
        """Loss and gradient."""
        grads, losses = self._map(grad_and_value(self.loss_function), instances, theta)
        return losses, grads

    def loss(self, instances: TorchInstances, theta: Array) -> Array:
        """Loss, (batch,), without a backward pass."""
        return self._map(self.loss_function, instances, theta)[0]

    def hessian(self, instances: TorchInstances, theta: Array) -> Array | None:
        """Hessian, (batch, dim, dim), for up to `HESSIAN_LIMIT` parameters, else None."""
        if self.dim > HESSIAN_LIMIT:
            return None
        return self._map(jacrev(grad(self.loss_function)), instances, theta)[0]

    def minibatch_loss_and_grad(
        self, instances: TorchInstances, theta: Array, uniform: Array
    ) -> tuple[Array, Array] | None:
        """`minibatch_loss` and its gradient, or None without one."""
        if self.minibatch_loss is None:
            return None
        function = grad_and_value(self.minibatch_loss)
        grads, losses = self._map(function, (*instances, uniform), theta)
        return losses, grads

    def minimum(self, instances: TorchInstances) -> Minimum | None:
        """The given optimum and the loss there, or None without one."""
        if self.optimum is None:
            return None
        location = self.optimum[None, :]
        batch = max((len(array) for array in instances), default=1)
        return Minimum(location, self.loss(instances, np.tile(location, (batch, 1))))

    def offers(self, name: str) -> bool:
        """What depends on how many parameters there are and what was given."""
        given = {
            "hessian": self.dim <= HESSIAN_LIMIT,
            "minibatch_loss_and_grad": self.minibatch_loss is not None,
            "minimum": self.optimum is not None,
        }
        return given[name] if name in given else super().offers(name)

    def default_start(self, draw: Draws) -> Array:
        """Normal about `start`, or uniform on `box` without one."""
        if self.start is None:
            return super().default_start(draw)
        start = np.tile(self.start.astype(draw.dtype), (draw.rows, 1))
        return start + self.start_std * draw.normal(self.dim) if self.start_std > 0.0 else start

    def _map(
        self, function: Callable[..., Any], arrays: tuple[Array, ...], theta: Array
    ) -> tuple[Array, ...]:
        """Apply a function of one row to all rows; its results as arrays of theta's dtype."""
        shared = tuple(len(array) == 1 for array in arrays)
        rows = (array[0] if one else array for array, one in zip(arrays, shared, strict=True))
        tensors = (self._tensor(theta, theta), *(self._tensor(array, theta) for array in rows))
        in_dims = (0, *(None if one else 0 for one in shared))
        with _hint():
            results = vmap(function, in_dims=in_dims)(*tensors)
        results = results if isinstance(results, tuple) else (results,)
        if isinstance(theta, Tensor):
            return tuple(r.to(theta) for r in results)
        return tuple(r.detach().numpy().astype(theta.dtype, copy=False) for r in results)

    def _tensor(self, array: Array, theta: Array) -> Tensor:
        """The array as a tensor, without a copy where its memory and dtype allow that."""
        tensor = array
        if not isinstance(tensor, Tensor):
            tensor = torch.from_numpy(np.require(array, requirements=["C", "W"]))
        if not tensor.is_floating_point():
            return tensor
        return tensor.to(self.dtype or getattr(torch, dtype_of(theta).name))


@contextmanager
def _hint() -> Iterator[None]:
    """Say what to do about torch's complaint that dtypes differ."""
    try:
        yield
    except RuntimeError as error:
        if "dtype" in str(error):
            error.add_note(
                "The tensors inside a TorchLandscape's loss must have the dtype of its parameters: "
                "set TorchLandscape(..., dtype=...) to that of the data, such as torch.float32."
            )
        raise
