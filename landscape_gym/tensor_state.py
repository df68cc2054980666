"""States of tensors, made from others: nothing is written in place, so that gradients flow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from torch import Tensor

from landscape_gym.learner import Learner
from landscape_gym.state import State


def changed(record: Any, **changes: Any) -> Any:
    """A state or learner with other values of some fields: `dataclasses.replace`, made faster."""
    fresh = object.__new__(type(record))
    vars(fresh).update(vars(record), **changes)
    return fresh


def mapped(record: Any, function: Any, *others: Any) -> Any:
    """A state or learner with a function of each of its tensors (and of those of others)."""
    changes = {}
    for field in fields(record):
        values = [getattr(each, field.name) for each in (record, *others)]
        if isinstance(values[0], Tensor):
            changes[field.name] = function(*values)
        elif isinstance(values[0], Learner):
            changes[field.name] = mapped(values[0], function, *values[1:])
    return changed(record, **changes)


def merged(old: State, rows: Tensor, fresh: State) -> State:
    """A state in which some rows are those of another."""
    rest = mapped(old, lambda before, new: before.index_copy(0, rows, new), fresh)
    return changed(rest, instances=with_rows(old.instances, rows, fresh.instances))


def with_rows(old: Any, rows: Tensor, fresh: Any) -> Any:
    """Instances with those of some rows replaced."""

    def put(before: Any, new: Any) -> Any:
        if before is None or (len(before) == 1 and len(new) == 1 and len(rows) != 1):
            return before
        if len(before) == 1:
            return new if len(new) == 1 else before
        return before.index_copy(0, rows, new.expand(len(rows), *new.shape[1:]))

    return remade(old, map(put, old, fresh))


def remade(instances: Any, values: Iterable[Any]) -> Any:
    """Other instances of the same kind: a NamedTuple, or a plain tuple."""
    kind = type(instances)
    return kind._make(values) if hasattr(kind, "_make") else kind(values)
