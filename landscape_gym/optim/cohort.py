"""Parameters that are moved together, as one vector, and what a rule remembers of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from landscape_gym.policy import Rule
from landscape_gym.rules import (
    Adam,
    AdamW,
    CentredAdam,
    GradientDescent,
    Momentum,
    Nesterov,
    RMSprop,
    SignDescent,
)

SEPARABLE = (GradientDescent, Momentum, Nesterov, SignDescent, RMSprop, Adam, AdamW, CentredAdam)
"""Rules that treat each coordinate by itself, and so a vector piece by piece."""
CHUNK = 2**17
"""Coordinates in a piece on a CPU: so few that intermediate results stay in its cache."""


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
        self.rule = rule
        self.number = number
        self.parameters = list(parameters)
        self.sizes = [p.numel() for p in parameters]
        self.size = sum(self.sizes)
        half = parameters[0].dtype in (torch.float16, torch.bfloat16)
        self.dtype = torch.float32 if half else parameters[0].dtype
        self.remembered: Remembered | None = None
        separable = type(rule) in SEPARABLE and parameters[0].device.type == "cpu"
        chunk = CHUNK if separable and not has_vectors(rule) else self.size
        self.parts = [slice(start, start + chunk) for start in range(0, self.size, chunk)]

    def seen(self, loss: Tensor | None, stride: float) -> dict[str, Any]:
        """The channels of the rule: gradients and others (d,), the loss (1,), the stride."""
        readers = {
            "gradient": lambda: self._vector([p.grad for p in self.parameters]),
            "parameters": lambda: self._vector(self.parameters),
            "displacement": self._displacement,
            "loss": lambda: loss.reshape(1).to(self.parameters[0].device, self.dtype),  # type: ignore[union-attr]
            "stride": lambda: stride,
        }
        return {name: readers[name]() for name in self.rule.channels}

    def begin(self, seen: dict[str, Any]) -> None:
        """Remember nothing yet."""
        others = dict(seen)
        state = self.rule.init(others.pop(self.rule.channels[0]), **others)
        start = self._vector(self.parameters) if "displacement" in seen else None
        self.remembered = _mapped(Remembered(state, start), lambda name, leaf: leaf.clone())

    def restore(self, states: Sequence[dict[str, Any]], seen: dict[str, Any]) -> None:
        """Remember what `views` had for each parameter.

        Raises:
            ValueError: if it is the state of another rule.
        """
        self.begin(seen)

        def restored(name: str, leaf: Tensor) -> Tensor:
            if any(name not in state for state in states):
                raise ValueError(
                    f"the state has no {name!r}, which {type(self.rule).__name__} remembers; it "
                    f"has {', '.join(sorted(states[0]))}: load it into an optimizer with the rule "
                    "that it was saved with."
                )
            if not self._per_coordinate(leaf):
                return states[0][name].to(leaf)
            rows = [state[name].reshape(*leaf.shape[:-1], -1) for state in states]
            return torch.cat(rows, dim=-1).to(leaf)

        self.remembered = _mapped(self.remembered, restored)

    def views(self) -> Iterator[dict[str, Tensor]]:
        """The state by parameters: parts of vectors (..., *shape), and what all share."""
        leaves: dict[str, Tensor] = {}
        _mapped(self.remembered, leaves.setdefault)
        position = 0
        for p, size in zip(self.parameters, self.sizes, strict=True):
            part = slice(position, position + size)
            yield {
                name: leaf[..., part].view((*leaf.shape[:-1], *p.shape))
                if self._per_coordinate(leaf)
                else leaf
                for name, leaf in leaves.items()
            }
            position += size

    def move(self, seen: dict[str, Any], stride: float) -> None:
        """``theta+ = theta + stride u``, for the update u of the rule."""
        u, shared = None, []
        for part in self.parts:
            state, others = self._cut(self.remembered, part).rule, self._cut(seen, part)
            first = others.pop(self.rule.channels[0])
            piece, after = self.rule.update(first, state, **others)
            if len(self.parts) == 1:
                u = piece
            else:
                u = torch.empty(self.size, dtype=self.dtype) if u is None else u
                u[part] = piece
            shared = self._store(state, after)
        for old, new in shared:
            old.copy_(new)
        moves = u.split(self.sizes)  # type: ignore[union-attr]
        views = [move.view(p.shape) for move, p in zip(moves, self.parameters, strict=True)]
        torch._foreach_add_(self.parameters, views, alpha=stride)  # pyright: ignore[reportPrivateImportUsage]

    def _store(self, state: Any, after: Any) -> list[tuple[Tensor, Tensor]]:
        """Overwrite one part's vectors; returns what parts share, to be written after the last."""
        news: dict[str, Tensor] = {}
        _mapped(after, news.setdefault)
        shared = []

        def store(name: str, old: Tensor) -> None:
            if old.shape[-1:] == (1,):
                shared.append((old, news[name]))
            else:
                old.copy_(news[name])

        _mapped(state, store)
        return shared

    def _cut(self, values: Any, part: slice) -> Any:
        """One part of all vectors."""
        if len(self.parts) == 1:
            return dict(values) if isinstance(values, dict) else values

        def cut(name: str, leaf: Any) -> Any:
            return leaf[..., part] if self._per_coordinate(leaf) else leaf

        if isinstance(values, dict):
            return {name: cut(name, value) for name, value in values.items()}
        return _mapped(values, cut)

    def _per_coordinate(self, leaf: Any) -> bool:
        return isinstance(leaf, Tensor) and leaf.shape[-1:] == (self.size,)

    def _displacement(self) -> Tensor:
        theta = self._vector(self.parameters)
        start = self.remembered and self.remembered.start
        return torch.zeros_like(theta) if start is None else theta - start

    def _vector(self, tensors: Sequence[Any]) -> Tensor:
        return torch.cat([tensor.reshape(-1) for tensor in tensors]).to(self.dtype)


def _mapped(state: Any, function: Any, name: str = "") -> Any:
    """``function(name, leaf)`` for the leaves of a state: NamedTuples, tuples, None and tensors."""
    if state is None:
        return None
    if isinstance(state, tuple):
        names = getattr(state, "_fields", range(len(state)))
        parts = [
            _mapped(part, function, f"{name}.{own}" if name else str(own))
            for own, part in zip(names, state, strict=True)
        ]
        return tuple(parts) if type(state) is tuple else type(state)(*parts)
    return function(name, state)


def has_vectors(rule: Rule) -> bool:
    """Whether constants differ between coordinates."""
    constants = vars(rule).values() if is_dataclass(rule) else ()
    return any(isinstance(constant, tuple) for constant in constants)
