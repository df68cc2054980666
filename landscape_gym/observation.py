"""What the learner sees: the channels of an observation, and where each lies in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from landscape_gym.arrays import Array, namespace, squares_within
from landscape_gym.channels import BOUND as BOUND  # what is imported from here, too
from landscape_gym.channels import CHANNELS, Dims, scaling
from landscape_gym.channels import Channel as Channel
from landscape_gym.channels import WorldChannel as WorldChannel
from landscape_gym.configuration import build, number, unknown, vector
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.state import State


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

    def observe(
        self, state: State, copy: bool = True, known: tuple[Array, float] | None = None
    ) -> Array:
        """The observation, (batch, size), of the gradient's dtype.

        Args:
            state: Of which.
            copy: Whether in a new array. False: where one channel is all of it, and nothing of that
                needs to be clipped, it is the state's own array, which NumPy lets nobody write to.
            known: An array of the state, and the sum of all its squares.
        """
        learner = state.learner
        gradient, parts = learner.gradient, []
        xp, batch = namespace(gradient), gradient.shape[0]
        scale = scaling(learner.mean_square) if self.config.scaled else None
        for name, (low, high) in self.bounds.items():
            channel = CHANNELS[name]
            values = channel.of(state, self.problem)
            if not copy and self._shown_as_it_is(values, gradient, low, high, known):
                return _read_only(values)
            values = channel.shown(values, scale, low, high)
            if values.dtype != gradient.dtype:
                values = xp.astype(values, gradient.dtype)
            if values.shape[0] != batch:
                same_for_all = xp.broadcast_to(values, (batch, values.shape[1]))
                values = xp.asarray(same_for_all, copy=True)  # a view cannot be written to
            parts.append(values)
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=1)  # clipped, so new

    def _shown_as_it_is(
        self,
        values: Array,
        gradient: Array,
        low: float,
        high: float,
        known: tuple[Array, float] | None,
    ) -> bool:
        """Whether a channel is all that is shown, and its values (batch, size) within bounds."""
        alone = len(self.bounds) == 1 and not self.config.scaled and low == -high
        if not alone or values.dtype != gradient.dtype or values.shape[0] != gradient.shape[0]:
            return False
        if known is not None and values is known[0] and known[1] <= high**2:
            return True
        return squares_within(values, high) is not None


def _read_only(values: Array) -> Array:
    """A view that nobody can write to, as far as the array's library has such."""
    if not isinstance(values, np.ndarray):
        return values
    view = values.view()
    view.flags.writeable = False
    return view
