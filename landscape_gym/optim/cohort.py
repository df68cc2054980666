"""Parameters that are moved together, as one vector, and what a rule remembers of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import is_dataclass
from inspect import signature
from typing import Any, NamedTuple

import torch
from torch import Tensor

from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.optim.loading import check_shape
from landscape_gym.policy import Rule

CHUNK = 2**17
"""Coordinates in a piece on a CPU: so few that intermediate results stay in its cache."""


class Segment(NamedTuple):
    """Neighbouring coordinates of one parameter."""

    number: int
    """Which of the cohort's parameters."""
    part: slice | None
    """Which of its coordinates; None: all of them."""


class Piece(NamedTuple):
    """Coordinates on which a rule acts at once."""

    where: slice
    """Their place in the cohort's vector."""
    segments: list[Segment]
    """Where they come from, in that order."""


class Remembered(NamedTuple):
    """What is remembered between steps."""

    rule: Any
    """The rule's state."""
    start: Tensor | None
    """Parameters before the first step, (d,), if the rule reads the displacement from them."""


class Cohort:
    """Parameters that have always been moved together, and their state.

    The d coordinates of all parameters are one vector. State that is one number per coordinate is
    kept in vectors too, of which `views` are the parameters' parts.

    Args:
        rule: The rule.
        parameters: Of one type and device.
        number: Which cohort of the optimizer's it is.
    """

    def __init__(self, rule: Rule, parameters: Sequence[Tensor], number: int) -> None:
        self.tensors = Tensors(tuple(tuple(p.shape) for p in parameters))
        bind = getattr(rule, "for_tensors", None)
        self.rule = rule = rule if bind is None else bind(self.tensors)
        self.takes_out = "out" in signature(rule.update).parameters
        self.number = number
        self.parameters = list(parameters)
        self.sizes = [p.numel() for p in parameters]
        self.size = sum(self.sizes)
        half = parameters[0].dtype in (torch.float16, torch.bfloat16)
        self.dtype = torch.float32 if half else parameters[0].dtype
        self.remembered: Remembered | None = None
        # The rule's state by pieces, where its memory is, and what of it is not by coordinates.
        self.states: list[Any] = []
        self.memory: set[int] = set()
        self.shared: set[str] = set()
        self.whole = Piece(slice(None), [Segment(i, None) for i in range(len(self.parameters))])
        divided = is_separable(rule) and parameters[0].device.type == "cpu"
        self.pieces = list(_pieces(self.parameters, CHUNK)) if divided else [self.whole]

    def begin(self, loss: Tensor | None, stride: float) -> None:
        """Remember nothing yet; `loss` and `stride` as of `move`."""
        self._begin(self._flat(self.gradients()), loss, stride)

    def _begin(self, flat: dict[str, list[Tensor]], loss: Tensor | None, stride: float) -> None:
        others = self._seen(self.whole, flat, loss, stride)
        state = self.rule.init(others.pop(self.rule.channels[0]), **others)
        start = None
        if "displacement" in self.rule.channels:
            start = self._joined([p.reshape(-1) for p in self.parameters])
        remembered = _walk(lambda _, leaf: leaf.clone(), Remembered(state, start))
        shared = set()
        _walk(lambda name, leaf: leaf.shape[-1:] == (self.size,) or shared.add(name), remembered)
        self._keep(remembered, shared)

    def restore(self, states: Sequence[dict[str, Any]]) -> None:
        """Remember what `views` had for each parameter.

        Raises:
            ValueError: if it is the state of another rule, or of other parameters.
        """
        zeros = [torch.zeros_like(p).reshape(-1) for p in self.parameters]
        self._begin(self._flat(zeros), torch.zeros(1), stride=1.0)  # all of it is replaced

        shared = set()

        def restored(name: str, leaf: Tensor) -> Tensor:
            if any(name not in state for state in states):
                raise ValueError(
                    f"the state has no {name!r}, which {type(self.rule).__name__} remembers; it "
                    f"has {', '.join(sorted(states[0]))}: load it into an optimizer with the rule "
                    "that it was saved with."
                )
            own = name not in self.shared
            if self.size == 1 and isinstance(states[0][name], Tensor):  # which looks like shared
                own = states[0][name].shape != leaf.shape
            for state, p in zip(states, self.parameters, strict=True):
                shape = (*leaf.shape[:-1], *p.shape) if own else leaf.shape
                check_shape(name, state[name], tuple(shape), tuple(leaf.shape))
            if not own:
                shared.add(name)
                return states[0][name].to(leaf, copy=True)
            rows = [state[name].reshape(*leaf.shape[:-1], -1) for state in states]
            return torch.cat(rows, dim=-1).to(leaf)

        self._keep(_walk(restored, self.remembered), shared)

    def views(self) -> Iterator[dict[str, Tensor]]:
        """The state by parameters: parts of vectors (..., *shape), and what all share."""
        leaves: dict[str, Tensor] = {}
        _walk(leaves.setdefault, self.remembered)
        position = 0
        for p, size in zip(self.parameters, self.sizes, strict=True):
            part = slice(position, position + size)
            yield {
                name: leaf
                if name in self.shared
                else leaf[..., part].view((*leaf.shape[:-1], *p.shape))
                for name, leaf in leaves.items()
            }
            position += size

    def gradients(self) -> list[Tensor]:
        """That of each parameter, (coordinates,)."""
        return [p.grad.reshape(-1) for p in self.parameters]  # type: ignore[union-attr]

    def move(self, loss: Tensor | None, stride: float) -> None:
        """``theta+ = theta + stride u``, for the update u of the rule.

        Args:
            loss: If the rule reads it.
            stride: Time that the step takes.
        """
        flat, shared = self._flat(self.gradients()), {}

        def write(name: str, old: Tensor, new: Tensor) -> None:
            if name in self.shared:
                shared[name] = old, new  # which the pieces after this one still have to read
            else:
                old.copy_(new)

        for piece, state in zip(self.pieces, self.states, strict=True):
            u, after = self._updated(self._seen(piece, flat, loss, stride), state)
            _walk(write, state, after, name="rule")
            self._add(piece, u, stride)
        for old, new in shared.values():
            old.copy_(new)

    def _updated(self, seen: dict[str, Any], state: Any) -> tuple[Tensor, Any]:
        """The rule's velocity and next state, in memory that the state does not lie in.

        What a rule only hands on, such as the last gradient but one, is copied for that, so that
        the state can be overwritten. A rule that gives `state` itself back remembers nothing, or
        has changed it in place; one that takes `out` has written into it what is there again.
        """
        first = seen.pop(self.rule.channels[0])
        if self.takes_out:
            return self.rule.update(first, state, **seen, out=state)
        u, after = self.rule.update(first, state, **seen)

        def apart(_: str, leaf: Tensor) -> Tensor:
            return leaf.clone() if leaf.untyped_storage().data_ptr() in self.memory else leaf

        return (u, state) if after is state else _walk(apart, (u, after))

    def _flat(self, gradients: list[Tensor]) -> dict[str, list[Tensor]]:
        """What is seen of each parameter, (coordinates,)."""
        seen = {"gradient": gradients}
        if not {"parameters", "displacement"}.isdisjoint(self.rule.channels):
            seen["parameters"] = [p.reshape(-1) for p in self.parameters]
        return seen

    def _seen(
        self, piece: Piece, flat: dict[str, list[Tensor]], loss: Tensor | None, stride: float
    ) -> dict[str, Any]:
        """The channels of the rule: gradients and others (c,), the loss (1,), and others."""

        def vector(name: str) -> Tensor:
            return self._joined(
                [
                    flat[name][i] if part is None else flat[name][i][part]
                    for i, part in piece.segments
                ]
            )

        def displacement() -> Tensor:
            start, theta = self.remembered and self.remembered.start, vector("parameters")
            return torch.zeros_like(theta) if start is None else theta - start[piece.where]

        readers = {
            "gradient": lambda: vector("gradient"),
            "parameters": lambda: vector("parameters"),
            "displacement": displacement,
            "loss": lambda: loss.reshape(1).to(self.parameters[0].device, self.dtype),  # type: ignore[union-attr]
            "stride": lambda: stride,
            "tensors": lambda: self.tensors,
        }
        return {name: readers[name]() for name in self.rule.channels}

    def _keep(self, remembered: Remembered, shared: set[str]) -> None:
        """Remember this, in these very tensors, from now on; `shared` are not by coordinates."""
        self.remembered, self.shared, self.memory = remembered, shared, set()
        _walk(lambda _, leaf: self.memory.add(leaf.untyped_storage().data_ptr()), remembered.rule)

        def part(piece: Piece) -> Any:
            cut = lambda name, leaf: leaf if name in shared else leaf[..., piece.where]  # noqa: E731
            return _walk(cut, remembered.rule, name="rule")

        self.states = [part(piece) for piece in self.pieces]

    def _add(self, piece: Piece, u: Tensor, stride: float) -> None:
        """Move the coordinates."""
        targets = [
            self.parameters[i] if part is None else self.parameters[i].view(-1)[part]
            for i, part in piece.segments
        ]
        parts = u.split([target.numel() for target in targets])
        moves = [part.view(target.shape) for part, target in zip(parts, targets, strict=True)]
        torch._foreach_add_(targets, moves, alpha=stride)  # pyright: ignore[reportPrivateImportUsage]

    def _joined(self, parts: list[Tensor]) -> Tensor:
        """One vector; where it is part of a parameter, without a copy."""
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).to(self.dtype)


def _pieces(parameters: list[Tensor], chunk: int) -> Iterator[Piece]:
    """Pieces of at most so many coordinates, but for parameters that are not laid out in order.

    Long parameters are cut, short ones put together.
    """
    first, size, segments = 0, 0, []
    for number, p in enumerate(parameters):
        length = chunk if p.is_contiguous() else p.numel()
        for start in range(0, p.numel(), length):
            stop = min(start + length, p.numel())
            if segments and size + stop - start > chunk:
                yield Piece(slice(first, first + size), segments)
                first, size, segments = first + size, 0, []
            whole = stop - start == p.numel()
            segments.append(Segment(number, None if whole else slice(start, stop)))
            size += stop - start
    yield Piece(slice(first, first + size), segments)


def _walk(function: Callable[..., Any], *states: Any, name: str = "") -> Any:
    """``function(name, *leaves)`` for the leaves of states of one form, in that form.

    A state is a NamedTuple or a tuple of states, None, or a leaf: a tensor, whose name is the way
    to it.
    """
    if states[0] is None:
        return None
    if not isinstance(states[0], tuple):
        return function(name, *states)
    names = getattr(states[0], "_fields", range(len(states[0])))
    parts = [
        _walk(function, *each, name=f"{name}.{own}" if name else str(own))
        for own, *each in zip(names, *states, strict=True)
    ]
    return tuple(parts) if type(states[0]) is tuple else type(states[0])(*parts)


def has_vectors(rule: Rule) -> bool:
    """Whether constants differ between coordinates."""
    constants = vars(rule).values() if is_dataclass(rule) else ()
    return any(isinstance(constant, tuple) for constant in constants)


def is_separable(rule: Rule) -> bool:
    """Whether the rule may be given a vector piece by piece, as it says itself."""
    return getattr(rule, "separable", False) and not has_vectors(rule)
