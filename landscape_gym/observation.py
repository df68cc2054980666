"""What the learner sees: channels, chosen by name, and where each lies in the observation.

To add a channel: a line ``CHANNELS["name"] = Channel(...)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from landscape_gym.arrays import SMALLEST, Array, bounded, brought, dot, like, namespace
from landscape_gym.configuration import build, number, unknown, vector
from landscape_gym.learner import Learner
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.state import State

BOUND = 1e6
"""Observations are clipped to this magnitude, so that they lie in a finite space."""
LOSS_FLOOR = 1e-8
"""Losses below this read as this in the channel ``log_loss``."""
SECANT_BOUND = 1e4
"""Secant curvatures are clipped to [1 / SECANT_BOUND, SECANT_BOUND]."""

LOG_BOUND = 20.0
"""Logarithms of sizes are clipped to this magnitude."""
MIDDLE_AGE = 100
"""Steps after which the channel ``age`` is one half."""


class Dims(NamedTuple):
    """What the size of a channel depends on."""

    parameters: int
    """d"""
    controls: int
    """m"""
    rates: int
    """Averaging rates, R."""


@dataclass(frozen=True)
class Channel:
    """One part of the observation, made of what a learner has."""

    read: Callable[[Learner], Array]
    """Its values, (batch or 1, size)."""
    size: Callable[[Dims], int]
    description: str
    power: int = 0
    """Units of gradient^power: what running scale it is divided by."""
    privileged: bool = False
    """Whether it tells what a learner cannot see."""
    bounds: tuple[float, float] = (-BOUND, BOUND)
    memory: tuple[str, ...] = ()
    """Fields of the `Learner` that have to be kept for it."""
    needs: str | None = None
    """What the landscape has to offer for it."""

    def of(self, state: State, problem: NavigationProblem) -> Array:
        """Its values in the simulation, (batch or 1, size)."""
        return self.read(state.learner)

    def shown(self, values: Array, scale: Array | None, low: float, high: float) -> Array:
        """Values (batch, size) between two bounds, after division by the scale, if it has units.

        Args:
            values: As it reads them.
            scale: What `scaling` gives, (batch,); None shows them as they are.
            low: Bound.
            high: Bound.
        """
        if scale is not None and self.power:
            with np.errstate(over="ignore"):  # what overflows is clipped
                values = values * (scale**self.power)[:, None]
        return values.clip(low, high)


@dataclass(frozen=True)
class WorldChannel(Channel):
    """One part of the observation, made of what is hidden from a learner, or of its task."""

    read: Callable[[State, NavigationProblem], Array]  # pyright: ignore[reportIncompatibleMethodOverride]
    """Its values, (batch or 1, size)."""

    def of(self, state: State, problem: NavigationProblem) -> Array:
        """Its values in the simulation, (batch or 1, size)."""
        return self.read(state, problem)


def scaling(mean_square: Array) -> Array:
    """By what gradients are multiplied that are shown in units of their running size, (batch,)."""
    xp = namespace(mean_square)
    return 1.0 / xp.sqrt(
        xp.maximum(mean_square, float(xp.finfo(mean_square.dtype).smallest_normal))
    )


def _dim(dims: Dims) -> int:
    return dims.parameters


def _one(dims: Dims) -> int:
    return 1


def _rates(dims: Dims) -> int:
    return dims.rates * dims.parameters


def _flat(values: Array) -> Array:
    """Values (batch, ...), one after another."""
    return values.reshape(len(values), -1)


def _number(learner: Learner, values: Array) -> Array:
    """Counts or flags (batch,), in the gradient's dtype, (batch, 1)."""
    gradient = learner.gradient
    return namespace(gradient).astype(values, gradient.dtype, copy=False)[:, None]


def _log_loss(learner: Learner) -> Array:
    xp = namespace(learner.loss)
    return xp.log(xp.maximum(learner.loss, LOSS_FLOOR))[:, None]


def _secant(learner: Learner) -> Array:
    """Logarithm of (change of gradient) / (change of parameter), and whether that is positive."""
    xp, moved = namespace(learner.gradient), learner.moved
    change = learner.gradient - learner.previous_gradient
    valid = change * moved > 0
    secant = xp.where(valid, change, 1.0) / xp.where(valid, moved, 1.0)
    log_secant = xp.log(secant.clip(1 / SECANT_BOUND, SECANT_BOUND))
    return xp.concat([log_secant, xp.astype(valid, log_secant.dtype)], axis=1)


def _trend(learner: Learner) -> Array:
    root = learner.root_squares
    return _flat(root[:, :-1] / (root[:, :-1] + root[:, -1:]))


def _age(learner: Learner) -> Array:
    elapsed = _number(learner, learner.elapsed)
    return elapsed / (elapsed + MIDDLE_AGE)


def _of_tensors(learner: Learner, name: str) -> Array:
    """What tensors have from the start, of their every coordinate, (1, size)."""
    tensors: Any = learner.tensors
    return tensors.spread(like(getattr(tensors, name), learner.gradient)).reshape(1, -1)


def _tensor_gradient(learner: Learner) -> Array:
    tensors, gradient = cast(Any, learner.tensors), learner.gradient
    xp = namespace(gradient)
    everywhere = bounded(dot(gradient, gradient)[:, None] / gradient.shape[1])
    share = (bounded(tensors.mean_squares(gradient)) + SMALLEST) / (everywhere + SMALLEST)
    return tensors.spread(0.5 * xp.log(share))


def _tensor_parameters(learner: Learner) -> Array:
    tensors, theta = cast(Any, learner.tensors), learner.theta
    return tensors.spread(0.5 * namespace(theta).log(tensors.mean_squares(theta) + SMALLEST))


def _target(state: State, problem: NavigationProblem) -> Array:
    minimum: Any = problem.landscape.minimum(state.instances)
    location = brought(minimum.location, state.theta)
    return location if state.shift is None else location + state.shift


def _hidden(method: str) -> Callable[[State, NavigationProblem], Array]:
    """What a method of the landscape gives where the parameters are, row by row."""

    def read(state: State, problem: NavigationProblem) -> Array:
        point = state.point(state.theta)
        return _flat(getattr(problem.landscape, method)(state.instances, point))

    return read


CHANNELS: dict[str, Channel] = {
    "gradient": Channel(
        lambda l: l.gradient, _dim, "gradient of the loss, with the problem's noise", power=1
    ),
    "loss": Channel(lambda l: l.loss[:, None], _one, "loss, exact"),
    "log_loss": Channel(
        _log_loss,
        _one,
        f"natural logarithm of the loss, of {LOSS_FLOOR:g} where it is smaller",
        bounds=(math.log(LOSS_FLOOR), 100.0),
    ),
    "root_loss": Channel(
        lambda l: l.loss.clip(0.0, None)[:, None] ** 0.5,
        _one,
        "square root of the loss, of 0 where it is negative",
        bounds=(0.0, BOUND),
    ),
    "previous_update": Channel(
        lambda l: l.previous_update,
        lambda dims: dims.controls,
        "the last control u, 0 at the start",
        power=1,
    ),
    "previous_gradient": Channel(
        lambda l: l.previous_gradient,
        _dim,
        "the gradient seen one step ago, 0 at the start",
        power=1,
        memory=("previous_gradient",),
    ),
    "secant": Channel(
        _secant,
        lambda dims: 2 * dims.parameters,
        "per coordinate, the logarithm of the change of gradient over the change of parameter, "
        f"clipped to {SECANT_BOUND:g}, then a flag: 1 where both changes have one sign",
        bounds=(-math.log(SECANT_BOUND) - 1e-3, math.log(SECANT_BOUND) + 1e-3),
        memory=("previous_gradient", "moved"),
    ),
    "averages": Channel(
        lambda l: _flat(l.averages),
        _rates,
        "exponential averages of the gradient, as Adam's, one after another per rate",
        power=1,
        memory=("averages",),
    ),
    "squared_averages": Channel(
        lambda l: _flat(l.squared_averages),
        _rates,
        "exponential averages of the squared gradient, one after another per rate",
        power=2,
        memory=("squared_averages",),
    ),
    "log_squares": Channel(
        lambda l: _flat(namespace(l.gradient).log(l.root_squares).clip(-LOG_BOUND, LOG_BOUND)),
        _rates,
        "natural logarithms of the roots of exponential averages of the squared gradient, one "
        "after another per rate",
        bounds=(-LOG_BOUND, LOG_BOUND),
        memory=("squared_averages",),
    ),
    "agreement": Channel(
        lambda l: _flat(abs(l.averages) / l.root_squares),
        _rates,
        "size of the gradient's average over the root of its square's, one after another per rate: "
        "1 where gradients have been alike, small where they are noise",
        bounds=(0.0, 1.0 + 1e-5),
        memory=("averages", "squared_averages"),
    ),
    "trend": Channel(
        _trend,
        lambda dims: (dims.rates - 1) * dims.parameters,
        "r / (r + s) with r the root of an average of squared gradients, one after another per "
        "rate but the last, whose root is s: above 1/2 where gradients grow",
        bounds=(0.0, 1.0),
        memory=("squared_averages",),
    ),
    "lags": Channel(
        lambda l: _flat(l.theta[:, None] - l.parameter_averages),
        _rates,
        "parameters minus exponential averages of them, one after another per rate: together with "
        "averages of the gradient they tell where it would be zero",
        memory=("parameter_averages",),
    ),
    "parameters": Channel(lambda l: l.theta, _dim, "theta itself"),
    "displacement": Channel(
        lambda l: l.theta - l.start, _dim, "theta minus the start of the episode"
    ),
    "elapsed": WorldChannel(
        lambda s, p: _number(s.learner, s.learner.elapsed) / p.steps,
        _one,
        "fraction of the episode that is over",
        bounds=(0.0, 1.0),
    ),
    "age": Channel(
        _age,
        _one,
        f"n / (n + {MIDDLE_AGE}) after n steps of the episode, however many it will have",
        bounds=(0.0, 1.0),
    ),
    "layer": Channel(
        lambda l: _of_tensors(l, "layers"),
        _dim,
        "place of the coordinate's layer in its network: 0 in the first, 1 in the last",
        bounds=(0.0, 1.0),
        needs="tensors",
    ),
    "fans": Channel(
        lambda l: _of_tensors(l, "fans"),
        lambda dims: 2 * dims.parameters,
        "natural logarithms of the inputs, then of the outputs, of the coordinate's matrix or "
        "convolution; a vector has one input",
        bounds=(0.0, 50.0),
        needs="tensors",
    ),
    "tensor_gradient": Channel(
        _tensor_gradient,
        _dim,
        "natural logarithm of the gradient's root mean square in the coordinate's tensor over that "
        "in all",
        bounds=(-LOG_BOUND, LOG_BOUND),
        needs="tensors",
    ),
    "tensor_parameters": Channel(
        _tensor_parameters,
        _dim,
        "natural logarithm of the parameters' root mean square in the coordinate's tensor",
        bounds=(-LOG_BOUND, LOG_BOUND),
        needs="tensors",
    ),
    "switched": WorldChannel(
        lambda s, p: _number(s.learner, s.switched & p.signalled),
        _one,
        "1 after a step on which the task was redrawn, if the problem signals it; else 0",
        bounds=(0.0, 1.0),
    ),
    "curvature": WorldChannel(
        _hidden("curvature_diagonal"),
        _dim,
        "diagonal of the Hessian at theta",
        privileged=True,
        needs="curvature_diagonal",
    ),
    "hessian": WorldChannel(
        _hidden("hessian"),
        lambda dims: dims.parameters**2,
        "Hessian at theta, row by row",
        privileged=True,
        needs="hessian",
    ),
    "fisher": WorldChannel(
        _hidden("fisher"),
        lambda dims: dims.parameters**2,
        "Fisher information of the model at theta, row by row: a learner knows its own model",
        needs="fisher",
    ),
    "target": WorldChannel(
        _target, _dim, "where the minimum is now", privileged=True, needs="minimum"
    ),
    "error": WorldChannel(
        lambda s, p: s.theta - _target(s, p),
        _dim,
        "parameters minus where the minimum is now",
        privileged=True,
        needs="minimum",
    ),
}


@dataclass(frozen=True)
class ObservationConfig:
    """Which channels a learner sees, and how they are scaled."""

    channels: tuple[str, ...] = ("gradient",)
    """Names from `CHANNELS`, in the order of the observation."""
    rates: tuple[float, ...] = (0.9,)
    """Decay per step of the exponential averages, each in [0, 1)."""
    scaled: bool = False
    """Divide gradients, updates and averages by the running root mean square of the gradient over
    coordinates and time, and clip them to ``clip``."""
    scale_rate: float = 0.9
    """Decay per step of that running mean square, in [0, 1)."""
    clip: float | None = None
    """Where scaled channels are clipped; None is ``sqrt(dim)``."""

    def __post_init__(self) -> None:
        """Validate."""
        given = self.channels
        channels = (given,) if isinstance(given, str) else tuple(given)
        for name in channels:
            if name not in CHANNELS:
                raise ValueError(unknown("channel", name, CHANNELS))
        if len(set(channels)) != len(channels) or not channels:
            raise ValueError(f"name at least one channel, and each once; got {channels!r}.")
        object.__setattr__(self, "channels", channels)
        if not isinstance(self.scaled, bool | np.bool_):
            raise TypeError(f"scaled must be True or False, got {self.scaled!r}.")
        object.__setattr__(self, "rates", vector("rates", self.rates))
        for rate in (*self.rates, self.scale_rate):
            if number("averaging rate", rate, low=0.0) >= 1:
                raise ValueError(f"an averaging rate is below 1, got {rate!r}.")
        if self.clip is not None:
            number("clip", self.clip, low=0.0, strict=True)

    @classmethod
    def of(cls, given: ObservationConfig | Mapping[str, Any] | str | tuple | list) -> Any:
        """A configuration from itself, a mapping of its fields, or names of channels."""
        if isinstance(given, cls):
            return given
        if isinstance(given, Mapping):
            return build(cls, given, "observation")
        return cls(channels=cast(Any, given))

    @property
    def privileged(self) -> bool:
        """Whether any channel tells what a learner cannot see."""
        return any(CHANNELS[name].privileged for name in self.channels)

    @property
    def memory(self) -> frozenset[str]:
        """Fields of the `Learner` that have to be kept for the channels."""
        kept = {field for name in self.channels for field in CHANNELS[name].memory}
        return frozenset(kept | ({"mean_square"} if self.scaled else set()))


class Layout:
    """Names, slices and bounds of an observation, and how it is put together.

    Example:
        >>> layout = Layout(ObservationConfig(("gradient", "elapsed")), NavigationProblem())
        >>> layout.slices
        {'gradient': slice(0, 2, None), 'elapsed': slice(2, 3, None)}
    """

    def __init__(self, config: ObservationConfig, problem: NavigationProblem) -> None:
        """Lay out the channels of `config` for `problem`.

        Raises:
            Refusal: if a channel needs what the landscape does not offer.
        """
        self.config = config
        self.problem = problem
        self.slices: dict[str, slice] = {}
        self.clip = math.sqrt(problem.dim) if config.clip is None else config.clip
        self.bounds: dict[str, tuple[float, float]] = {}
        dims = Dims(problem.dim, problem.control_dim, len(config.rates))
        position = 0
        for name in config.channels:
            channel = CHANNELS[name]
            if channel.needs and not problem.landscape.offers(channel.needs):
                raise Refusal(
                    f"channel {name!r} needs a landscape that offers {channel.needs}, and "
                    f"{type(problem.landscape).__name__} does not."
                )
            size = channel.size(dims)
            self.slices[name] = slice(position, position + size)
            position += size
            clipped = config.scaled and channel.power
            self.bounds[name] = (-self.clip, self.clip) if clipped else channel.bounds
        self.size = position
        self.low, self.high = np.empty((2, self.size))
        for name, where in self.slices.items():
            self.low[where], self.high[where] = self.bounds[name]

    def observe(self, state: State) -> Array:
        """The observation, (batch, size), in a new array of the gradient's dtype."""
        learner = state.learner
        gradient, parts = learner.gradient, []
        xp, batch = namespace(gradient), len(gradient)
        scale = scaling(learner.mean_square) if self.config.scaled else None
        for name, (low, high) in self.bounds.items():
            channel = CHANNELS[name]
            values = channel.shown(channel.of(state, self.problem), scale, low, high)
            if values.dtype != gradient.dtype:
                values = xp.astype(values, gradient.dtype)
            if len(values) != batch:
                same_for_all = xp.broadcast_to(values, (batch, values.shape[1]))
                values = xp.asarray(same_for_all, copy=True)  # a view cannot be written to
            parts.append(values)
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=1)  # clipped, so new
