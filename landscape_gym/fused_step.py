"""Steps of the simulation on tensors, fused: the tensors of a state in, those that change out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from torch import Tensor

from landscape_gym.fusing import Fused
from landscape_gym.state import State
from landscape_gym.tensor_state import changed, remade
from landscape_gym.tensor_step import TensorStep, TorchOutcome


class FusedStep:
    """`TensorStep.usual`, fused: made at its first step, for states like the one there.

    Args:
        step: Of a problem whose tasks do not switch.
    """

    def __init__(self, step: TensorStep) -> None:
        self._step = step
        self._function: Fused | None = None
        self._places: list[int] = []
        """Where in what the function returns, which is each tensor once, a step's are."""
        self._changed: tuple[list[str], list[str]] = [], []
        """Fields of a state, and of its learner, that a step changes."""

    def __call__(
        self, state: State, action: Tensor, normal: Tensor, uniform: Tensor
    ) -> tuple[State, TorchOutcome, Tensor]:
        """As `TensorStep.usual`, of a contiguous action."""
        if self._function is None:
            self._function = Fused(self._traced(state))
        tensors = (tensor.contiguous() for tensor in tensors_of(state))
        made = self._function(*tensors, action, normal, uniform)
        rest = iter([made[place] for place in self._places])
        extent, outcome = next(rest), TorchOutcome(*islice(rest, len(TorchOutcome._fields)))
        of_state, of_learner = ({name: next(rest) for name in names} for names in self._changed)
        learner = changed(state.learner, **of_learner)
        return changed(state, learner=learner, **of_state), outcome, extent

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_function": None}

    def _traced(self, like: State) -> Callable[..., list[Tensor]]:
        """The step as a function of a state's tensors and others, to what it changes of them."""

        def function(*given: Tensor) -> list[Tensor]:
            *tensors, action, normal, uniform = given
            state = _with_tensors(like, tensors)
            after, outcome, extent = self._step.usual(state, action, normal, uniform)
            new = _new(state, after), _new(state.learner, after.learner)
            made = [extent, *outcome, *new[0].values(), *new[1].values()]
            once = list({id(tensor): tensor for tensor in made}.values())
            self._places = [[each is tensor for each in once].index(True) for tensor in made]
            self._changed = list(new[0]), list(new[1])
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
