"""What a learner can see: channels by name, each with its size, units and bounds.

To add a channel: a line ``CHANNELS["name"] = Channel(...)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from landscape_gym.arrays import SMALLEST, Array, bounded, brought, clipped, dot, like, namespace
from landscape_gym.learner import Learner
from landscape_gym.problem import NavigationProblem
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
        return clipped(values, low, high)


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
