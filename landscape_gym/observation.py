"""What the learner sees: channels, chosen by name, and where each lies in the observation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from landscape_gym.configuration import build, number, unknown, vector
from landscape_gym.landscapes import Minimum
from landscape_gym.landscapes.base import Array
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.state import SMALLEST, State

BOUND = 1e6
"""Observations are clipped to this magnitude, so that they lie in a finite space."""
LOSS_FLOOR = 1e-8
"""Losses below this read as this in the channel ``log_loss``."""
SECANT_BOUND = 1e4
"""Secant curvatures are clipped to [1 / SECANT_BOUND, SECANT_BOUND]."""

LOG_BOUND = 20.0
"""Logarithms of sizes in a tensor are clipped to this magnitude."""
MIDDLE_AGE = 100
"""Steps after which the channel ``age`` is one half."""

Read = Callable[[State, NavigationProblem], Array]


@dataclass(frozen=True)
class Channel:
    """One part of the observation."""

    read: Read
    """Its values, (batch, size), from the state."""
    size: Callable[[NavigationProblem, int], int]
    """Its size, for a problem and a number of averaging rates."""
    description: str
    power: int = 0
    """Units of gradient^power: what running scale it is divided by."""
    privileged: bool = False
    """Whether it tells what a learner cannot see."""
    bounds: tuple[float, float] = (-BOUND, BOUND)
    memory: tuple[str, ...] = ()
    """Fields of the state that have to be kept for it."""
    needs: str | None = None
    """What the landscape has to offer for it."""


def _dim(problem: NavigationProblem, rates: int) -> int:
    return problem.dim


def _one(problem: NavigationProblem, rates: int) -> int:
    return 1


def _rates(problem: NavigationProblem, rates: int) -> int:
    return rates * problem.dim


def _secant(state: State, problem: NavigationProblem) -> Array:
    """Logarithm of (change of gradient) / (change of parameter), and whether that is positive."""
    change = state.gradient - cast(Array, state.previous_gradient)
    moved = cast(Array, state.moved)
    valid = change * moved > 0
    secant = np.divide(change, moved, out=np.ones_like(change), where=valid)
    log_secant = np.log(np.clip(secant, 1 / SECANT_BOUND, SECANT_BOUND))
    return np.concatenate([log_secant, valid], axis=1)


def _agreement(state: State, problem: NavigationProblem) -> Array:
    return (abs(cast(Array, state.averages)) / state.root_squares).reshape(len(state.theta), -1)


def _trend(state: State, problem: NavigationProblem) -> Array:
    root = state.root_squares
    return (root[:, :-1] / (root[:, :-1] + root[:, -1:])).reshape(len(state.theta), -1)


def _of_tensors(state: State, problem: NavigationProblem, name: str) -> Array:
    """What tensors have from the start, of their every coordinate."""
    tensors = cast(Tensors, problem.landscape.tensors())
    values = tensors.spread(getattr(tensors, name)).reshape(1, -1)
    return np.broadcast_to(values, (len(state.theta), values.shape[1]))


def _tensor_gradient(state: State, problem: NavigationProblem) -> Array:
    tensors = cast(Tensors, problem.landscape.tensors())
    everywhere = np.vecdot(state.gradient, state.gradient)[:, None] / problem.dim
    share = (tensors.mean_squares(state.gradient) + SMALLEST) / (everywhere + SMALLEST)
    return tensors.spread(0.5 * np.log(share))


def _tensor_parameters(state: State, problem: NavigationProblem) -> Array:
    tensors = cast(Tensors, problem.landscape.tensors())
    return tensors.spread(0.5 * np.log(tensors.mean_squares(state.theta) + SMALLEST))


def _target(state: State, problem: NavigationProblem) -> Array:
    location = cast(Minimum, problem.landscape.minimum(state.instances)).location
    return location if state.shift is None else location + state.shift


def _curvature(state: State, problem: NavigationProblem) -> Array:
    point = state.point(state.theta)
    return cast(Array, problem.landscape.curvature_diagonal(state.instances, point))


def _hessian(state: State, problem: NavigationProblem) -> Array:
    point = state.point(state.theta)
    hessian = cast(Array, problem.landscape.hessian(state.instances, point))
    return hessian.reshape(len(hessian), -1)


def _fisher(state: State, problem: NavigationProblem) -> Array:
    fisher = cast(Array, problem.landscape.fisher(state.instances, state.point(state.theta)))
    return fisher.reshape(len(fisher), -1)


CHANNELS: dict[str, Channel] = {
    "gradient": Channel(
        lambda s, p: s.gradient, _dim, "gradient of the loss, with the problem's noise", power=1
    ),
    "loss": Channel(lambda s, p: s.loss[:, None], _one, "loss, exact"),
    "log_loss": Channel(
        lambda s, p: np.log(np.maximum(s.loss, LOSS_FLOOR))[:, None],
        _one,
        f"natural logarithm of the loss, of {LOSS_FLOOR:g} where it is smaller",
        bounds=(math.log(LOSS_FLOOR), 100.0),
    ),
    "previous_update": Channel(
        lambda s, p: s.previous_update,
        lambda p, rates: p.control_dim,
        "the last control u, 0 at the start",
        power=1,
    ),
    "previous_gradient": Channel(
        lambda s, p: cast(Array, s.previous_gradient),
        _dim,
        "the gradient seen one step ago, 0 at the start",
        power=1,
        memory=("previous_gradient",),
    ),
    "secant": Channel(
        _secant,
        lambda p, rates: 2 * p.dim,
        "per coordinate, the logarithm of the change of gradient over the change of parameter, "
        f"clipped to {SECANT_BOUND:g}, then a flag: 1 where both changes have one sign",
        bounds=(-math.log(SECANT_BOUND) - 1e-3, math.log(SECANT_BOUND) + 1e-3),
        memory=("previous_gradient", "moved"),
    ),
    "averages": Channel(
        lambda s, p: cast(Array, s.averages).reshape(len(s.theta), -1),
        _rates,
        "exponential averages of the gradient, as Adam's, one after another per rate",
        power=1,
        memory=("averages",),
    ),
    "squared_averages": Channel(
        lambda s, p: cast(Array, s.squared_averages).reshape(len(s.theta), -1),
        _rates,
        "exponential averages of the squared gradient, one after another per rate",
        power=2,
        memory=("squared_averages",),
    ),
    "agreement": Channel(
        _agreement,
        _rates,
        "size of the gradient's average over the root of its square's, one after another per rate: "
        "1 where gradients have been alike, small where they are noise",
        bounds=(0.0, 1.0 + 1e-5),
        memory=("averages", "squared_averages"),
    ),
    "trend": Channel(
        _trend,
        lambda p, rates: (rates - 1) * p.dim,
        "r / (r + s) with r the root of an average of squared gradients, one after another per "
        "rate but the last, whose root is s: above 1/2 where gradients grow",
        bounds=(0.0, 1.0),
        memory=("squared_averages",),
    ),
    "lags": Channel(
        lambda s, p: (s.theta[:, None] - cast(Array, s.parameter_averages)).reshape(
            len(s.theta), -1
        ),
        _rates,
        "parameters minus exponential averages of them, one after another per rate: together with "
        "averages of the gradient they tell where it would be zero",
        memory=("parameter_averages",),
    ),
    "parameters": Channel(lambda s, p: s.theta, _dim, "theta itself"),
    "displacement": Channel(
        lambda s, p: s.theta - s.start, _dim, "theta minus the start of the episode"
    ),
    "elapsed": Channel(
        lambda s, p: (s.elapsed / p.steps)[:, None],
        _one,
        "fraction of the episode that is over",
        bounds=(0.0, 1.0),
    ),
    "age": Channel(
        lambda s, p: (s.elapsed / (s.elapsed + MIDDLE_AGE))[:, None],
        _one,
        f"n / (n + {MIDDLE_AGE}) after n steps of the episode, however many it will have",
        bounds=(0.0, 1.0),
    ),
    "layer": Channel(
        lambda s, p: _of_tensors(s, p, "layers"),
        _dim,
        "place of the coordinate's layer in its network: 0 in the first, 1 in the last",
        bounds=(0.0, 1.0),
        needs="tensors",
    ),
    "fans": Channel(
        lambda s, p: _of_tensors(s, p, "fans"),
        lambda p, rates: 2 * p.dim,
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
    "switched": Channel(
        lambda s, p: (s.switched & p.signalled)[:, None],
        _one,
        "1 after a step on which the task was redrawn, if the problem signals it; else 0",
        bounds=(0.0, 1.0),
    ),
    "curvature": Channel(
        _curvature,
        _dim,
        "diagonal of the Hessian at theta",
        privileged=True,
        needs="curvature_diagonal",
    ),
    "hessian": Channel(
        _hessian,
        lambda p, rates: p.dim**2,
        "Hessian at theta, row by row",
        privileged=True,
        needs="hessian",
    ),
    "fisher": Channel(
        _fisher,
        lambda p, rates: p.dim**2,
        "Fisher information of the model at theta, row by row: a learner knows its own model",
        needs="fisher",
    ),
    "target": Channel(_target, _dim, "where the minimum is now", privileged=True, needs="minimum"),
    "error": Channel(
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
        """Fields of the state that have to be kept for the channels."""
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
        position = 0
        for name in config.channels:
            channel = CHANNELS[name]
            if channel.needs and not problem.landscape.offers(channel.needs):
                raise Refusal(
                    f"channel {name!r} needs a landscape that offers {channel.needs}, and "
                    f"{type(problem.landscape).__name__} does not."
                )
            size = channel.size(problem, len(config.rates))
            self.slices[name] = slice(position, position + size)
            position += size
            clipped = config.scaled and channel.power
            self.bounds[name] = (-self.clip, self.clip) if clipped else channel.bounds
        self.size = position
        self.low, self.high = np.empty((2, self.size))
        for name, where in self.slices.items():
            self.low[where], self.high[where] = self.bounds[name]

    def observe(self, state: State, dtype: np.dtype) -> Array:
        """The observation, (batch, size), in a new array."""
        out = np.empty((len(state.theta), self.size), dtype)
        scale = None
        if self.config.scaled:
            mean_square = cast(Array, state.mean_square)
            scale = 1.0 / np.sqrt(np.maximum(mean_square, np.finfo(mean_square.dtype).tiny))
        for name, where in self.slices.items():
            channel, (low, high) = CHANNELS[name], self.bounds[name]
            values = channel.read(state, self.problem)
            if scale is not None and channel.power:
                with np.errstate(over="ignore"):  # what overflows is clipped
                    values = values * (scale**channel.power)[:, None]
            values.clip(low, high, out=out[:, where])
        return out
