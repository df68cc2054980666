"""Commands that are stopped: by Ctrl-C, a full disk, a missing package, or a reader who left."""

import errno
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest

import agents.__main__ as agents_command
import baselines.__main__ as baselines_command
import train_agent
from agents import logs
from baselines import comparison
from landscape_gym.extras import EXTRAS, lacking, require
from landscape_gym.files import write_whole
from landscape_gym.program import sentence
from tests.commands.commands import COMMANDS

ROOT = Path(__file__).parents[2]
SMALL = ["--no-progress", "--episodes", "8", "--settings"]
SMALL += ['{"timesteps": 2048, "num_envs": 16, "n_steps": 16, "batch_size": 128}']
SWEEP = ["sweep", "--out", "swept", "--regimes", "geometry", "--policies", "adam", "--no-progress"]
SWEEP += ["--blocks", "2", "--episodes", "2"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- Ctrl-C -------------------------------------------------------------------------------------

INTERRUPTED = [
    ("train_agent.py", [*SMALL, "--out", "run"], "agents.run:train", "--resume run goes on."),
    ("train_agent.py", [*SMALL, "--out", "run"], "agents.run:compare", "--resume run goes on."),
    (
        "train_agent.py",
        [*SMALL, "--seeds", "2", "--out", "run"],
        "agents.run:train",
        "--resume run goes on.",
    ),
    (
        "python -m agents",
        ["--names", "geometry", "--folder", "runs", "--no-progress"],
        "agents.run:train",
        "The same command goes on.",
    ),
    (
        "train_agent.py",
        ["--regime", "small-networks", "--no-progress", "--out", "run"],
        "agents.evolution:score",
        "--resume run goes on.",
    ),
    ("baselines", ["--no-progress"], "baselines.comparison:contest", "Nothing was written."),
    ("landscape-gym", ["report", "run"], "landscape_gym.report.run:Run.read", "Nothing was"),
    (
        "python -m baselines.claims",
        [],
        "baselines.claims.__main__:check_and_say",
        "--claim NAME checks one",
    ),
    ("python -m benchmarks", [], "benchmarks.__main__:speed_rows", "Nothing was written."),
    (
        "python -m baselines.networks",
        [],
        "baselines.networks.__main__:Trainings",
        "The same command goes on.",
    ),
    (
        "python -m baselines.continual",
        ["--results", "results.json"],
        "baselines.continual.__main__:fill",
        "The same command goes on.",
    ),
    ("python -m benchmarks.networks_speed", [], "benchmarks.networks_speed:rows", "Nothing was"),
    (
        "python -m benchmarks.rule_optimizer",
        [],
        "benchmarks.rule_optimizer:optimizer_row",
        "Nothing was written.",
    ),
    (
        "python -m benchmarks.executors",
        [],
        "benchmarks.executors:time_sweep",
        "Nothing was written.",
    ),
    ("python -m benchmarks.explorer", [], "benchmarks.explorer:answer", "Nothing was written."),
    ("python -m docs.generate", [], "docs.generate.__main__:generate", "The page is as it was."),
    ("python -m docs.generate.curves", [], "docs.generate.curves:save_curves", "Figures that"),
    ("python -m docs.generate.explorer", [], "docs.generate.explorer:scenes", "The scenes are"),
    ("python -m docs.generate.pages", ["train"], "docs.generate.pages:write", "Pages that"),
    ("python -m docs.generate.train", [], "docs.generate.train:run", "README is as it was."),
]


@pytest.mark.parametrize(("name", "words", "target", "said"), INTERRUPTED)
def test_ctrl_c_is_one_line_that_says_how_to_go_on(
    name: str,
    words: list[str],
    target: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    module, _, path = target.partition(":")
    owner, _, attribute = path.rpartition(".")
    patched = importlib.import_module(module)
    monkeypatch.setattr(getattr(patched, owner) if owner else patched, attribute, interrupt)
    assert COMMANDS[name](words) == 130
    line = capsys.readouterr().err
    assert line.startswith(f"{name}: interrupted. ")
    assert line.count("\n") == 1
    assert said in line


def test_a_sweep_that_is_interrupted_goes_on_and_shows_what_it_has(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupted_after(cells: int):
        def watched(path: Path, content: str | bytes) -> None:
            if len(list(path.parent.glob("*.json"))) == cells:
                raise KeyboardInterrupt
            write_whole(path, content)

        return watched

    for cells in (0, 1, 3):  # nothing at all; of doing nothing alone; with a rule
        with monkeypatch.context() as patched:
            patched.setattr("baselines.sweep.engine.write_whole", interrupted_after(cells))
            assert baselines_command.main(SWEEP) == 130
        line = capsys.readouterr().err
        assert line == "Interrupted: the same command goes on with the other cells.\n"
        assert len(list((place / "swept" / "cells").glob("*.json"))) == cells
        assert (place / "swept" / "tables.md").exists()
    assert baselines_command.main(SWEEP) == 0


@pytest.mark.slow
def test_a_training_that_gets_the_signal_leaves_a_run_that_goes_on(place: Path):
    words = [sys.executable, ROOT / "train_agent.py", "--no-progress", "--out", "run"]
    running = subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        # Shells have what they run in the background ignore the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(place.glob("run/checkpoints/*.checkpoint")) and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    line = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert line == ("train_agent.py: interrupted. python train_agent.py --resume run goes on.\n")


INTERRUPT = """
import os, sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ.get("INTERRUPTED"):
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
"""


def interrupted_at(package: str, words: list[str], place: Path) -> str:
    """What a command says that is interrupted as a package is imported."""
    (place / "site").mkdir()
    (place / "site" / "sitecustomize.py").write_text(INTERRUPT)
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment(place / "site", INTERRUPTED=package),
    )
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([str(ROOT / "train_agent.py")], "train_agent.py: interrupted. Nothing was trained.\n"),
        (["-m", "baselines", "--no-progress"], "baselines: interrupted. Nothing was written.\n"),
        (
            ["-m", "baselines", "sweep", "--out", "new", "--no-progress"],
            "Interrupted: the same command goes on with the other cells.\n",
        ),
        (["-m", "agents"], "interrupted. Nothing was begun.\n"),
        (["-m", "benchmarks"], "interrupted. Nothing was begun.\n"),
        (["-m", "baselines.networks"], "interrupted. Nothing was begun.\n"),
        (["-m", "baselines.claims"], "interrupted. Nothing was begun.\n"),
        (["-m", "docs.generate"], "interrupted. Nothing was begun.\n"),
    ],
)
def test_ctrl_c_while_torch_is_imported_is_one_line(place: Path, words: list[str], said: str):
    assert interrupted_at("torch", words, place).startswith(said)


MODULES = [
    *("agents", "baselines", "baselines.claims", "baselines.continual", "baselines.networks"),
    *("benchmarks", "benchmarks.executors", "benchmarks.networks_speed"),
    "benchmarks.explorer",
    *(
        "benchmarks.rule_optimizer",
        "docs.generate",
        "docs.generate.curves",
        "docs.generate.train",
        "docs.generate.explorer",
    ),
    *("landscape_gym", "landscape_gym.artifact", "tests.ecosystem"),
]
"""Commands by ``python -m``."""


@pytest.mark.parametrize(
    "words",
    [[str(ROOT / "train_agent.py")], *(["-m", name] for name in MODULES)],
    ids=["train_agent.py", *MODULES],
)
def test_ctrl_c_in_the_first_moments_is_one_line(place: Path, words: list[str]):
    """NumPy is the first package that is imported, or tyro where nothing is computed."""
    first = "tyro" if words[-1] in ("landscape_gym", "tests.ecosystem") else "numpy"
    assert interrupted_at(first, words, place) == "interrupted. Nothing was begun.\n"


# ---- disks --------------------------------------------------------------------------------------


def full(path: Path, content: str | bytes) -> None:
    """Write nothing, as on a disk that is full."""

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        write_whole(path, content)


@pytest.mark.parametrize("target", ["agents.checkpoint", "agents.run"])
def test_a_disk_that_fills_during_training_leaves_a_run_that_goes_on_to_the_same_rule(
    place: Path, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fills(path: Path, content: str | bytes) -> None:
        begins = path.name in ("config.json", "000000000000.checkpoint")
        (write_whole if begins else full)(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(sys.modules[target], "write_whole", fills)
        assert train_agent.main([*SMALL, "--out", "run"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    for part in ("No space left on device", "Make room", "--resume run goes on."):
        assert part in line
    assert not list(place.rglob("*.partial*"))
    assert train_agent.main(["--resume", "run", "--no-progress"]) == 0
    assert train_agent.main([*SMALL, "--out", "whole"]) == 0
    resumed, whole = ((place / run / "rule.safetensors").read_bytes() for run in ("run", "whole"))
    assert resumed == whole


def test_a_full_disk_in_a_sweep_keeps_the_cells_that_are_finished(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fills(path: Path, content: str | bytes) -> None:
        (full if path.name.startswith("geometry.adam") else write_whole)(path, content)

    with monkeypatch.context() as patched:
        patched.setattr("baselines.sweep.engine.write_whole", fills)
        assert baselines_command.main(SWEEP) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    for part in ("geometry.adam.0000.json: No space", "Make room", "The same command goes on."):
        assert part in line
    kept = sorted(path.name for path in (place / "swept" / "cells").iterdir())
    assert kept == ["geometry.nothing.0000.json", "geometry.nothing.0001.json"]


def test_tables_are_shown_even_if_they_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "out")

    monkeypatch.setattr(comparison, "write_folder", fail)
    words = ["--regime", "geometry", "--rules", "adam", "--no-tuned", "--episodes", "4"]
    assert baselines_command.main([*words, "--no-progress", "--out", "out"]) == 2
    out, line = capsys.readouterr()
    assert "do nothing" in out
    assert line == "baselines: out: Permission denied. Name a place that you may write to.\n"


def test_no_page_is_written_from_no_runs(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(agents_command, "README", place / "README.md")
    assert agents_command._run(["--write", "--folder", "runs"]) == 2
    assert not (place / "README.md").exists()


def test_a_seed_that_fails_is_a_line_and_the_others_are_trained(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    module = sys.modules["agents.run"]
    compare = module.compare

    def fail_once(*_, **__):
        monkeypatch.setattr(module, "compare", compare)
        raise RuntimeError("no such luck")

    monkeypatch.setattr(module, "compare", fail_once)
    assert train_agent.main([*SMALL, "--seeds", "2", "--out", "run"]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "seed0 failed: RuntimeError: no such luck (traceback: run" in line
    assert line.endswith("python train_agent.py --resume run goes on.\n")
    assert (place / "run" / "seed1" / "results.json").exists()


def test_what_tensorboards_thread_cannot_write_is_told_once():
    told = []

    class Writer(threading.Thread):
        def run(self) -> None:
            raise OSError("disk full")

    class Theirs(Writer):
        __module__ = "tensorboard.summary.writer"

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(threading, "excepthook", lambda failure: told.append(failure.thread))
        with logs.errors_told_once():
            threads = Theirs(), Writer()
            for each in threads:
                each.start()
                each.join()
    assert told == [threads[1]]


def test_errors_of_the_system_say_what_to_do():
    refused = PermissionError(errno.EACCES, "Permission denied", "runs")
    assert sentence(refused) == "runs: Permission denied. Name a place that you may write to."
    assert sentence(OSError("of\nour own")) == "of our own"
    assert "ask for less" in sentence(MemoryError())


# ---- readers who leave, and packages that are missing -------------------------------------------

BLOCK = """
import os, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == os.environ.get("BLOCKED"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def environment(*folders: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    buffered = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "", "PYTHONPATH": path}
    return {**os.environ, **buffered, **more}


@pytest.mark.parametrize("to", ["nobody", "a full disk"])
def test_output_that_cannot_be_written_ends_a_command_quietly(to: str):
    if to == "nobody":
        reader, output = os.pipe()
        os.close(reader)
    else:
        output = os.open("/dev/full", os.O_WRONLY)
    words = [sys.executable, "-m", "landscape_gym.artifact", "check", "geometry"]
    done = subprocess.run(
        words, stdout=output, stderr=subprocess.PIPE, text=True, check=False, env=environment()
    )
    os.close(output)
    said = "python -m landscape_gym.artifact: No space left on device. Make room"
    assert done.returncode == (141 if to == "nobody" else 2)
    assert done.stderr == "" if to == "nobody" else done.stderr.startswith(said)
    assert done.stderr.count("\n") <= 1


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
    (place / "site").mkdir()
    (place / "site" / "sitecustomize.py").write_text(BLOCK)
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment(place / "site", BLOCKED=package),
    )
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
