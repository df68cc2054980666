"""Damaged and hostile files: each is refused, in bounded time and memory; nothing else happens."""

import json
import math
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landscape_gym.artifact import ArtifactError, load_rule
from landscape_gym.artifact.bounds import MAX_BYTES, MAX_HEADER
from tests.contracts.artifact_files import (
    Arrays,
    Fields,
    good_files,
    header_of,
    outcome,
    put_together,
    set_field,
    taken_apart,
    with_header,
)

pytestmark = pytest.mark.timeout(120)  # for what hangs
MEMORY = 32 * 2**20
"""Bytes that reading a bad file may take at most; most of these files have a few thousand."""


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    """The bytes of one rule of each kind."""
    return good_files(tmp_path_factory.mktemp("good"))


def refused(folder: Path, data: bytes, message: str = "is refused") -> None:
    path = folder / "bad.safetensors"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactError, match=message) as raised:
            load_rule(path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    said = str(raised.value)
    assert "bad.safetensors' is refused" in said
    assert len(said) < 1500
    assert "\n" not in said


# Files that are something else


class Effect:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def torch_load(path: Path) -> None:
    torch.load(path, weights_only=False)


@pytest.mark.parametrize(
    ("write", "read", "message"),
    [
        (
            lambda effect, path: path.write_bytes(pickle.dumps(effect)),
            lambda path: pickle.loads(path.read_bytes()),
            "looks like a pickle",
        ),
        (torch.save, torch_load, "looks like a zip archive"),
    ],
    ids=["pickle", "torch"],
)
def test_code_in_a_renamed_file_is_not_run(write: Callable, read: Callable, message, tmp_path):
    effect = tmp_path / "effect"
    path = tmp_path / "rule.pt"
    write(Effect(effect), path)
    read(path)
    assert effect.exists()  # so it would be seen
    effect.rmdir()
    refused(tmp_path, path.read_bytes(), message)
    assert not effect.exists()


def test_what_is_no_regular_file_is_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.safetensors")  # which nobody writes to: reading would wait for ever
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "zero.safetensors").symlink_to("/dev/zero")
    (tmp_path / "nowhere.safetensors").symlink_to(tmp_path / "missing")
    (tmp_path / "itself.safetensors").symlink_to("itself.safetensors")
    names = sorted(tmp_path.iterdir())
    for path in (*names, tmp_path / "missing.safetensors", "\0.safetensors", "a/" * 5000):
        with pytest.raises(ArtifactError, match="cannot be read"):
            load_rule(path)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path):
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    tracemalloc.start()
    with pytest.raises(ArtifactError, match=f"it has {MAX_BYTES + 1} bytes.*at most {MAX_BYTES}"):
        load_rule(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_link_to_a_file_is_followed(tmp_path: Path, good):
    (tmp_path / "real").write_bytes(good["tanh"])
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "real")
    load_rule(tmp_path / "link.safetensors")


# Damage


@pytest.mark.parametrize("kind", ["linear", "cell"])
def test_a_file_that_is_cut_off_is_refused(kind: str, tmp_path: Path, good):
    data = good[kind]
    for end in (*range(0, len(data), 17), *range(len(data) - 9, len(data))):
        refused(tmp_path, data[:end])
    refused(tmp_path, data[:-1], "cut off")
    refused(tmp_path, data + b"\0", "bytes")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no safetensors file"),
        (b"{}", "no safetensors file"),
        ((2**63).to_bytes(8, "little") + b"{" * 99, f"at most {MAX_HEADER}"),
        ((MAX_HEADER + 1).to_bytes(8, "little") + b"{" * (MAX_HEADER + 2), "header is said"),
        ((99).to_bytes(8, "little") + b"{}", "cut off"),
        ((2).to_bytes(8, "little") + b"{}", "metadata has no 'rule'"),
        ((2).to_bytes(8, "little") + b"[]", "no safetensors"),
        ((4).to_bytes(8, "little") + b"{\xff\xfe}", "utf-8"),
        ((20).to_bytes(8, "little") + b'{"__metadata__": [1]}'[:20], "no JSON"),
    ],
)
def test_bytes_that_are_no_header_are_refused(data, message, tmp_path: Path):
    refused(tmp_path, data, message)


def changed_header(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        header = header_of(data)
        change(header)
        return with_header(data, header)

    return changed


HEADERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "overlap": lambda h: h["std"].update(data_offsets=h["mean"]["data_offsets"]),
    "beyond the end": lambda h: h["std"].update(data_offsets=[10**6, 10**6 + 16]),
    "backwards": lambda h: h["std"].update(data_offsets=h["std"]["data_offsets"][::-1]),
    "negative": lambda h: h["std"].update(data_offsets=[-16, 0]),
    "huge": lambda h: h["std"].update(data_offsets=[0, 2**70]),
    "fractions": lambda h: h["std"].update(data_offsets=[0.0, 16.0]),
    "no offsets": lambda h: h["std"].pop("data_offsets"),
    "swapped": lambda h: h.update(mean=h["layers.0.bias"], std=h["layers.0.weight"]),
    "shape": lambda h: h["std"].update(shape=[2**40]),
    "shape of a truth": lambda h: h["layers.0.bias"].update(shape=[True]),
    "flat": lambda h: h["layers.0.weight"].update(shape=[4]),
    "no array": lambda h: h.update(std=1),
    "unknown type": lambda h: h["std"].update(dtype="F31"),
    "list as type": lambda h: h["std"].update(dtype=["F32"]),
    "code as type": lambda h: h["std"].update(dtype="O"),
    "more metadata": lambda h: h["__metadata__"].update(more=1),
    "metadata": lambda h: h.update(__metadata__={"rule": 1}),
}


@pytest.mark.parametrize("change", HEADERS)
def test_a_header_that_lies_is_refused(change: str, tmp_path: Path, good):
    refused(tmp_path, changed_header(HEADERS[change])(good["linear"]))


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


NOT_JSON: dict[str, tuple[str, str]] = {
    "a key twice": ('{"about": {"a": 1, "a": 1}}', "a key twice"),
    "not a number": ('{"about": NaN}', "not finite: NaN"),
    "infinity": ('{"about": -Infinity}', "not finite: -Infinity"),
    "a number that overflows": ('{"about": 1e999}', "not finite: 1e999"),
    "an integer of many digits": ('{"about": ' + "9" * 100_000 + "}", "of 100000 digits"),
    "deep nesting": ('{"about": ' + "[" * 100_000 + "]" * 100_000 + "}", "deeper than 32"),
    "nesting that never ends": ("[" * 200_000, "deeper than 32"),
    "a comment": ("{} // really", "no JSON"),
    "python": ("__import__('os').system('true')", "no JSON"),
    "yaml": ("!!python/object/apply:os.system ['true']", "no JSON"),
    "nothing": ("", "no JSON"),
    "a byte order mark": ("\ufeff{}", "no JSON"),
    "a text": ('"rule"', "format is not"),
    "null": ("null", "format is not"),
}


@pytest.mark.parametrize("trick", NOT_JSON)
def test_json_that_is_not_plain_is_refused(trick: str, tmp_path: Path, good):
    text, message = NOT_JSON[trick]
    refused(tmp_path, put_together(text, taken_apart(good["linear"])[1]), message)


def test_a_header_with_a_name_twice_is_refused(tmp_path: Path, good):
    """Or one reader might check the first, and another use the second."""
    data = good["linear"]
    text = json.dumps(header_of(data))
    std = json.dumps(header_of(data)["std"])
    twice = with_header(data, (text[:-1] + f', "std": {std}}}').encode())
    refused(tmp_path, twice, "a key twice")
    refused(tmp_path, with_header(data, text.encode()[:-1] + b', "\xff": 1}'), "utf-8")
    refused(tmp_path, with_header(data, b'{"a":' * 20_000 + b"1" + b"}" * 20_000), "deeper")


@pytest.mark.slow
def test_what_is_made_to_cost_is_read_or_refused_within_seconds_and_a_gigabyte():
    """In processes that fork; `python -m tests.contracts.hostile` goes on from here."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.contracts.hostile", "--mutations", "60"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "flat and coupled: " in done.stdout


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
