"""The loss of a neural network as a landscape over all its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from landscape_gym.arrays import dtype_of
from landscape_gym.configuration import alternative, count, one_of
from landscape_gym.landscapes.base import Array, Draws, Landscape, NoInstances
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.networks.data import DATA, Data
from landscape_gym.networks.models import MODELS, Model

if TYPE_CHECKING:
    from torch import Tensor, nn

    from landscape_gym.networks.engine import Engine, Seen

LOSSES = ("cross_entropy", "mse")
"""Losses that have a name, both means over the data: `landscape_gym.networks.batched`."""


@dataclass(frozen=True)
class NetworkLandscape(Landscape):
    """``L(theta) = loss(model_theta(x), y)``, a mean over the training data.

    theta, (batch, dim), holds the parameters of `batch` networks, in the order of
    ``module.parameters()``. An episode starts at a new initialisation: each row seeds torch's
    generator from its own and makes the module again, so a row's seed decides its start. Minibatch
    noise (`landscape_gym.problem.MinibatchNoise`) picks from the training data; the loss, and so
    the reward, is that of all of them, or, with ``exact_loss=False``, that of the minibatch, for
    which a step costs what a step of ordinary training costs. The lowest loss is not known and
    counts as 0.

    Modules are in evaluation mode: nothing is dropped out, and normalisation uses its buffers. All
    is computed in the dtype of theta: float32, unless the environment's is float64.

    Example:
        >>> import torch
        >>> from landscape_gym import LandscapeNavVectorEnv
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> landscape = NetworkLandscape(
        ...     lambda: torch.nn.Sequential(
        ...         torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
        ...     ),
        ...     data=(x, torch.sin(3 * x)),
        ... )
        >>> problem = {"landscape": landscape, "noise": {"kind": "minibatch", "batch_size": 8}}
        >>> envs = LandscapeNavVectorEnv(4, "digits", problem=problem)
        >>> observation, info = envs.reset(seed=0)
        >>> landscape.dim, info["loss"].shape
        (49, (4,))

    Raises:
        ImportError: where data are first needed, without the package that they come with.
        TypeError: for a model or data of another type; where it is first needed, for a function
            that makes no module.
        ValueError: for unknown names, with the nearest; where they are first needed, for a module
            without parameters, or for model, data and loss that do not fit together.
    """

    kind: ClassVar[str] = "network"
    model: str | Mapping[str, Any] | Model | Callable[[], nn.Module] = "mlp"
    """One in `MODELS`, by name, mapping with ``"kind"``, or instance; or a function without
    arguments that makes a module, initialised by torch's global generator on the CPU."""
    data: Any = "digits"
    """A name in `DATA`, `Data`, or what `Data.of` takes: arrays, tensors, a DataLoader."""
    data_size: int | None = None
    """How many of the training data the loss is a mean over, the first ones; None: all."""
    loss_function: str | Callable[[Tensor, Tensor], Tensor] | None = None
    """A name in `LOSSES`, or a function of outputs (n, ...) and targets (n, ...) whose value is a
    scalar, a mean over the n; None: cross entropy for classes, else mean square."""
    device: str = "cpu"
    """Where torch computes: "cpu", "cuda", "cuda:1", ..."""
    vectorized: bool = True
    """Whether networks are batched by torch.func.vmap; False: one by one, for modules and losses
    that it cannot batch, such as recurrent layers."""

    def __post_init__(self) -> None:
        """Check the fields, and bring data to arrays."""
        if isinstance(self.model, str | Mapping):
            object.__setattr__(self, "model", alternative(MODELS, self.model, "network model"))
        elif hasattr(self.model, "named_parameters") and not isinstance(self.model, type):
            raise TypeError(
                f"network model: got the module {type(self.model).__name__} itself; give a "
                "function that makes it, so that each row has an initialisation of its own."
            )
        elif not callable(self.model) and not isinstance(self.model, tuple(MODELS.values())):
            raise TypeError(
                f"network model: got {type(self.model).__name__}; give a function that makes a "
                f"module, or one of {', '.join(map(repr, sorted(MODELS)))}."
            )
        if isinstance(self.data, str):
            one_of("network data", self.data, DATA)
        else:
            object.__setattr__(self, "data", Data.of(self.data))
        if self.data_size is not None:
            count("network data_size", self.data_size)
        if isinstance(self.loss_function, str):
            one_of("network loss_function", self.loss_function, LOSSES)
        if not isinstance(self.device, str):  # a torch.device
            object.__setattr__(self, "device", str(self.device))

    @cached_property
    def dim(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Number of parameters."""
        return engine_of(self, np.dtype(np.float32)).dim

    @property
    def box(self) -> tuple[float, float]:
        """Where parameters of small networks usually lie."""
        return (-1.0, 1.0)

    def sample(self, draw: Draws) -> Any:
        """Nothing is random but the start."""
        return NoInstances()

    def loss_and_grad(self, instances: Any, theta: Array) -> tuple[Array, Array]:
        """Loss on all training data, and its gradient."""
        engine = engine_of(self, dtype_of(theta))
        return engine.loss_and_grad(theta, cast("Seen", self._seen(engine, instances, len(theta))))

    def tensors(self) -> Tensors:
        """The module's parameters."""
        return engine_of(self, np.dtype(np.float32)).tensors

    def loss(self, instances: Any, theta: Array) -> Array:
        """Loss, (batch,), without a backward pass."""
        engine = engine_of(self, dtype_of(theta))
        seen = cast("Seen", self._seen(engine, instances, len(theta)))
        return engine.measures(theta, seen, accuracy=False)["loss"]

    def minibatch_loss_and_grad(
        self, instances: Any, theta: Array, uniform: Array
    ) -> tuple[Array, Array]:
        """Loss on the data ``floor(N u)``, and its gradient."""
        engine = engine_of(self, dtype_of(theta))
        seen = cast("Seen", self._seen(engine, instances, len(theta), uniform))
        return engine.loss_and_grad(theta, seen)

    def measures(self, instances: Any, theta: Array) -> dict[str, Array]:
        """Loss and accuracy, (batch,), on all training data and on those held out.

        ``loss``, ``accuracy``, ``test_loss`` and ``test_accuracy``, as far as there are such.
        """
        engine, measured = engine_of(self, dtype_of(theta)), {}
        for prefix in ("", "test_"):
            seen = self._seen(engine, instances, len(theta), held_out=bool(prefix))
            if seen is not None:
                found = engine.measures(theta, seen)
                measured |= {prefix + name: values for name, values in found.items()}
        return measured

    def _seen(
        self,
        engine: Engine,
        instances: Any,
        rows: int,
        uniform: Array | None = None,
        *,
        held_out: bool = False,
    ) -> Seen | None:
        """The data that so many rows see: as of `Engine.seen`, the same for all instances."""
        return engine.seen(uniform, held_out=held_out)

    def default_start(self, draw: Draws) -> Array:
        """A new initialisation for each row."""
        from torch.random import fork_rng

        engine = engine_of(self, draw.dtype)
        halves = (draw.uniform(2) * 2**24).astype(np.int64)  # float32 has 24 bits
        seeds = (halves[:, 0] << 24) + halves[:, 1]
        with fork_rng(devices=[]):
            return np.stack([engine.initial(seed) for seed in seeds.tolist()]).astype(draw.dtype)


@lru_cache(maxsize=8)
def engine_of(landscape: NetworkLandscape, dtype: np.dtype) -> Engine:
    """What computes the landscape in one dtype; equal landscapes share it."""
    import torch

    from landscape_gym.networks.engine import Engine

    full = Data.of(landscape.data)
    data = full.first(landscape.data_size)
    model, loss = landscape.model, landscape.loss_function
    if isinstance(model, tuple(MODELS.values())):
        make = partial(cast(Model, model).build, full.x.shape[1:], full.outputs)
    else:
        make = cast("Callable[[], nn.Module]", model)
    if loss is None:
        loss = "cross_entropy" if data.classes else "mse"
    device = _usable(landscape.device)
    return Engine(make, data, loss, landscape.vectorized, device, getattr(torch, dtype.name))


def _usable(device: str) -> str:
    """The device, once a number has been there.

    Raises:
        ValueError: if there is no such device here.
    """
    import torch

    try:
        torch.zeros(1, device=device).item()
    except (AssertionError, RuntimeError) as error:
        here = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        why = str(error).splitlines()[0].rstrip(".")
        raise ValueError(
            f"network device {device!r} cannot be used here ({why}); accepted: "
            f"{', '.join(map(repr, here))}."
        ) from error
    return device
