"""Plain data in and out: mappings become validated dataclasses, and dataclasses become JSON.

A family of alternatives (landscapes, noises, spectra, ...) is a dict from a *kind* to a frozen
dataclass that carries the same word as the class variable ``kind``. A user may then give an
instance, the kind alone, or a mapping with the key ``"kind"`` and any of the fields.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import numpy as np

Vector = tuple[float, ...]
Matrix = tuple[tuple[float, ...], ...]

T = TypeVar("T")


def unknown(what: str, given: object, accepted: Iterable[str]) -> str:
    """The sentence for a name that is not accepted: all accepted names, and the nearest one."""
    names = sorted(accepted)
    nearest = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"{what} {given!r} is not known; accepted: {', '.join(map(repr, names))}.{hint}"


def one_of(what: str, given: str, accepted: Iterable[str]) -> str:
    """Return `given` if it is accepted.

    Raises:
        ValueError: naming the accepted values and the nearest one.
    """
    accepted = tuple(accepted)
    if given not in accepted:
        raise ValueError(unknown(what, given, accepted))
    return given


def build(cls: type[T], fields: Mapping[str, Any], what: str) -> T:
    """Make the dataclass `cls` from a mapping of its fields.

    Raises:
        ValueError: for a field that `cls` does not have, naming the nearest, a refused value, or
            one that is needed and not given.
    """
    accepted = [f.name for f in dataclasses.fields(cast(Any, cls)) if f.init]
    for name in fields:
        if name not in accepted:
            raise ValueError(unknown(f"{what}: field", name, accepted))
    needed = [f.name for f in dataclasses.fields(cast(Any, cls)) if _is_needed(f)]
    if missing := [name for name in needed if name not in fields]:
        raise ValueError(
            f"{what} needs {', '.join(missing)}, for which there is no default: give a mapping "
            "with them."
        )
    return cls(**fields)


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    absent = dataclasses.MISSING
    return field.init and field.default is absent and field.default_factory is absent


def alternative(
    kinds: Mapping[str, type[T]], given: object, what: str, base: type[T] | None = None
) -> T:
    """One member of a family, from an instance, a kind, or a mapping with the key ``"kind"``.

    Instances of other classes are members too if they derive from `base`.

    Raises:
        ValueError: for an unknown kind or field, with the accepted ones and the nearest.
        TypeError: for anything that is not one of the three forms.
    """
    if isinstance(given, base or tuple(kinds.values())):
        return cast(T, given)
    if isinstance(given, str):
        given = {"kind": given}
    if isinstance(given, Mapping):
        fields = dict(given)
        if "kind" not in fields:
            raise ValueError(
                f"{what}: the mapping {dict(given)!r} needs the key 'kind', one of "
                f"{', '.join(map(repr, sorted(kinds)))}."
            )
        kind = one_of(f"{what}: kind", fields.pop("kind"), kinds)
        return build(kinds[kind], fields, f"{what} {kind!r}")
    raise TypeError(
        f"{what}: got {type(given).__name__}; give a name, a mapping with 'kind', or an instance. "
        f"Kinds: {', '.join(map(repr, sorted(kinds)))}."
    )


def merged(current: T, changes: Mapping[str, Any], what: str) -> T:
    """A copy of a dataclass with some fields replaced.

    A mapping given for a field that holds a dataclass changes only the fields that it names; one
    with the key ``"kind"`` is taken whole.

    Raises:
        ValueError: for a field that the dataclass does not have, naming the nearest one.
    """
    accepted = [f.name for f in dataclasses.fields(cast(Any, current)) if f.init]
    fields = {}
    for name, change in changes.items():
        if name not in accepted:
            raise ValueError(unknown(f"{what}: field", name, accepted))
        old = getattr(current, name)
        if isinstance(change, Mapping) and dataclasses.is_dataclass(old) and "kind" not in change:
            change = merged(old, change, f"{what}, {name}")
        fields[name] = change
    return cast(T, dataclasses.replace(cast(Any, current), **fields))


def plain(value: Any) -> Any:
    """The JSON form of a configuration: dataclasses as mappings, tuples and arrays as lists.

    Raises:
        ValueError: for what has no JSON form, such as a function.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = getattr(value, "kind", None)
        fields = {
            f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init
        }
        return {"kind": kind, **fields} if kind is not None else fields
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    raise ValueError(
        f"{type(value).__name__} {value!r} has no JSON form; only names, numbers and registered "
        "kinds can be written to a file. Keep the object in code and pass it when you load."
    )


def number(what: str, given: Any, *, low: float = -math.inf, strict: bool = False) -> float:
    """A finite float that is at least `low` (above it, if `strict`).

    Raises:
        TypeError: if it is not a number.
        ValueError: if it is not finite or too small.
    """
    if isinstance(given, bool) or not isinstance(given, int | float | np.number):
        raise TypeError(f"{what} must be a number, got {given!r}.")
    value = float(given)
    if not math.isfinite(value) or value < low or (strict and value == low):
        bound = f" {'above' if strict else 'at least'} {low:g}" if low > -math.inf else ""
        raise ValueError(f"{what} must be a finite number{bound}, got {given!r}.")
    return value


def count(what: str, given: Any, *, low: int = 1) -> int:
    """An integer that is at least `low`.

    Raises:
        TypeError: if it is not an integer.
        ValueError: if it is too small.
    """
    if isinstance(given, bool) or not isinstance(given, int | np.integer):
        raise TypeError(f"{what} must be an integer, got {given!r}.")
    if given < low:
        raise ValueError(f"{what} must be at least {low}, got {given}.")
    return int(given)


def vector(what: str, given: Any, size: int | None = None) -> Vector:
    """A tuple of finite floats, of length `size` if that is given.

    Raises:
        ValueError: for another shape, or for what is not finite.
    """
    array = _finite_array(what, given)
    if array.ndim != 1 or (size is not None and array.size != size):
        expected = "a vector" if size is None else f"a vector of {size} numbers"
        raise ValueError(f"{what} must be {expected}, got shape {array.shape}.")
    return tuple(array.tolist())


def matrix(what: str, given: Any, rows: int, columns: int | None = None) -> Matrix:
    """A tuple of tuples of finite floats, `rows` x `columns` (any number of columns if None).

    Raises:
        ValueError: for another shape, or for what is not finite.
    """
    array = _finite_array(what, given)
    if array.ndim != 2 or array.shape[0] != rows or columns not in (None, array.shape[1]):
        expected = f"{rows} x {'m' if columns is None else columns}"
        raise ValueError(f"{what} must be a {expected} matrix, got shape {array.shape}.")
    return tuple(tuple(row) for row in array.tolist())


def _finite_array(what: str, given: Any) -> np.ndarray:
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be made of numbers, got {given!r}.") from error
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite, got {given!r}.")
    return array
