"""What a learner remembers of gradients and parameters, as far as it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.state import State


class Memory:
    """The recurrences behind previous gradient, averages and running scale.

    With g the observed gradient, t the steps since the episode began, a the decay of an average:

        previous gradient <- g
        average           <- average + (g - average) (1 - a) / (1 - a^(t + 1))
        mean square       <- s mean square + (1 - s) mean over coordinates of g^2

    and likewise for g^2 and theta. So averages are weighted by powers of a, with weights that sum
    to one: Adam's, bias correction included. They begin as plain means of all that was seen. The
    mean square begins with the first value.
    """

    def __init__(self, config: ObservationConfig, also: Iterable[str] = ()) -> None:
        """Keep what the channels of `config` need, and the fields named in `also`."""
        self.kept = config.memory | frozenset(also)
        self.rates = np.array(config.rates)[:, None]
        self.scale_rate = config.scale_rate

    def begin(self, gradient: Array, theta: Array) -> dict[str, Any]:
        """The remembered fields at the first gradient and parameters, (B, d), of an episode."""
        fresh = {
            "previous_gradient": lambda: np.zeros_like(gradient),
            "moved": lambda: np.zeros_like(gradient),
            "mean_square": lambda: _mean_square(gradient),
            "averages": lambda: self._repeated(gradient),
            "squared_averages": lambda: self._repeated(gradient**2),
            "parameter_averages": lambda: self._repeated(theta),
            "start_size": lambda: np.abs(theta).mean(axis=1),
        }
        return {name: fresh[name]() for name in self.kept}

    def update(self, state: State, gradient: Array, before: Array) -> None:
        """Take in the gradient (B, d) seen after a move from `before` (B, d) to `state.theta`.

        `state.gradient` is still the one seen before the move.
        """
        kept, s = self.kept, self.scale_rate
        if "previous_gradient" in kept:
            state.previous_gradient = state.gradient
        if "moved" in kept:
            state.moved = state.theta - before
        if "mean_square" in kept:
            old = cast(Array, state.mean_square)
            state.mean_square = s * old + (1 - s) * _mean_square(gradient)
        if "averages" in kept:
            state.averages = self._average(state, state.averages, gradient)
        if "squared_averages" in kept:
            state.squared_averages = self._average(state, state.squared_averages, gradient**2)
        if "parameter_averages" in kept:
            state.parameter_averages = self._average(state, state.parameter_averages, state.theta)

    def _repeated(self, value: Array) -> Array:
        return np.repeat(value[:, None], len(self.rates), axis=1)

    def _average(self, state: State, average: Array | None, value: Array) -> Array:
        a, seen = self.rates, (state.elapsed + 1)[:, None, None]
        weight = ((1 - a) / (1 - a**seen)).astype(value.dtype)
        old = cast(Array, average)
        return old + weight * (value[:, None] - old)


def _mean_square(gradient: Array) -> Array:
    return np.vecdot(gradient, gradient) / gradient.shape[1]
