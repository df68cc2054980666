"""Steps of the simulation on tensors, fused: the tensors of a state in, those that change out.

A step is two functions, a move and the arrival: so a move is looked at before random numbers are
drawn, and parameters are written once, where memory is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import torch
from torch import Tensor

from landscape_gym.fusing import Fused
from landscape_gym.observation import Layout
from landscape_gym.problem import NavigationProblem
from landscape_gym.recycling import room
from landscape_gym.refusal import Refusal
from landscape_gym.state import State
from landscape_gym.tensor_checks import extent, reach, refuse_shape
from landscape_gym.tensor_state import changed, remade
from landscape_gym.tensor_step import Move, TensorStep, TorchOutcome

Act: TypeAlias = Callable[..., Tensor]
"""What a learner does: actions (B, size), by a state and other tensors."""
MOST = 16
"""For how many learners, and shapes of what they are given, moves are kept."""


class FusedStep:
    """Steps in which no row diverges and no task switches.

    Args:
        step: Their parts.
        keep: Whether states keep controls, `Learner.previous_update`.
    """

    def __init__(self, step: TensorStep, *, keep: bool) -> None:
        self._step, self._keep = step, keep
        self._moves: dict[Hashable, _OfState] = {}
        self._arrival = _OfState(self._arrived)
        self._changed: tuple[list[str], list[str]] = [], []
        """Fields of a state, and of its learner, that an arrival changes: known when traced."""

    def move(
        self, learner: Hashable, act: Act, state: State, *given: Tensor
    ) -> tuple[Move, Tensor]:
        """Where it leads what a learner does, and the move's `tensor_checks.reach`, ().

        Args:
            learner: Says who it is, as long as there is what it does.
            act: What it does, of tensors alone; fused once for each learner, and for each shape,
                type and device of what it is given.
            state: What it sees.
            *given: By what else it acts.

        Raises:
            Refusal: if what it does cannot be fused.
        """
        kind = (learner, *((each.shape, each.dtype, each.device) for each in given))
        if kind not in self._moves:
            if len(self._moves) >= MOST:
                del self._moves[next(iter(self._moves))]
            self._moves[kind] = _OfState(partial(self._moved, act), writes=True)
        place = room(theta := state.theta)
        if place is None:
            place = torch.empty_like(theta, memory_format=torch.contiguous_format)
        reached, charge, *kept = self._moves[kind](state, place, *given)
        control = kept[0] if self._keep else state.learner.previous_update
        return Move(control, place, charge), reached

    def _moved(self, act: Act, state: State, place: Tensor, *given: Tensor) -> list[Tensor]:
        """What of a move is made anew, beside parameters, which are written to a place (B, d)."""
        move = self._step.move(state, act(state, *given).clip(-1.0, 1.0))
        place.copy_(move.theta)
        made = [reach(move.theta), move.charge]
        return [*made, move.control] if self._keep else made

    def arrive(
        self, state: State, move: Move, normal: Tensor, uniform: Tensor
    ) -> tuple[State, TorchOutcome, Tensor]:
        """The state after a move, what the step did, and its `tensor_checks.extent`."""
        made = iter(self._arrival(state, move.theta, move.charge, normal, uniform))
        found, outcome = next(made), TorchOutcome(*islice(made, len(TorchOutcome._fields)))
        of_state, of_learner = ({name: next(made) for name in names} for names in self._changed)
        of_learner |= {"theta": move.theta, "previous_update": move.control}
        learner = changed(state.learner, **of_learner)
        return changed(state, learner=learner, **of_state), outcome, found

    def _arrived(
        self, state: State, theta: Tensor, charge: Tensor, normal: Tensor, uniform: Tensor
    ) -> list[Tensor]:
        """What of an arrival is made anew: extent, outcome, and fields of state and learner."""
        move = Move(state.learner.previous_update, theta, charge)
        after, outcome, price = self._step.arrival(state, move, normal, uniform)
        of_state, of_learner = _new(state, after), _new(state.learner, after.learner)
        del of_learner["theta"]  # the move's
        self._changed = list(of_state), list(of_learner)
        return [extent(price.grad, price.cost), *outcome, *of_state.values(), *of_learner.values()]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_moves": {}}  # learners may be functions that cannot be pickled


def as_given(state: State, actions: Tensor) -> Tensor:
    """What a learner does whose actions (B, size) are given."""
    return actions


def acted(
    rule: Callable[..., Tensor],
    layout: Layout,
    shape: tuple[int, int],
    dtype: torch.dtype,
    state: State,
    *given: Tensor,
) -> Tensor:
    """What a rule does, by the observation and what else it is given.

    Raises:
        ValueError: if its actions have another shape than (B, size).
    """
    actions = rule(layout.observe(state), *given)
    refuse_shape(actions, shape)
    return actions.to(dtype)


def refuse_others(problem: NavigationProblem, device: torch.device, constants: Any) -> None:
    """Refuse what fused steps do not do.

    Raises:
        Refusal: saying why.
    """
    reasons = {
        "tasks that switch are drawn one by one, in NumPy": problem.hazard > 0,
        "constants that are tensors are there for gradients": bool(constants),
        "tensors on 'meta' have no values": device.type == "meta",
    }
    for reason, holds in reasons.items():
        if holds:
            raise Refusal(f"leave compiled out: {reason}.")


class _OfState:
    """A fused function of a state and other tensors, made at its first call for such as these.

    Args:
        function: To a list, in which a tensor may be twice.
        writes: Whether it writes to the first of the other tensors.
    """

    def __init__(self, function: Callable[..., list[Tensor]], *, writes: bool = False) -> None:
        self._function, self._writes = function, writes
        self._fused: Fused | None = None
        self._places: list[int] = []
        """Where each result is in what the fused function returns, which is each tensor once."""

    def __call__(self, state: State, *others: Tensor) -> list[Tensor]:
        tensors = tensors_of(state)
        if self._fused is None:
            shapes = [tensor.to("meta") for tensor in tensors]  # they hold no memory
            like = _with_tensors(state, shapes)
            self._fused = Fused(self._traced(like), len(tensors) if self._writes else None)
        made = self._fused(*(tensor.contiguous() for tensor in (*tensors, *others)))
        return [made[place] for place in self._places]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_fused": None}

    def _traced(self, like: State) -> Callable[..., list[Tensor]]:
        """The function, of a state's tensors and others."""
        count = len(tensors_of(like))

        def function(*given: Tensor) -> list[Tensor]:
            made = self._function(_with_tensors(like, given[:count]), *given[count:])
            once = list({id(tensor): tensor for tensor in made}.values())
            self._places = [[each is tensor for each in once].index(True) for tensor in made]
            return once

        return function


def _of(record: Any) -> dict[str, Tensor]:
    """A record's tensors by their names."""
    return {name: value for name, value in vars(record).items() if isinstance(value, Tensor)}


def _new(before: Any, after: Any) -> dict[str, Tensor]:
    """Tensors of a record that another does not have."""
    old = _of(before)
    return {name: value for name, value in _of(after).items() if value is not old[name]}


def tensors_of(state: State) -> list[Tensor]:
    """All tensors of a state."""
    instances = [value for value in state.instances if isinstance(value, Tensor)]
    return [*_of(state).values(), *_of(state.learner).values(), *instances]


def _with_tensors(state: State, tensors: Sequence[Tensor]) -> State:
    """The state with other tensors, in the order of `tensors_of`."""
    rest = iter(tensors)
    of_state = {name: next(rest) for name in _of(state)}
    of_learner = {name: next(rest) for name in _of(state.learner)}
    instances = (next(rest) if isinstance(v, Tensor) else v for v in state.instances)
    return changed(
        state,
        learner=changed(state.learner, **of_learner),
        instances=remade(state.instances, instances),
        **of_state,
    )
