"""Every command with wrong input: one line that says what to do, and nothing is written."""

import json
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import torch

import landscape_gym.artifact.__main__ as artifact
from landscape_gym.networks import NetworkLandscape
from landscape_gym.optim import RuleOptimizer
from tests.commands.commands import COMMANDS

SWEEP = ["sweep", "--out", "new", "--no-progress"]
EVOLUTION = ["--algo", "evolution", "--settings"]
ONE_RULE = ["--regime", "long-horizon", "--rules", "momentum", "--no-tuned", "--episodes", "4"]

WRONG: list[tuple[str, list[str], list[str]]] = [
    # misspelt
    ("train_agent.py", ["--regime", "long-horizn"], ["'landscape-nav'", "mean 'long-horizon'"]),
    ("train_agent.py", ["--algo", "pppo"], ["'sac'", "mean 'ppo'"]),
    ("train_agent.py", ["--preset", "liner"], ["'mlp'", "mean 'linear'"]),
    ("train_agent.py", ["--problem", '{"gama": 1}'], ["mean 'gamma'"]),
    ("train_agent.py", ["--problem", '{"landscape": "rosenbrok"}'], ["mean 'rosenbrock'"]),
    ("train_agent.py", ["--settings", '{"device": "cuda"}'], ["'device' is not known"]),
    ("baselines", ["swep"], ["'record'", "mean 'sweep'"]),
    ("baselines", ["--regime", "long-horizn"], ["'all'", "mean 'long-horizon'"]),
    ("baselines", ["--rules", "momentm"], ["'adam'", "mean 'momentum'"]),
    ("baselines", ["--learned", "geometri"], ["mean 'geometry'", "path with a slash"]),
    ("baselines", [*SWEEP, "--regimes", "geometri"], ["mean 'geometry'"]),
    ("baselines", [*SWEEP, "--policies", "momentm"], ["mean 'momentum'"]),
    ("baselines", [*SWEEP, "--executor", "jobli"], ["'ray'", "mean 'joblib'"]),
    ("landscape-gym", ["reprot", "run"], ["'reprot'", "mean 'report'"]),
    ("landscape-gym", ["explore", "--prot", "1"], ["'--prot'", "mean '--port'"]),
    ("landscape-gym", ["explore", "--port", "65536"], ["--port is from 0 to 65535, got 65536"]),
    ("python -m benchmarks.explorer", ["--rounds", "0"], ["--rounds must be at least 1, got 0"]),
    ("landscape-gym", ["list", "rues"], ["'regimes'", "mean 'rules'"]),
    ("python -m baselines.claims", ["--claim", "momentm"], ["mean 'momentum'"]),
    ("python -m baselines.claims", ["--quik"], ["'--quik'", "mean '--quick'"]),
    ("python -m landscape_gym.artifact", ["shw", "geometry"], ["'shw'", "'check'", "mean 'show'"]),
    ("python -m benchmarks", ["--quik"], ["'--quik'", "mean '--quick'"]),
    ("python -m baselines.networks", ["--wite"], ["'--wite'", "mean '--write'"]),
    ("python -m benchmarks.rule_optimizer", ["--rules", "adm"], ["mean 'adam'"]),
    ("python -m docs.generate", ["--pag", "x"], ["'--pag'", "mean '--page'"]),
    ("python -m docs.generate.curves", ["geometri"], ["mean 'geometry'"]),
    ("python -m docs.generate.explorer", ["--pictur"], ["mean '--picture'"]),
    ("python -m docs.generate.pages", ["trian"], ["mean 'train'"]),
    ("baselines", ["record", "--regime", "geometri", "--policy", "adam"], ["mean 'geometry'"]),
    ("baselines", ["record", "--regime", "geometry", "--policy", "adm"], ["mean 'adam'"]),
    ("train_agent.py", ["--regim", "geometry"], ["'--regim'", "mean '--regime'"]),
    ("train_agent.py", ["--regime=long-horison"], ["mean 'long-horizon'"]),
    ("train_agent.py", ["geometry"], ["'geometry' belongs to no option", "--regime"]),
    ("train_agent.py", ["--executor", "jobli"], ["'ray'", "Did you mean 'joblib'"]),
    ("python -m agents", ["--names", "geometri"], ["Did you mean 'geometry'"]),
    ("python -m agents", ["--budget", "quik"], ["'long'", "Did you mean 'quick'"]),
    ("baselines", ["--no-progres"], ["'--no-progres'", "mean '--no-progress'"]),
    ("python -m tests.ecosystem", ["--only", "minar"], ["mean 'minari'"]),
    # in the wrong place
    (
        "baselines",
        ["--no-progress", "sweep"],
        ["'sweep' is a command, and comes first", "python -m baselines sweep"],
    ),
    ("train_agent.py", ["--regime", "digits"], ["'digits'", "learned on small ones", "--learned"]),
    # missing
    ("baselines", ["sweep"], ["Missing from python -m baselines sweep", "--out PATH"]),
    ("train_agent.py", ["--out"], ["Missing value for argument '--out'"]),
    ("baselines", ["record", "--policy", "adam"], ["--regime is missing", "'geometry'"]),
    ("landscape-gym", [], ["{list,train,compare,", "required"]),
    ("python -m landscape_gym.artifact", [], ["FILE_OR_NAME", "required"]),
    ("train_agent.py", ["--resume", "nowhere"], ["nowhere holds no config.json", "of a run"]),
    ("landscape-gym", ["report", "nowhere"], ["nowhere holds no config.json", "finished run"]),
    ("python -m agents", ["--write", "--folder", "full"], ["full holds no run", "train first"]),
    ("python -m docs.generate", ["--page", "no.md"], ["no.md: No such file", "that exists"]),
    # no JSON
    (
        "train_agent.py",
        ["--problem", "{gamma: 1}"],
        ["--problem is a JSON object", "double quotes"],
    ),
    ("train_agent.py", ["--settings", "[1]"], ["--settings is a JSON object", "got [1]"]),
    # numbers
    ("train_agent.py", ["--seed", "one"], ["--seed", "'one'"]),
    ("train_agent.py", ["--seed", "-1"], ["--seed is from 0 to 4294967295, got -1"]),
    ("train_agent.py", ["--seed", str(2**32)], ["--seed is from 0 to 4294967295"]),
    ("train_agent.py", ["--episodes", "0"], ["--episodes is at least 1, got 0"]),
    ("python -m agents", ["--seeds", "0"], ["seeds must be at least 1, got 0"]),
    ("baselines", ["--episodes", "many"], ["--episodes", "'many'"]),
    ("train_agent.py", ["--problem", '{"gamma": NaN}'], ["gamma must be a finite", "got nan"]),
    ("train_agent.py", ["--problem", '{"gamma": -1}'], ["gamma must be a", "at least 0, got -1"]),
    ("train_agent.py", ["--problem", '{"gamma": "a"}'], ["gamma must be a number, got 'a'"]),
    ("train_agent.py", ["--settings", '{"timesteps": 0}'], ["timesteps must be at least 1, got 0"]),
    ("train_agent.py", ["--settings", '{"timesteps": 1e6}'], ["timesteps must be an integer"]),
    ("train_agent.py", ["--settings", '{"batch_size": 1}'], ["batch_size must be at least 2"]),
    ("train_agent.py", ["--settings", '{"learning_rate": -1}'], ["learning_rate", "at least 0"]),
    ("train_agent.py", ["--regime", "small-netwrks"], ["mean 'small-networks'"]),
    ("train_agent.py", [*EVOLUTION, '{"pairs": 1}'], ["pairs must be at least 2, got 1"]),
    ("train_agent.py", [*EVOLUTION, '{"spread": NaN}'], ["spread must be a finite number"]),
    ("train_agent.py", [*EVOLUTION, '{"step": 0}'], ["step must be a finite number above 0"]),
    ("train_agent.py", [*EVOLUTION, '{"pairs": 99999}'], ["at most 1000000", "got 6099939"]),
    ("train_agent.py", ["--settings", '{"layers": 3}'], ["layers must be a list of widths, got 3"]),
    ("train_agent.py", ["--settings", '{"num_envs": 1000000000000}'], ["memory", "ask for less"]),
    ("baselines", ["--episodes", "1"], ["at least 2 episodes"]),
    ("baselines", ["--seed", "5"], ["those of training"]),
    ("baselines", [*SWEEP, "--blocks", "0"], ["blocks must be at least 1, got 0"]),
    ("baselines", [*SWEEP, "--episodes", "-1"], ["episodes must be at least 1, got -1"]),
    ("baselines", [*SWEEP, "--workers", "0"], ["--workers is at least 1, got 0"]),
    (
        "python -m benchmarks.networks_speed",
        ["--rounds", "0"],
        ["--rounds must be at least 1, got 0"],
    ),
    ("python -m benchmarks.rule_optimizer", ["--rounds", "x"], ["--rounds", "'x'"]),
    (
        "python -m benchmarks.rule_optimizer",
        ["--rules", "tanh 0"],
        ["'tanh 0'", "as in 'tanh 8-8'"],
    ),
    (
        "python -m benchmarks.executors",
        ["--repeats", "-1"],
        ["--repeats must be at least 1, got -1"],
    ),
    # folders that hold something, and files where folders have to be
    ("train_agent.py", ["--out", "full"], ["full holds something already", "--out", "--resume"]),
    ("train_agent.py", ["--out", "file"], ["file holds something already"]),
    ("train_agent.py", ["--out", "file/below"], ["file/below: Not a directory", "another place"]),
    ("train_agent.py", ["--resume", "file"], ["file holds no config.json"]),
    ("baselines", ["--out", "full"], ["full holds something already", "--out"]),
    ("baselines", [*ONE_RULE, "--out", "file/below"], ["that is a file", "--out"]),
    ("baselines", ["sweep", "--out", "full"], ["full holds something already", "--out"]),
    ("baselines", ["sweep", "--out", "file/below"], ["that is a file", "--out"]),
    (
        "baselines",
        ["record", "--regime", "geometry", "--policy", "adam", "--format", "csv", "--out", "full"],
        ["full holds something already", "--out"],
    ),
    ("baselines", ["--learned", "./file"], ["'./file' is refused", "safetensors"]),
    ("landscape-gym", ["report", "file"], ["file holds no config.json"]),
    ("python -m baselines.claims", ["--out", "file"], ["file: File exists", "another place"]),
    ("python -m baselines.continual", ["--results", "full"], ["full: Is a directory", "a file"]),
    ("python -m baselines.continual", ["--results", "file"], ["file is damaged", "move it away"]),
    ("python -m baselines.continual", ["--results", "file/x.json"], ["A file is where a folder"]),
    ("python -m docs.generate", ["--page", "full"], ["full: Is a directory", "Name a file"]),
    ("python -m docs.generate", ["--page", "file"], ["file: write <!-- regimes:begin -->"]),
    # what does not go together
    ("baselines", ["--run", "full", "--regime", "geometry"], ["--run brings its own", "leave"]),
    ("python -m baselines.claims", ["--quick", "--write"], ["leave out --quick"]),
]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file and a folder that holds one."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def ids(cases: list[tuple[str, list[str], list[str]]]) -> list[str]:
    return [f"{name.removeprefix('python -m ')} {' '.join(words)}" for name, words, _ in cases]


@pytest.mark.parametrize(("name", "words", "said"), WRONG, ids=ids(WRONG))
def test_wrong_input_is_one_line_and_nothing_is_written(
    name: str, words: list[str], said: list[str], place: Path, capsys: pytest.CaptureFixture[str]
):
    before = contents(place)
    assert COMMANDS[name](words) == 2
    out, line = capsys.readouterr()
    assert out == ""
    assert line.startswith(f"{name}: ")
    assert line.count("\n") == 1
    for part in said:
        assert part in line
    assert contents(place) == before


@pytest.mark.parametrize("name", ["geometri", "./file", "full/none.safetensors", "./full"])
def test_what_is_no_learned_rule_is_refused_in_one_line(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
):
    assert artifact.main(["check", name]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert name in line
    assert re.search("Did you mean|save_rule", line)


REFUSED: dict[str, Any] = {"regime": "geometry", "policy": "adam", "block": 0, "refused": "for it"}
COMPUTED: dict[str, Any] = {
    "regime": "geometry",
    "policy": "nothing",
    "block": 0,
    "cost": [1.0, 2.0],
    "final_excess": [1.0, 2.0],
    "excess": [1.0] * 201,
    "diverged": 0,
    "minimum_loss": 0.0,
    "privileged": False,
}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("adam", "{", "Expecting property name"),
        ("adam", "", "Expecting value"),
        ("adam", "null", "no mapping, but None"),
        ("adam", "[]", "no mapping, but []"),
        ("adam", "{}", "lacks block, policy, regime"),
        ("adam", json.dumps({**REFUSED, "regime": "long-horizon"}), "it is of long-horizon.adam.0"),
        ("adam", json.dumps({**REFUSED, "policy": "adm"}), "Did you mean 'adam'"),
        ("adam", json.dumps({**REFUSED, "block": "0"}), "block must be an integer"),
        ("adam", json.dumps({**REFUSED, "refused": None}), "refused is no sentence"),
        ("nothing", json.dumps({**COMPUTED, "cost": [1.0, float("nan")]}), "cost must be finite"),
        ("nothing", json.dumps({**COMPUTED, "cost": [1.0]}), "a vector of 2 numbers"),
        ("nothing", json.dumps({**COMPUTED, "excess": [1.0]}), "a vector of 201 numbers"),
        ("nothing", json.dumps({**COMPUTED, "final_excess": 1.0}), "final_excess is no list"),
        ("nothing", json.dumps({**COMPUTED, "diverged": 3}), "diverged is more than 2"),
        (
            "nothing",
            json.dumps({**COMPUTED, "minimum_loss": None}),
            "minimum_loss must be a number",
        ),
        ("nothing", json.dumps({**COMPUTED, "privileged": 0}), "privileged is neither"),
    ],
)
def test_a_sweep_says_which_file_is_no_result_and_computes_it_again_when_asked(
    name: str, content: str, said: str, place: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["sweep", "--no-progress", "--regimes", "geometry", "--policies", "adam", "--out"]
    words += ["new", "--blocks", "1", "--episodes", "2"]
    assert COMMANDS["baselines"](words) == 0
    path = place / "new" / "cells" / f"geometry.{name}.0000.json"
    sound = path.read_text()
    path.write_text(content)
    before = contents(place)
    capsys.readouterr()
    assert COMMANDS["baselines"](words) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    for part in (f"{path.name} is damaged, or no result", said, "delete it", "--again does both"):
        assert part in line
    assert contents(place) == before
    assert COMMANDS["baselines"]([*words, "--again"]) == 0
    assert path.read_text() == sound
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f"Computed again: new/cells/{path.name}" in line


def test_a_folder_and_a_strangers_file_among_the_cells_are_named(
    place: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["sweep", "--no-progress", "--regimes", "geometry", "--policies", "adam", "--out"]
    words += ["new", "--blocks", "1", "--episodes", "2"]
    cells = place / "new" / "cells"
    assert COMMANDS["baselines"](words) == 0
    (cells / "geometry.adam.0000.json").unlink()
    (cells / "geometry.adam.0000.json").mkdir()
    capsys.readouterr()
    assert COMMANDS["baselines"]([*words, "--again"]) == 2
    assert "geometry.adam.0000.json is damaged, or no result of its cell (Is a directory)" in (
        capsys.readouterr().err
    )
    (cells / "geometry.adam.0000.json").rmdir()
    (cells / "mine.json").write_text('{"a": 1}')
    assert COMMANDS["baselines"](words) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "mine.json is damaged, or no result of its cell (it lacks block, policy" in line
    (cells / "mine.json").unlink()
    assert COMMANDS["baselines"](words) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "LandscapeNav/LongHorizn-v0"}, "Did you mean: `LongHorizon`"),
        ({"id": "LandscapeNav-v7"}, "`v0`"),
        ({"regime": "long-horizn"}, "Did you mean 'long-horizon'"),
        ({"gama": 1}, "Did you mean 'gamma'"),
        ({"gamma": float("nan")}, "gamma must be a finite number"),
        ({"landscape": "rosenbrok"}, "Did you mean 'rosenbrock'"),
        ({"observation": ["gradent"]}, "Did you mean 'gradient'"),
        ({"action": "velocty"}, "Did you mean 'velocity'"),
        ({"landscape": {"kind": "quadratic", "dim": 0}}, "dim must be at least 1, got 0"),
        ({"episode_steps": 1.5}, "episode_steps must be an integer, got 1.5"),
    ],
)
def test_gym_make_says_what_is_accepted(changes: dict, said: str):
    arguments = {"id": "LandscapeNav-v0", **changes}
    with pytest.raises((gym.error.Error, ValueError, TypeError), match=said) as refused:
        gym.make(**arguments)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("device", ["cud", "meta", "cuda:99"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(device: str):
    x = torch.linspace(-1, 1, 8)[:, None]
    landscape = NetworkLandscape(data=(x, x), device=device)
    with pytest.raises(ValueError, match=rf"device '{device}' cannot be used.*'cpu'") as refused:
        gym.make("LandscapeNav-v0", landscape=landscape, noise=None, observation="gradient")
    assert "\n" not in str(refused.value)


def test_an_optimizer_says_which_rule_is_nearest():
    with pytest.raises(ValueError, match="Did you mean 'adam'"):
        RuleOptimizer([torch.nn.Parameter(torch.zeros(2))], "adm")
