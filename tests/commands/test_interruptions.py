"""Commands that are stopped by Ctrl-C."""

import importlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import baselines.__main__ as baselines_command
from landscape_gym.files import write_whole
from tests.commands.commands import COMMANDS, ROOT, SMALL, SWEEP, customised, environment

pytestmark = pytest.mark.usefixtures("place")


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
        [
            "--regime",
            "small-networks",
            "--problem",
            '{"episode_steps": 5}',
            *SMALL[:3],
            "--out",
            "run",
        ],
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
    done = customised(INTERRUPT, words, place, INTERRUPTED=package)
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
