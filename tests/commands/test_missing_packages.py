"""Commands whose packages are not installed: a line that names the extra."""

import sys
import tomllib
from pathlib import Path

import pytest

import baselines.__main__ as baselines_command
from landscape_gym.extras import EXTRAS, lacking, require
from landscape_gym.program import sentence
from tests.commands.commands import COMMANDS, ROOT, SWEEP, customised

pytestmark = pytest.mark.usefixtures("place")


BLOCK = """
import os, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == os.environ.get("BLOCKED"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("tyro", [str(ROOT / "train_agent.py")]),
        ("stable_baselines3", ["-m", "agents"]),
        ("rich", ["-m", "baselines"]),
        ("matplotlib", ["-m", "baselines.claims"]),
        ("matplotlib", ["-m", "landscape_gym", "report", "run"]),
        ("tyro", ["-m", "landscape_gym", "report", "run"]),
        ("dash", ["-m", "landscape_gym", "explore"]),
        ("tyro", ["-m", "landscape_gym.artifact", "show", "geometry"]),
    ],
)
def test_a_missing_package_is_one_line_with_the_extra(place: Path, package: str, words: list[str]):
    done = customised(BLOCK, words, place, BLOCKED=package)
    assert done.returncode == 2
    assert done.stderr == (
        f"the package {package!r} is missing: pip install 'landscape-gym[{EXTRAS[package]}]'.\n"
    )


@pytest.mark.parametrize(
    ("name", "words", "extra"),
    [
        ("baselines", [*SWEEP, "--executor", "ray"], "ray"),
        ("baselines", [*SWEEP, "--executor", "joblib"], "agents"),
        ("train_agent.py", ["--seeds", "2", "--out", "run", "--executor", "ray"], "ray"),
    ],
)
def test_what_a_choice_needs_is_missed_before_anything_is_written(
    name: str,
    words: list[str],
    extra: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    for package in ("ray", "joblib"):
        monkeypatch.setitem(sys.modules, package, None)
    assert COMMANDS[name](words) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f"pip install 'landscape-gym[{extra}]'" in line
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("baselines", ["sweep", "--out", "new", "--no-progress"]),
        ("baselines", ["--out", "new", "--no-progress"]),
        (
            "baselines",
            [
                *("record", "--regime", "logistic-regression", "--policy", "adam"),
                *("--format", "csv", "--out", "new"),
            ],
        ),
        ("train_agent.py", ["--regime", "logistic-regression", "--out", "new"]),
    ],
)
def test_data_that_are_not_installed_are_missed_before_anything_starts(
    name: str,
    words: list[str],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert COMMANDS[name](words) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "'sklearn' is missing: pip install 'landscape-gym[data]'. For the data of" in line
    assert "logistic-regression" in line
    assert not list(place.iterdir())


def test_a_sweep_without_the_regime_goes_without_its_data(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert baselines_command.main(SWEEP) == 0


def test_all_that_is_missing_is_told_at_once(monkeypatch: pytest.MonkeyPatch):
    for package in ("matplotlib", "sklearn"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError) as missing:
        require(["numpy", "sklearn", "matplotlib"], "For pictures.")
    assert sentence(missing.value) == (
        "the packages 'sklearn', 'matplotlib' are missing: "
        "pip install 'landscape-gym[data,plots]'. For pictures."
    )


def test_extras_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    distributions = {"sklearn": "scikit-learn", "pygame": "pygame-ce", "PIL": "matplotlib"}
    distributions |= {"h5py": "minari"}
    for package, extra in EXTRAS.items():
        name = distributions.get(package, package.replace("_", "-"))
        required = project["optional-dependencies"][extra]
        assert any(each.startswith(name) for each in required), package
    assert lacking(ModuleNotFoundError(name="landscape_gym.nothing")) is None
