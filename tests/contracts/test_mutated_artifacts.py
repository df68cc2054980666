"""Good files, changed anywhere: what loads acts, with finite actions, and all else is refused."""

import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.artifact_files import (
    Fields,
    outcome,
    put_together,
    set_field,
    taken_apart,
)
from tests.contracts.test_artifact import RULES

pytestmark = pytest.mark.timeout(120)  # for what hangs


ANY = settings(
    max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
KINDS = st.sampled_from(sorted(RULES))


@ANY
@given(KINDS, st.data())
def test_any_bytes_changed(tmp_path: Path, good, kind: str, draw: st.DataObject):
    data = bytearray(good[kind])
    for _ in range(draw.draw(st.integers(1, 4))):
        where = draw.draw(st.integers(0, len(data) - 1))
        match draw.draw(st.sampled_from(["set", "insert", "delete"])):
            case "set":
                data[where] = draw.draw(st.integers(0, 255))
            case "insert":
                data[where:where] = draw.draw(st.binary(min_size=1, max_size=9))
            case "delete":
                del data[where : where + draw.draw(st.integers(1, 9))]
    outcome(tmp_path, bytes(data))


EXTREMES = [0.0, -0.0, 1e-300, 5e-324, 1e-12, 1e12, -1e12, 1e30, 1e308, 3e38, math.pi]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([2**31, 2**63, 2**64, 10**25, -(2**63)]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(EXTREMES),
    st.sampled_from(["", "gradient", "normalized", "relu", "decay", "rotation", "\ud800", "\x1b["]),
    st.lists(st.floats(-2, 2), max_size=3),
    st.lists(st.lists(st.floats(-2, 2), min_size=2, max_size=2), min_size=2, max_size=2),
    st.sampled_from([{}, {"kind": "power_law", "exponent": 1e3}, {"kind": "rotation"}]),
    st.sampled_from([{"kind": "isotropic", "std": 1e9}, {"kind": "curvature", "std": 0.0}]),
)


NUMBERS = st.one_of(st.integers(1, 5), st.floats(0, 5), st.floats(), st.sampled_from(EXTREMES))


def others(value: Any) -> st.SearchStrategy:
    """What might stand there instead: mostly of the same type, and so often accepted."""
    if isinstance(value, bool):
        return st.booleans() | VALUES
    if isinstance(value, int | float):
        return st.sampled_from([NUMBERS, NUMBERS, VALUES]).flatmap(lambda kind: kind)
    return VALUES


def places(value: Any, path: tuple = ()) -> list[tuple[tuple, Any]]:
    """Where in JSON there is something, and what."""
    inner = value.items() if isinstance(value, dict) else []
    inner = enumerate(value) if isinstance(value, list) else inner
    return [(path, value), *(each for key, item in inner for each in places(item, (*path, key)))]


def changed(fields: Fields, most: int, draw: st.DataObject) -> None:
    for _ in range(draw.draw(st.integers(1, most))):
        where, value = draw.draw(st.sampled_from(places(fields)[1:]))
        set_field(*where, to=deepcopy(draw.draw(others(value))))(fields, {})


@ANY
@given(KINDS, st.data())
def test_any_field_changed(tmp_path: Path, good, kind: str, draw: st.DataObject):
    fields, arrays = taken_apart(good[kind])
    changed(fields, 2, draw)
    outcome(tmp_path, put_together(fields, arrays))


@ANY
@given(st.data())
def test_any_field_of_a_believed_problem_changed(tmp_path: Path, good, draw: st.DataObject):
    fields, arrays = taken_apart(good["belief"])
    changed(fields["believes"], 3, draw)
    outcome(tmp_path, put_together(fields, arrays))


@ANY
@given(KINDS, st.data())
def test_any_number_changed(tmp_path: Path, good, kind: str, draw: st.DataObject):
    fields, arrays = taken_apart(good[kind])
    for _ in range(draw.draw(st.integers(1, 3))):
        array = arrays[draw.draw(st.sampled_from(sorted(arrays)))]
        value = draw.draw(st.one_of(st.floats(width=32), st.sampled_from(EXTREMES)))
        with np.errstate(over="ignore"):
            array.flat[draw.draw(st.integers(0, array.size - 1))] = value
    outcome(tmp_path, put_together(fields, arrays))
