"""Sweeps: the same result wherever cells are computed, and however often one is stopped."""

import csv
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from baselines.sweep import Workers, sweep
from baselines.sweep.cell import Cell, cells, run_one
from baselines.sweep.command import Options, main
from baselines.sweep.engine import results
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
    for leftover in folder.glob("cells/*.partial-*"):
        leftover.unlink()
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
