"""Learned rules written to files and read again: the same rule, the same bytes, all or nothing."""

import json
import os
import shutil
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import numpy as safetensors

from landscape_gym.actions import Normalized, StepSize, Velocity
from landscape_gym.artifact import ArtifactError, load_rule, save_rule, shipped_rules, store
from landscape_gym.artifact.__main__ import main
from landscape_gym.belief_frame import BeliefFrame
from landscape_gym.configuration import plain
from landscape_gym.control import LQGPolicy
from landscape_gym.coordinates import Coordinates
from landscape_gym.frame import INVARIANTS
from landscape_gym.learned import Cell, Dense, LearnedRule, Network
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.registration import REGIMES
from landscape_gym.simulation import Simulation

RANDOM = np.random.default_rng(5)
BELIEVED = REGIMES["hidden-task-switching"].problem
HIDDEN = REGIMES["landscape-nav"].problem


def dense(outputs: int, inputs: int, dtype=np.float32) -> Dense:
    return Dense(
        RANDOM.normal(size=(outputs, inputs)).astype(dtype),
        RANDOM.normal(size=outputs).astype(dtype),
    )


def rule(network: Network, **changes) -> LearnedRule:
    parts = {
        "observation": ObservationConfig(("gradient",)),
        "action": Velocity(3.0),
        "mean": RANDOM.normal(size=network.inputs),
        "std": RANDOM.uniform(0.5, 2.0, network.inputs),
    }
    return LearnedRule(network=network, **parts | changes)


MIXED = ObservationConfig(
    ("gradient", "averages", "elapsed"), rates=(0.5, 0.9), scaled=True, clip=3
)
RULES = {
    "linear": rule(Network((dense(2, 2),)), action=Normalized(2)),
    "double precision": rule(Network((dense(2, 2, np.float64),))),
    "tanh": rule(Network((dense(8, 3), dense(8, 8), dense(3, 8)), "tanh"), clip=5.0),
    "relu": rule(Network((dense(8, 3), dense(6, 8)), "relu"), action=StepSize()),
    "squashed": rule(Network((dense(4, 2), dense(2, 4)), squashed=True)),
    "cell": rule(Network((dense(2, 5),), cell=Cell(dense(20, 2), dense(20, 5)))),
    "per coordinate": rule(
        Network((dense(4, 4), dense(1, 4))), observation=MIXED, per_coordinate=True
    ),
    "belief": rule(
        Network((dense(2, 2),)),
        observation=LQGPolicy(BELIEVED).observation,
        believes=BELIEVED,
        clip=1e6,
    ),
    "framed": rule(
        Network((dense(8, len(INVARIANTS)), dense(6, 8))),
        observation=ObservationConfig(
            ("gradient", "previous_update", "displacement", "lags"), rates=(0.5,)
        ),
        framed=True,
        clip=4.0,
    ),
    "framed relative": rule(
        Network((dense(8, len(INVARIANTS)), dense(6, 8))),
        observation=ObservationConfig(
            ("gradient", "previous_update", "displacement", "lags"), rates=(0.5,)
        ),
        framed=True,
        relative=True,
        clip=4.0,
    ),
    "framed belief": rule(
        Network((dense(8, len(BeliefFrame.invariants)), dense(8, 8))),
        observation=ObservationConfig(
            ("gradient", "previous_update", "displacement", "lags"), rates=(0.5,)
        ),
        framed=True,
        believes=HIDDEN,
        clip=4.0,
    ),
    "provenance": rule(
        Network((dense(1, 1),)),
        about={"seed": 2**63, "versions": {"b": "é\n", "a": (1, 0.1, None)}},
    ),
}
"""One of each kind."""


def observations(of: LearnedRule, steps: int = 4) -> np.ndarray:
    """What a rule may see, (steps, 5, size), the last of it as large as observations are."""
    size = of.network.inputs
    if of.believes is not None and not of.framed:
        size = Layout(of.observation, of.believes).size
    elif of.per_coordinate or of.framed:
        size = 1 + int(Coordinates(of.observation).index(3).max())
    seen = np.random.default_rng(0).normal(size=(steps, 5, size)).astype(np.float32)
    seen[-1] *= 1e5
    if of.believes is not None and "hessian" in of.observation.channels:
        simulation = Simulation.begun(range(5), problem=of.believes, observation=of.observation)
        where = simulation.layout.slices["hessian"]
        seen[..., where] = simulation.observe(simulation.state)[:, where]
    return seen


def actions(of: LearnedRule) -> np.ndarray:
    """What a rule does in a few steps, an episode beginning in some row in the middle."""
    state, made = None, []
    for step, seen in enumerate(observations(of)):
        begins = np.array([step == 2, False, False, step == 1, False])
        action, state = of.predict(seen, state, begins)
        made.append(action)
    return np.stack(made)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rule.safetensors"


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_that_is_read_again_is_the_same_to_the_bit(kind: str, path: Path):
    given = RULES[kind]
    save_rule(given, path)
    read = load_rule(path)
    assert actions(read).tobytes() == actions(given).tobytes()
    for name in (
        "observation",
        "action",
        "clip",
        "per_coordinate",
        "framed",
        "relative",
        "believes",
    ):
        assert getattr(read, name) == getattr(given, name)
    assert read.about == plain(given.about)
    assert read.mean.dtype == given.mean.dtype
    for mine, yours in zip(given.network.layers, read.network.layers, strict=True):
        assert mine.weight.dtype == yours.weight.dtype


@pytest.mark.parametrize("kind", RULES)
def test_the_same_rule_gives_the_same_bytes(kind: str, path: Path):
    save_rule(RULES[kind], path)
    first = path.read_bytes()
    save_rule(load_rule(path), path)
    assert path.read_bytes() == first


def test_what_a_rule_is_about_is_written_in_one_order(path: Path):
    given = RULES["linear"]
    save_rule(replace(given, about={"a": 1, "b": 2}), path)
    first = path.read_bytes()
    save_rule(replace(given, about={"b": 2, "a": 1}), path)
    assert path.read_bytes() == first
    save_rule(replace(given, about={"b": 2, "a": 2}), path)
    assert path.read_bytes() != first


def test_a_file_is_what_its_format_says(path: Path):
    """Read by a second implementation: the format's definition, in a few lines."""
    given = RULES["cell"]
    save_rule(given, path)
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    fields = json.loads(header["__metadata__"]["rule"])
    assert fields["format"] == "landscape-gym learned rule"
    assert fields["version"] == 1
    assert fields["network"]["inputs"] == 2
    assert fields["network"]["cell"] == 5
    assert fields["network"]["layers"] == [2]
    start, end = header["cell.input.weight"]["data_offsets"]
    weight = np.frombuffer(data[8 + size :][start:end], "<f4").reshape(20, 2)
    np.testing.assert_array_equal(weight, given.network.cell.input.weight)


def test_arrays_are_written_as_they_read_and_not_as_they_lie_in_memory(path: Path):
    backwards = RULES["linear"].network.layers[0].weight[::-1].T
    given = rule(Network((Dense(backwards, np.zeros(2)),)))
    save_rule(given, path)
    np.testing.assert_array_equal(load_rule(path).network.layers[0].weight, backwards)


@pytest.mark.parametrize(
    ("module", "function"), [(Path, "write_bytes"), (os, "fsync"), (os, "replace")]
)
def test_a_write_that_fails_leaves_the_file_that_was_there(
    module, function, path: Path, monkeypatch
):
    save_rule(RULES["linear"], path)
    good = path.read_bytes()

    def fail(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr(module, function, fail)
    with pytest.raises(OSError, match="disk full"):
        save_rule(RULES["tanh"], path)
    monkeypatch.undo()
    assert path.read_bytes() == good
    assert os.listdir(path.parent) == [path.name]


LARGE = Dense(np.zeros((2**23 + 1, 2), np.float32), np.zeros(1, np.float32))


@dataclass(frozen=True)
class Reversed(Velocity):
    """An action of somebody's own, which a file cannot name."""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"about": {"weights": np.inf}}, "not JSON compliant"),
        ({"about": {1: "one"}}, "texts as keys"),
        ({"about": {"made": object()}}, "no JSON form"),
        ({"action": Reversed()}, "library's own classes"),
        ({"clip": np.inf}, "not JSON compliant"),
        ({"mean": np.array([np.nan, 0.0])}, "'mean' has numbers that are not finite"),
        ({"std": np.ones(2, np.float16)}, "'std' is of type 'F16'"),
        ({"network": Network((dense(2, 2),) * 17)}, "1 to 16 layers"),
        ({"network": Network((dense(2, 2), LARGE))}, "at most 67108864 are read"),
        ({"network": Network((dense(2, 2),), "gelu")}, "activation 'gelu' is not known"),
    ],
)
def test_a_rule_that_could_not_be_read_again_is_not_written(changes, message, path: Path):
    with pytest.raises(ArtifactError, match=message):
        save_rule(replace(RULES["linear"], **changes), path)
    assert not path.exists()


def test_a_path_without_the_suffix_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        save_rule(RULES["linear"], tmp_path / "rule.zip")


@pytest.fixture
def library(tmp_path: Path, monkeypatch) -> Path:
    """A library with one rule, and another rule outside it."""
    folder = tmp_path / "library"
    folder.mkdir()
    save_rule(RULES["tanh"], folder / "long-horizon.safetensors")
    save_rule(RULES["relu"], tmp_path / "secret.safetensors")
    (folder / "README.md").write_text("no rule")
    monkeypatch.setattr(store, "_library", lambda: folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_shipped_rule_is_loaded_by_name(library: Path):
    assert shipped_rules() == ("long-horizon",)
    np.testing.assert_array_equal(actions(load_rule("long-horizon")), actions(RULES["tanh"]))


def test_an_unknown_name_gets_the_nearest(library: Path):
    with pytest.raises(ArtifactError, match=r"'long-horizon'\. Did you mean 'long-horizon'"):
        load_rule("long_horizon")


@pytest.mark.parametrize(
    "name",
    ["../secret", "library/../secret", "..\\secret", "C:secret", "secret\0", "secret", "", "."],
)
def test_no_name_leaves_the_library(name: str, library: Path):
    with pytest.raises(ArtifactError):
        load_rule(name)


def test_a_path_is_a_path(library: Path):
    for path in ("secret.safetensors", "./secret.safetensors", Path("secret.safetensors")):
        np.testing.assert_array_equal(actions(load_rule(path)), actions(RULES["relu"]))
    shutil.copy("secret.safetensors", "secret")
    np.testing.assert_array_equal(actions(load_rule("./secret")), actions(RULES["relu"]))


def test_every_rule_that_is_shipped_can_be_loaded():
    for name in shipped_rules():
        assert np.isfinite(actions(load_rule(name))).all(), name


def test_the_command_line_shows_and_checks(library: Path, capsys):
    assert main(["show", "long-horizon"]) == 0
    shown = capsys.readouterr().out
    assert '"kind": "velocity"' in shown
    assert "3 -> 8 -> 8 -> 3, tanh" in shown
    assert main(["check", "secret.safetensors"]) == 0
    assert capsys.readouterr().out == "'secret.safetensors' is sound.\n"


def test_the_command_line_says_in_one_line_what_is_wrong(library: Path, capsys):
    Path("bad.safetensors").write_bytes(b"\x80\x04\n.")
    assert main(["check", "bad.safetensors"]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert "'bad.safetensors' is refused" in error


def test_texts_of_a_file_cannot_steer_the_terminal(library: Path, capsys):
    save_rule(replace(RULES["linear"], about={"\x1b[2J": "\x1b]0;\x07"}), "a.safetensors")
    assert main(["show", "a.safetensors"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_belief_is_shown_with_its_problem(library: Path, capsys):
    save_rule(RULES["belief"], "belief.safetensors")
    assert main(["show", "belief.safetensors"]) == 0
    assert '"hazard": 0.1' in capsys.readouterr().out


def test_a_rule_in_the_frame_of_a_belief_is_shown_with_its_problem(library: Path, capsys):
    save_rule(RULES["framed belief"], "framed.safetensors")
    assert main(["show", "framed.safetensors"]) == 0
    shown = capsys.readouterr().out
    assert "of the likeliest Hessian" in shown
    assert '"rotated": true' in shown


def test_safetensors_itself_reads_the_arrays(path: Path):
    save_rule(RULES["relu"], path)
    read = safetensors.load_file(path)
    assert set(read) == {
        "mean",
        "std",
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
        "layers.1.bias",
    }


def test_a_rule_needs_the_lowest_version_of_the_format_that_has_all_that_it_is(path: Path):
    versions = {}
    for kind in ("linear", "framed", "framed relative"):
        save_rule(RULES[kind], path)
        data = path.read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        fields = json.loads(header["__metadata__"]["rule"])
        versions[kind] = (fields["version"], fields.get("framed"), fields.get("relative"))
    assert versions == {
        "linear": (1, None, None),
        "framed": (2, True, None),
        "framed relative": (3, True, True),
    }
