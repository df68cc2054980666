"""Files that hold a rule with one thing wrong: each is refused, and says what."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contracts.artifact_files import (
    Arrays,
    Fields,
    outcome,
    put_together,
    refused,
    set_field,
    taken_apart,
)

pytestmark = pytest.mark.timeout(120)  # for what hangs


def set_number(name: str, value: float) -> Callable[[Fields, Arrays], Any]:
    return lambda f, a: a[name].flat.__setitem__(0, value)


def set_array(name: str, array: Any) -> Callable[[Fields, Arrays], Any]:
    return lambda f, a: a.update({name: np.asarray(array)})


def overflowing(fields: Fields, arrays: Arrays) -> None:
    """Three layers of relu whose products float32 cannot hold."""
    fields["network"]["activation"] = "relu"
    for array in arrays.values():
        array.fill(1e12)


def deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


BAD_RULES: list[tuple[str, Callable[[Fields, Arrays], Any], str]] = [
    # arrays
    (
        "tanh",
        set_number("layers.1.weight", math.nan),
        "'layers.1.weight' has numbers .* not finite",
    ),
    ("tanh", set_number("layers.0.bias", math.inf), "'layers.0.bias' has numbers .* not finite"),
    ("cell", set_number("cell.hidden.bias", -math.inf), "'cell.hidden.bias' .* not finite"),
    ("linear", set_number("std", math.nan), "'std' has numbers that are not finite"),
    ("linear", set_number("std", 0.0), "'std' has numbers below 1e-12"),
    ("linear", set_number("std", -1.0), "'std' has numbers below 1e-12"),
    ("linear", set_number("mean", 1e13), "'mean' has numbers above 1e"),
    ("linear", lambda f, a: a.pop("std"), r"\['std'\] missing"),
    ("linear", set_array("layers.1.bias", [1.0]), r": \['layers.1.bias'\] superfluous"),
    ("linear", set_array("std", [[1.0, 1.0]]), r"'std' has the shape \[1, 2\]"),
    ("tanh", set_array("layers.1.weight", np.ones((8, 7))), r"in this network it is \[8, 8\]"),
    ("cell", set_array("cell.input.weight", np.ones((16, 2))), r"'cell.input.weight' has"),
    ("linear", set_array("std", [1, 2]), "'std' is of type 'I64'"),
    ("linear", set_array("std", np.ones(2, np.float16)), "'std' is of type 'F16'"),
    ("linear", set_array("std", np.ones(2, np.complex64)), "'std' is of type 'C64'"),
    ("linear", set_array("std", np.ones(2, bool)), "'std' is of type 'BOOL'"),
    # the network
    ("tanh", set_field("network", "layers", to=[8, 8]), "superfluous"),
    ("tanh", set_field("network", "layers", to=[]), "1 to 16 layers"),
    ("tanh", set_field("network", "layers", to=8), "1 to 16 layers"),
    ("tanh", set_field("network", "layers", to=[8, "8", 3]), "is no text"),
    ("tanh", set_field("network", "layers", to=[8, 8.0, 3]), "must be an integer"),
    ("tanh", set_field("network", "layers", to=[8] * 10_000), "1 to 16 layers"),
    ("tanh", set_field("network", "layers", 1, to=-8), "at least 1"),
    ("tanh", set_field("network", "layers", to=[16_384] * 3), "shape"),
    ("tanh", set_field("network", "inputs", to=10**9), "at most 16384"),
    ("tanh", set_field("network", "inputs", to=10**30), "at most 1e"),
    ("tanh", set_field("network", "inputs", to=True), "neither true nor false"),
    ("tanh", set_field("network", "cell", to=4), "missing"),
    ("cell", set_field("network", "cell", to=0), "at least 1"),
    ("tanh", set_field("network", "activation", to="__import__"), "not known; accepted: 'relu'"),
    ("tanh", set_field("network", "activation", to=["tanh"]), "not known"),
    ("tanh", set_field("network", "squashed", to=1), "'squashed' is true or false"),
    ("tanh", set_field("network", "code", to=1), "superfluous"),
    ("tanh", set_field("network", to=None), "is a JSON object"),
    ("tanh", overflowing, r"might make 1\.\d*e\+39"),
    # the fields
    ("linear", set_field("version", to=4), "newer landscape-gym.*: upgrade landscape-gym"),
    ("linear", set_field("version", to=2), "'framed'.* missing"),
    ("framed", set_field("version", to=1), "'framed'.* superfluous"),
    ("linear", set_field("framed", to=True), "'framed'.* superfluous"),
    ("framed", set_field("framed", to=1), "'framed' is true or false"),
    ("framed", set_field("framed", to="yes"), "'framed' is true or false; got 'yes'"),
    ("framed", set_field("version", to=3), "'relative'.* missing"),
    ("framed relative", set_field("framed", to=False), "nothing to measure lengths by"),
    ("framed relative", set_field("relative", to=1), "'relative' is true or false"),
    ("framed", set_field("per_coordinate", to=True), "features per coordinate"),
    ("framed", set_field("observation", "channels", to=["gradient"]), "a frame reads"),
    ("framed", set_field("observation", "scaled", to=True), "unscaled"),
    ("framed", set_field("observation", "rates", to=[0.5, 0.9]), "11 invariants and 7 vectors"),
    ("framed", set_field("action", "kind", to="normalized"), "sets velocities"),
    ("framed belief", set_field("believes", to=None), "11 invariants and"),
    ("framed belief", set_field("believes", "drift", to=0.1), "a landscape that stays"),
    ("framed belief", set_field("believes", "noise", to=None), "there is drift or no noise"),
    ("framed belief", set_field("believes", "landscape", "dim", to=11), "at most 10"),
    ("linear", set_field("version", to=True), "version must be an integer"),
    ("linear", set_field("version", to=0), "at least 1"),
    ("linear", set_field("version", to="1"), "must be an integer"),
    ("linear", set_field("format", to="another"), "format is not 'landscape-gym learned rule'"),
    ("linear", set_field("more", to=1), r": \['more'\] superfluous"),
    ("linear", lambda f, a: f.pop("about"), r": \['about'\] missing"),
    ("linear", set_field("about", to=[]), "'about' is a JSON object"),
    ("linear", set_field("about", "deep", to=deep(40)), "deeper than 32"),
    ("linear", set_field("about", "deep", to=deep(300)), "deeper than 32"),
    ("linear", set_field("about", "long", to="x" * 20_000), "20000 characters"),
    ("linear", set_field("about", "x" * 20_000, to=1), "20000 characters"),
    ("linear", set_field("clip", to=0), "clip must be a finite number above 0"),
    ("linear", set_field("clip", to=None), "clip must be a number"),
    ("linear", set_field("clip", to="10"), "'clip' is no text"),
    ("linear", set_field("clip", to=True), "neither true nor false"),
    ("linear", set_field("per_coordinate", to=1), "'per_coordinate' is true or false"),
    ("linear", set_field("per_coordinate", to=None), "'per_coordinate' is true or false"),
    ("linear", set_field("per_coordinate", to=True), "1 features per coordinate"),
    ("linear", set_field("observation", "channels", to=["gradients"]), "Did you mean 'gradient'"),
    ("linear", set_field("observation", "channels", to=[]), "at least one channel"),
    ("linear", set_field("observation", "channels", to=[["gradient"]]), "has texts only"),
    ("linear", set_field("observation", "channels", to="x" * 9_000), "channel 'xxx"),
    ("linear", set_field("observation", "scaled", to="yes"), "'scaled' is true or false"),
    ("linear", set_field("observation", "rates", to=["0.5"]), "'rates' is no text"),
    ("linear", set_field("observation", "rates", to=[[0.5], 0.5]), "made of numbers"),
    ("linear", set_field("observation", "rate", to=[0.5]), "Did you mean 'rates'"),
    ("linear", set_field("observation", to=None), "JSON object; got None"),
    ("linear", set_field("action", "kind", to="os.system"), "not known"),
    ("linear", set_field("action", "kind", to={}), "kind {} is not known"),
    ("linear", set_field("action", "scale", to=-1), "action scale"),
    ("linear", set_field("action", "scale", to=1e300), "at most 1e"),
    ("linear", set_field("action", to="velocity\x1b[2J"), "is no text"),
    # the problem
    ("belief", set_field("believes", "landscape", "kind", to="torch"), "quadratic landscape"),
    (
        "belief",
        set_field("believes", "landscape", to={"kind": "logistic_regression"}),
        "quadratic landscape",
    ),
    ("belief", lambda f, a: f["believes"].pop("landscape"), "quadratic landscape"),
    ("belief", set_field("believes", to=[]), "quadratic landscape"),
    ("belief", set_field("believes", "landscape", "dim", to=10**9), "dim must be at most 1000"),
    ("belief", set_field("believes", "landscape", "dim", to=2.0), "must be an integer"),
    ("belief", set_field("believes", "landscape", "rotated", to=0), "'rotated' is true or false"),
    ("belief", set_field("believes", "horizon", to=10**9), "horizon must be at most 2000"),
    (
        "belief",
        set_field("believes", "control_matrix", to=[[1.0] * 50_000] * 2),
        "couples coordinates must be at most 10",
    ),
    ("belief", set_field("believes", "control_matrix", to=[[], []]), "needs 2 and 0"),
    ("belief", set_field("believes", "metric", to="fisher"), "is no text"),
    ("belief", set_field("believes", "default_dynamics", to="__import__('os')"), "is no text"),
    ("belief", set_field("believes", "noise", to={"kind": "relative"}), "not known in advance"),
    ("belief", set_field("believes", "dt", to=5e-324), "cannot be computed with: overflow"),
    ("belief", set_field("believes", "eta", to=1e200), "at most 1e"),
    ("belief", set_field("believes", "observed", to=1), "not known"),
    ("belief", set_field("per_coordinate", to=True), "not both"),
    ("belief", set_field("action", to={"kind": "step_size"}), "2 inputs and 2 outputs; .* 2 and 4"),
    ("belief", set_field("observation", "channels", to=["gradient"]), "the filter reads"),
]


@pytest.mark.parametrize(("kind", "change", "message"), BAD_RULES)
def test_a_rule_that_is_wrong_in_one_thing_is_refused(kind, change, message, tmp_path, good):
    fields, arrays = taken_apart(good[kind])
    change(fields, arrays)
    refused(tmp_path, put_together(fields, arrays), message)


ROTATION = {"kind": "rotation", "rate": 3.0}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("tanh", set_field("clip", to=5)),
        ("tanh", set_field("network", "activation", to="relu")),
        ("tanh", set_field("about", "deep", to=deep(20))),
        ("tanh", set_field("observation", "channels", to=["previous_gradient"])),
        ("tanh", set_array("mean", np.ones(3, np.float32))),
        ("cell", set_field("network", "squashed", to=True)),
        ("belief", set_field("believes", "noise", "std", to=0.0)),
        ("belief", set_field("believes", "default_dynamics", to=ROTATION)),
        ("belief", set_field("believes", "control_matrix", to=[[1.0, 0.5], [0.0, 1.0]])),
        ("belief", lambda f, a: f["believes"].pop("max_norm")),  # as before there was such a field
    ],
)
def test_a_rule_that_differs_within_the_bounds_is_read(kind, change, tmp_path, good):
    fields, arrays = taken_apart(good[kind])
    change(fields, arrays)
    assert outcome(tmp_path, put_together(fields, arrays)) == "acts"


def test_a_large_problem_that_couples_coordinates_is_not_solved(tmp_path: Path, good):
    fields, arrays = taken_apart(good["belief"])
    fields["believes"]["landscape"] |= {"dim": 400, "curvature": {"kind": "power_law"}}
    fields["believes"]["default_dynamics"] = {"kind": "rotation"}
    refused(tmp_path, put_together(fields, arrays), "couples coordinates must be at most 10")


def test_a_believed_problem_that_takes_many_steps_is_refused(tmp_path: Path, good):
    fields, arrays = taken_apart(good["belief"])
    fields["believes"]["landscape"] |= {"curvature": [0.0, 1e-9]}
    fields["believes"] |= {"metric": [[1.0, 0.1], [0.1, 1.0]], "gamma": 0.0, "eta": 1e-6}
    fields["believes"] |= {"hazard": 0.0, "dt": 1e-3}
    refused(tmp_path, put_together(fields, arrays), "not solved in 3000 steps")


def test_a_long_horizon_is_refused_where_coordinates_are_coupled(tmp_path: Path, good):
    fields, arrays = taken_apart(good["belief"])
    fields["believes"] |= {"metric": [[1.0, 0.1], [0.1, 1.0]], "horizon": 501}
    refused(tmp_path, put_together(fields, arrays), "horizon .* couples .* at most 500")
