"""Sweeps: the same result wherever cells are computed, and however often one is stopped."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from baselines.__main__ import main as baselines_command
from baselines.sweep import Workers, sweep
from baselines.sweep.cell import Cell, cells, run_one
from baselines.sweep.command import Options, main
from baselines.sweep.engine import complaints, results
from baselines.sweep.report import CELLS, standings, write_report
from landscape_gym.evaluation import DO_NOTHING, compare
from landscape_gym.policy import RulePolicy
from landscape_gym.registration import REGIMES
from landscape_gym.rules import GradientDescent

ROOT = Path(__file__).parents[2]
SMALL: dict[str, Any] = {
    "regimes": ("geometry", "double-well"),
    "policies": ("gradient_descent", "momentum", "geometry"),
    "blocks": 2,
    "episodes": 4,
    "progress": False,
}
NUMBERS = {f"n{i}": i for i in range(6)}


def squared(number: int) -> dict[str, Any]:
    return {"square": number**2}


def odd_ones_fail(number: int, mended: bool = False) -> dict[str, Any]:
    if number % 2 and not mended:
        raise RuntimeError(f"{number} is odd")
    return {"half": number / 2}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "serial"
    assert main(Options(folder, **SMALL)) == 0
    return folder


@pytest.mark.parametrize("executor", ["joblib", "ray"])
def test_every_executor_gives_the_same_bytes(serial: Path, tmp_path: Path, executor: str):
    pytest.importorskip(executor)
    assert main(Options(tmp_path / "other", **SMALL, executor=executor)) == 0  # type: ignore[arg-type]
    assert contents(tmp_path / "other") == contents(serial)


def test_a_cell_is_the_episodes_that_compare_runs():
    cell = Cell("geometry", "gradient_descent", block=2, episodes=4)
    problem = REGIMES["geometry"].problem
    rule = RulePolicy(GradientDescent.derive(problem))
    expected = compare(problem, {"rule": rule}, episodes=4, seed=1_000_008)["rule"]
    assert sum(run_one(cell)["cost"]) / 4 == pytest.approx(expected.cost, rel=1e-12)


def test_the_table_says_what_was_computed_and_what_was_refused(serial: Path):
    lines = list(csv.DictReader((serial / "cells.csv").read_text().splitlines()))
    assert len(lines) == 2 * 5 * 2  # regimes, policies with nothing and the optimum, blocks
    refused = {(line["regime"], line["policy"]) for line in lines if line["refused"]}
    assert refused == {("geometry", "momentum"), ("double-well", "momentum")}
    text = (serial / "tables.md").read_text()
    assert "## double-well" in text
    assert "8 episodes" in text
    assert "- Without momentum: " in text
    assert "learned: geometry" in text


def test_cells_that_are_finished_are_not_computed_again(tmp_path: Path):
    first = sweep(dict(list(NUMBERS.items())[:4]), squared, tmp_path, Workers())
    second = sweep(NUMBERS, squared, tmp_path, Workers())
    assert (first.computed, first.skipped) == (4, 0)
    assert (second.computed, second.skipped) == (2, 4)
    assert json.loads((tmp_path / "n5.json").read_text()) == {"square": 25}


def test_a_half_written_file_is_no_result(tmp_path: Path):
    (tmp_path / "n3.partial-99.json").write_text('{"square"')
    assert sweep(NUMBERS, squared, tmp_path, Workers()).computed == 6
    assert [each["square"] for each in results(tmp_path)] == [i**2 for i in range(6)]


@pytest.mark.parametrize("executor", ["serial", "joblib"])
def test_a_cell_that_fails_keeps_no_other_from_being_computed(tmp_path: Path, executor: str):
    swept = sweep(NUMBERS, odd_ones_fail, tmp_path, Workers(executor))
    assert (swept.computed, set(swept.failed)) == (3, {"n1", "n3", "n5"})
    assert "RuntimeError: 3 is odd" in swept.failed["n3"]
    assert (tmp_path / "n3.error.txt").read_text() == swept.failed["n3"]
    again = sweep(NUMBERS, partial(odd_ones_fail, mended=True), tmp_path, Workers(executor))
    assert (again.computed, again.skipped, again.failed) == (3, 3, {})
    assert not list(tmp_path.glob("*.error.txt"))


def deadly_ones(number: int, folder: Path) -> dict[str, Any]:
    """The third ends its process whenever it is tried, the second the first time."""
    once = folder / "tried"
    if number == 3 or (number == 2 and not once.exists()):
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": number**2}


@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
def test_a_worker_that_is_killed_costs_no_cell_but_the_one_that_kills_it(tmp_path: Path):
    swept = sweep(NUMBERS, partial(deadly_ones, folder=tmp_path), tmp_path, Workers("joblib"))
    assert (swept.computed, list(swept.failed)) == (5, ["n3"])
    assert "its process was ended twice" in swept.failed["n3"]
    (line,) = complaints(swept.failed, tmp_path)
    assert line.startswith("n3 failed: its process was ended twice")
    assert [each["square"] for each in results(tmp_path)] == [0, 1, 4, 16, 25]


class FakeRay(ModuleType):
    """As much of Ray as the executor asks of it; the fourth task meets an end."""

    class exceptions:
        RayError = type("RayError", (Exception,), {})
        WorkerCrashedError = type("WorkerCrashedError", (RayError,), {})
        OutOfMemoryError = type("OutOfMemoryError", (RayError,), {})

    def __init__(self, end: str) -> None:
        super().__init__("ray")
        self.end, self.down = end, False

    def is_initialized(self) -> bool:
        return False

    def init(self, **how: Any) -> None:
        assert how["num_cpus"] == 2

    def shutdown(self) -> None:
        self.down = True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, function: Any) -> Any:
        return SimpleNamespace(remote=lambda *given: (function, given))

    def wait(self, running: list[Any]) -> tuple[list[Any], list[Any]]:
        return running[:1], running[1:]

    def get(self, task: Any) -> Any:
        function, given = task
        if given[1][0] == "n3":
            raise getattr(self.exceptions, self.end)("The node\nhas died, in many lines.")
        return function(*given)


def test_a_ray_worker_that_dies_costs_its_cell_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", ray := FakeRay("WorkerCrashedError"))
    swept = sweep(NUMBERS, squared, tmp_path, Workers("ray"))
    assert (swept.computed, list(swept.failed), ray.down) == (5, ["n3"], True)


def test_a_ray_cluster_that_dies_is_one_line_and_what_was_computed_stays(
    tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "ray", ray := FakeRay("RayError"))
    with pytest.raises(OSError, match=r"the Ray cluster has gone \(The node\): start it again"):
        sweep(NUMBERS, squared, tmp_path, Workers("ray"))
    assert ray.down
    assert [each["square"] for each in results(tmp_path)] == [0, 1, 4]

    def broken(*_: Any) -> None:
        raise ray.exceptions.RayError("The node\nhas died, in many lines.")

    ray.get = broken  # type: ignore[method-assign]
    words = ["sweep", "--out", str(tmp_path / "new"), "--regimes", "geometry", "--no-progress"]
    status = baselines_command([*words, "--policies", "adam", "--blocks", "1", "--executor", "ray"])
    said = capsys.readouterr().err
    assert (status, said.count("\n")) == (2, 1), said
    assert "start it again. The same command goes on." in said


def test_what_is_interrupted_keeps_a_fair_table(tmp_path: Path):
    todo = cells(["geometry"], ["gradient_descent"], 3, episodes=4)
    ended: list[str] = []

    def interrupt(name: str) -> None:
        ended.append(name)
        if len(ended) == 5:  # nothing: 3 blocks; gradient descent: 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(todo, run_one, tmp_path / CELLS, Workers(), interrupt)
    write_report(tmp_path)
    done = [json.loads(path.read_text()) for path in (tmp_path / CELLS).glob("*.json")]
    (standing,) = standings(done)
    assert standing.comparison.episodes == 8  # of the two blocks that both have
    assert [result.name for result in standing.comparison.results] == [
        DO_NOTHING,
        "gradient descent",
    ]


def test_a_sweep_that_was_killed_goes_on_to_the_same_bytes(serial: Path, tmp_path: Path):
    folder = tmp_path / "killed"
    words = [sys.executable, "-m", "baselines", "sweep", "--out", str(folder), "--no-progress"]
    words += ["--regimes", *SMALL["regimes"], "--policies", *SMALL["policies"]]
    words += ["--blocks", "2", "--episodes", "4"]
    running = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    while not list(folder.glob("cells/*.json")) and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("cells/*.json")}
    assert 0 < len(before) < 20
    assert main(Options(folder, **SMALL)) == 0
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("cells/*.json")}
    assert {name: after[name] for name in before if "partial" not in name}.items() <= before.items()
    assert contents(folder) == contents(serial)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"regimes": ("geometri",)}, "geometry"),
        ({"policies": ("adamm",)}, "adam"),
        ({"workers": 0}, "at least 1"),
        ({"episodes": 0}, "episodes"),
        ({"seed": 3}, "training"),
        ({"executor": "slurm"}, "joblib"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(
    tmp_path: Path, wrong: dict[str, Any], complaint: str
):
    with pytest.raises(ValueError, match=complaint):
        main(Options(tmp_path / "new", **{**SMALL, **wrong}))
    assert not (tmp_path / "new").exists()


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path):
    words = ["sweep", "--out", str(tmp_path / "new"), "--regimes", "geometri"]
    done = subprocess.run(
        [sys.executable, "-m", "baselines", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("baselines: regime 'geometri' is not known")
    assert done.stderr.count("\n") == 1


def test_the_folder_of_another_sweep_is_refused(serial: Path):
    with pytest.raises(ValueError, match="another folder"):
        main(Options(serial, **{**SMALL, "episodes": 8}))
