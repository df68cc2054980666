"""A `LearnedRule` that acts per coordinate, as a rule for torch tensors of any size."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from landscape_gym.actions import GlobalStepSize
from landscape_gym.channels import CHANNELS, WorldChannel, scaling
from landscape_gym.learned import LearnedRule
from landscape_gym.learner import Learner
from landscape_gym.memory import mean_square, running_mean_square, squares, weights
from landscape_gym.optim.columns import ColumnNetwork

CACHE = 2**18
"""How many numbers of a layer stay in a CPU's caches."""


def seen_in_training() -> tuple[str, ...]:
    """Channels that can be computed in a training loop: those that a learner has."""
    return tuple(
        name for name, channel in CHANNELS.items() if not isinstance(channel, WorldChannel)
    )


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
        names, accepted = learned.observation.channels, seen_in_training()
        for name in names:
            if name not in accepted:
                raise ValueError(
                    f"this learned rule reads {name!r} ({CHANNELS[name].description}), which a "
                    f"training loop does not have; it has {', '.join(accepted)}."
                )
        self.learned = learned
        self.chunk = chunk
        self.kept = learned.observation.memory | learned.action.memory
        self.of_tensors = [name for name in names if CHANNELS[name].needs == "tensors"]
        """Channels that are made of whole tensors, not of single coordinates."""
        asked: dict[str, bool] = {
            "parameters": not {"parameters", "lags", "tensor_parameters"}.isdisjoint(names)
            or not {"parameter_averages", "start_size"}.isdisjoint(self.kept),
            "displacement": "displacement" in names,
            "loss": not {"loss", "log_loss", "root_loss"}.isdisjoint(names),
            "tensors": bool(self.of_tensors),
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
            mean_square(gradient).reshape(1),
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
        config, values = self.learned.observation, others.get("parameters")
        state.mean_square.copy_(running_mean_square(state.mean_square, gradient, config.scale_rate))
        weight = weights(config.rates, state.elapsed)[0, :, None].to(gradient.dtype)
        shared: dict[str, Tensor] = {}
        if self.of_tensors:
            whole = self._learner(gradient, state, others, slice(None))
            for name in self.of_tensors:
                shared[name] = CHANNELS[name].read(whole).reshape(-1, len(gradient))
        u = torch.empty_like(gradient)
        in_cache = CACHE // self._network(gradient).width
        chunk = self.chunk or (in_cache if gradient.device.type == "cpu" else 2**20)
        for start in range(0, len(gradient), chunk):
            part = slice(start, start + chunk)
            g, theta = gradient[part], None if values is None else values[part]
            _average(state.averages, g, weight, part)
            if state.squared_averages is not None:
                _average(state.squared_averages, squares(g), weight, part)
            _average(state.parameter_averages, theta, weight, part)
            u[part], cell = self._act(gradient, state, others, shared, part)
            for whole, piece in zip(state.cell, cell, strict=True):
                whole[:, part] = piece
            state.update[part], state.gradient[part] = u[part], g
        state.elapsed.add_(1)
        state.stride.fill_(stride)
        return u, state

    def _act(
        self,
        gradient: Tensor,
        seen: CoordinateState,
        others: dict[str, Any],
        shared: dict[str, Tensor],
        part: slice,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Velocities (c,) of some columns, and their cells."""
        learner = self._learner(gradient, seen, others, part)
        network = self._network(gradient)
        own = {name: values[:, part] for name, values in shared.items()}
        actions, cell = network(
            self._features(learner, own, len(gradient)), tuple(each[:, part] for each in seen.cell)
        )
        # As the environment lays actions out: one block of coordinates after another.
        action = actions.clamp_(-1.0, 1.0).reshape(1, -1)
        return self.learned.action.control(action, learner)[0], cell

    def _learner(
        self, gradient: Tensor, seen: CoordinateState, others: dict[str, Any], part: slice
    ) -> Learner:
        """Some columns as a learner with one row."""

        def cut(values: Tensor | None) -> Any:
            return None if values is None else values[None, ..., part]

        theta, displacement = cut(others.get("parameters")), cut(others.get("displacement"))
        if displacement is not None and theta is None:
            theta = displacement  # from zero
        return Learner(
            gradient=cut(gradient),
            elapsed=seen.elapsed,
            theta=theta,
            start=theta if displacement is None else theta - displacement,
            loss=others.get("loss"),
            previous_update=(update := cut(seen.update)),
            previous_gradient=cut(seen.gradient),
            moved=seen.stride * update,
            mean_square=seen.mean_square,
            averages=cut(seen.averages),
            squared_averages=cut(seen.squared_averages),
            parameter_averages=cut(seen.parameter_averages),
            start_size=seen.start_size,
            tensors=others.get("tensors"),
        )

    def _features(self, learner: Learner, shared: dict[str, Tensor], dim: int) -> Tensor:
        """Features of some columns (features, c), scaled and clipped as in the environment.

        Args:
            learner: The columns.
            shared: Of them, the channels that are made of whole tensors, (size, c) each.
            dim: How many columns there are in all.
        """
        config, c = self.learned.observation, learner.gradient.shape[1]
        clip, position = math.sqrt(dim) if config.clip is None else config.clip, 0
        scale = scaling(learner.mean_square) if config.scaled else None
        features = learner.gradient.new_empty(len(self.learned.mean), c)
        for name in config.channels:
            channel = CHANNELS[name]
            values = shared[name].reshape(1, -1) if name in shared else channel.read(learner)
            bounds = (-clip, clip) if config.scaled and channel.power else channel.bounds
            values = channel.shown(values, scale, *bounds)
            block = values.reshape(-1, c if values.shape[1] > 1 else 1)
            place = slice(position, position := position + len(block))
            features[place] = block
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
