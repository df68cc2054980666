"""A `LearnedRule` that acts per coordinate, as a rule for torch tensors of any size."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from landscape_gym.actions import GlobalStepSize
from landscape_gym.learned import LearnedRule
from landscape_gym.observation import CHANNELS, LOSS_FLOOR, SECANT_BOUND
from landscape_gym.optim.columns import ColumnNetwork
from landscape_gym.optim.of_tensors import OF_TENSORS, of_tensors
from landscape_gym.problem import NavigationProblem
from landscape_gym.state import State

REMEMBERED = ("previous_update", "previous_gradient", "secant")
AVERAGED = ("averages", "squared_averages", "lags", "agreement", "trend")
GIVEN = ("gradient", "loss", "log_loss", "parameters", "displacement", "age")
SEEN = (*GIVEN, *REMEMBERED, *AVERAGED, *OF_TENSORS)
"""Channels that can be computed in a training loop."""
CACHE = 2**18
"""How many numbers of a layer stay in a CPU's caches."""
ANY = NavigationProblem()
"""A problem without control matrix: for channels and actions that ask for nothing else of it."""


class CoordinateState(NamedTuple):
    """What is remembered of gradients g and updates u, of d coordinates and R rates.

    None where no channel asks.
    """

    elapsed: Tensor
    """Gradients seen, (1,)."""
    stride: Tensor
    """Time that the last step took, (1,)."""
    mean_square: Tensor
    """Running mean of g^2 over coordinates and time, (1,)."""
    update: Tensor
    """The last u, (d,)."""
    gradient: Tensor
    """The last g, (d,)."""
    averages: Tensor | None
    """Of g, (R, d)."""
    squared_averages: Tensor | None
    """Of g^2, (R, d)."""
    parameter_averages: Tensor | None
    """Of the parameters, (R, d)."""
    start_size: Tensor | None
    """Mean magnitude of the parameters before the first step, (1,)."""
    cell: tuple[Tensor, ...]
    """Output and memory of the network's LSTM cell, (size, d) each; empty without one."""


class Rows(State):
    """A state that does not change: what is derived from it is computed once."""

    @cached_property
    def root_squares(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As of a `State`."""
        return super().root_squares


class CoordinateRule:
    """A learned rule, in torch arithmetic (`landscape_gym.policy.Rule`).

    For the gradients g_t of an episode it gives the updates u_t that ``LearnedRule.predict`` and
    the rule's action give in the environment. Coordinates are columns: a feature is a row (d,) and
    the network a product from the left, `chunk` columns at a time, so that memory is bounded.

    Args:
        learned: The rule.
        chunk: Columns at a time; None is as many as a CPU's caches hold, else 2^20.

    Raises:
        ValueError: for a rule that does not act per coordinate, or reads what training loops do
            not have.
    """

    def __init__(self, learned: LearnedRule, chunk: int | None = None) -> None:
        if not learned.per_coordinate or isinstance(learned.action, GlobalStepSize):
            raise ValueError(
                "this learned rule acts on all parameters of one problem together, and so on no "
                "other number of them: give one that was trained per coordinate, such as "
                "'hidden-curvature' (`python train_agent.py --preset per-coordinate`)."
            )
        seen = learned.observation.channels
        for name in seen:
            if name not in SEEN:
                raise ValueError(
                    f"this learned rule reads {name!r} ({CHANNELS[name].description}), which a "
                    f"training loop does not have; it has {', '.join(SEEN)}."
                )
        self.learned = learned
        self.chunk = chunk
        self.kept = learned.observation.memory | learned.action.memory
        asked: dict[str, bool] = {
            "parameters": not {"parameters", "tensor_parameters"}.isdisjoint(seen)
            or not {"parameter_averages", "start_size"}.isdisjoint(self.kept),
            "displacement": "displacement" in seen,
            "loss": not {"loss", "log_loss"}.isdisjoint(seen),
            "tensors": not set(OF_TENSORS).isdisjoint(seen),
        }
        self.channels = ("gradient", "stride", *(name for name, needed in asked.items() if needed))
        self._networks: dict[tuple[torch.dtype, torch.device], ColumnNetwork] = {}

    def init(self, gradient: Tensor, **others: Any) -> CoordinateState:
        """No gradient seen; but the running mean square begins with this one's."""
        one, rates = gradient.new_zeros(1), len(self.learned.observation.rates)
        averages = (
            gradient.new_zeros(rates, len(gradient)) if name in self.kept else None
            for name in ("averages", "squared_averages", "parameter_averages")
        )
        sized = "start_size" in self.kept
        return CoordinateState(
            one,
            one,
            _mean_square(gradient),
            torch.zeros_like(gradient),
            torch.zeros_like(gradient),
            *averages,
            start_size=others["parameters"].abs().mean().reshape(1) if sized else None,
            cell=self._network(gradient).begin(len(gradient)),
        )

    def update(
        self, gradient: Tensor, state: CoordinateState, stride: float, **others: Any
    ) -> tuple[Tensor, CoordinateState]:
        """The velocity (d,) and the next state, which is `state` itself, changed in place.

        Args:
            gradient: g, (d,).
            state: What is remembered.
            stride: Time that the coming step takes.
            **others: Parameters and displacement (d,), loss (1,) and tensors, as far as named by
                `channels`.
        """
        s, values = self.learned.observation.scale_rate, others.get("parameters")
        state.mean_square.mul_(s).add_((1 - s) * _mean_square(gradient))
        weight, names = self._weight(state), self.learned.observation.channels
        shared = of_tensors(names, gradient, values, others.get("tensors"))
        u = torch.empty_like(gradient)
        in_cache = CACHE // self._network(gradient).width
        chunk = self.chunk or (in_cache if gradient.device.type == "cpu" else 2**20)
        for start in range(0, len(gradient), chunk):
            part = slice(start, start + chunk)
            g, theta = gradient[part], None if values is None else values[part]
            _average(state.averages, g, weight, part)
            if state.squared_averages is not None:
                _average(state.squared_averages, g * g, weight, part)
            _average(state.parameter_averages, theta, weight, part)
            u[part], cell = self._act(gradient, state, others, shared, part)
            for whole, piece in zip(state.cell, cell, strict=True):
                whole[:, part] = piece
            state.update[part], state.gradient[part] = u[part], g
        state.elapsed.add_(1)
        state.stride.fill_(stride)
        return u, state

    def _weight(self, state: CoordinateState) -> Tensor:
        """Of what is new in each average, (R, 1), as of `landscape_gym.memory`: they sum to one."""
        rates = self.learned.observation.rates
        a = torch.tensor(rates, dtype=torch.float64, device=state.elapsed.device)
        weight = (1 - a) / (1 - a ** (state.elapsed + 1))
        return weight[:, None].to(state.gradient.dtype)

    def _act(
        self,
        gradient: Tensor,
        seen: CoordinateState,
        others: dict[str, Any],
        shared: dict[str, Tensor],
        part: slice,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Velocities (c,) of some columns, and their cells."""
        rows = self._rows(gradient, seen, others, part)
        network = self._network(gradient)
        own = {name: values[:, part] for name, values in shared.items()}
        actions, cell = network(
            self._features(rows, own, len(gradient)), tuple(each[:, part] for each in seen.cell)
        )
        # As the environment lays actions out: one block of coordinates after another.
        action = actions.clamp_(-1.0, 1.0).reshape(1, -1)
        control: Any = self.learned.action.control(cast(Any, action), rows, ANY)
        return control[0], cell

    def _rows(
        self, gradient: Tensor, seen: CoordinateState, others: dict[str, Any], part: slice
    ) -> Rows:
        """Some columns as a state of the environment with one row."""

        def cut(values: Tensor | None) -> Any:
            return None if values is None else values[None, ..., part]

        g, update, displacement = cut(gradient), cut(seen.update), cut(others.get("displacement"))
        theta = g if (parameters := cut(others.get("parameters"))) is None else parameters
        fields: dict[str, Any] = {
            "theta": theta,
            "start": theta if displacement is None else theta - displacement,
            "loss": others.get("loss"),
            "gradient": g,
            "previous_update": update,
            "previous_gradient": cut(seen.gradient),
            "moved": seen.stride * update,
            "mean_square": seen.mean_square,
            "averages": cut(seen.averages),
            "squared_averages": cut(seen.squared_averages),
            "parameter_averages": cut(seen.parameter_averages),
            "start_size": seen.start_size,
            "elapsed": seen.elapsed,
        }
        hidden = dict.fromkeys(
            ("instances", "shift", "minimum_loss", "largest_cost", "switched", "grad")
        )
        return Rows(**hidden, **fields)

    def _features(self, rows: State, shared: dict[str, Tensor], dim: int) -> Tensor:
        """Features of some columns (features, c), scaled and clipped as `Layout.observe` does.

        Args:
            rows: The columns.
            shared: Of them, what `of_tensors` gives.
            dim: How many columns there are in all.
        """
        config, c = self.learned.observation, rows.gradient.shape[1]
        clip, position = math.sqrt(dim) if config.clip is None else config.clip, 0
        square = cast(Tensor, rows.mean_square)
        scale = square.clamp(min=torch.finfo(square.dtype).tiny).rsqrt()
        features = square.new_empty(len(self.learned.mean), c)
        for name in config.channels:
            channel = CHANNELS[name]
            if name in shared:
                values: Any = shared[name].reshape(1, -1)
            else:
                values = _READ.get(name, channel.read)(rows, ANY)
            low, high = channel.bounds
            if config.scaled and channel.power:
                values, low, high = values * scale**channel.power, -clip, clip
            block = values.reshape(-1, c if values.shape[1] > 1 else 1)
            place = slice(position, position := position + len(block))
            torch.clamp(block.expand(-1, c), low, high, out=features[place])
        return features

    def _network(self, data: Tensor) -> ColumnNetwork:
        """The network in the data's type, on its device."""
        key = (data.dtype, data.device)
        if key not in self._networks:
            self._networks[key] = ColumnNetwork(self.learned, *key)
        return self._networks[key]


def _average(averages: Tensor | None, value: Any, weight: Tensor, part: slice) -> None:
    """Let what is new (c,) into some columns of averages (R, d), if they are kept."""
    if averages is not None:
        columns = averages[:, part]
        columns.lerp_(value.expand_as(columns), weight.expand_as(columns))


def _mean_square(gradient: Tensor) -> Tensor:
    return (gradient @ gradient / len(gradient)).reshape(1)


def _secant(rows: Any, problem: NavigationProblem) -> Tensor:
    """`observation.CHANNELS` has it for NumPy."""
    change = rows.gradient - rows.previous_gradient
    valid = change * rows.moved > 0
    secant = torch.where(valid, change / rows.moved, 1.0)
    log_secant = secant.clamp_(1 / SECANT_BOUND, SECANT_BOUND).log_()
    return torch.cat([log_secant, valid.to(log_secant.dtype)], dim=1)


def _log_loss(rows: Any, problem: NavigationProblem) -> Tensor:
    return rows.loss.clamp(min=LOSS_FLOOR).log()[:, None]


_READ: dict[str, Callable[[Any, NavigationProblem], Any]] = {
    "secant": _secant,
    "log_loss": _log_loss,
}
"""Channels that NumPy's functions read from the environment."""
