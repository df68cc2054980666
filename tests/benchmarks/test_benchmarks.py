"""The benchmark's table, and the place it takes on its page."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import benchmarks.__main__ as main
from baselines.pages import between_markers, write_between_markers
from baselines.timing import Row, table_of, time_row
from benchmarks.control import BATCH, environments, episode_job
from landscape_gym.control import LQGPolicy
from landscape_gym.registration import REGIMES

BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def test_the_table_replaces_what_stood_between_the_markers():
    text = f"before\n{BEGIN}\nold\n{END}\nafter"
    table = table_of([Row("what", "1.00", ">= 1", "3 steps/s")])
    replaced = between_markers(text, table, main.NAME)
    assert replaced.startswith("before\n")
    assert replaced.endswith("\nafter")
    last = [cell.strip() for cell in table.splitlines()[-1].strip("|").split("|")]
    assert last == ["what", "1.00", ">= 1", "3 steps/s"]
    assert len({len(line) for line in table.splitlines()}) == 1, "the columns do not line up"
    assert f"{BEGIN}\n{table}\n{END}" in replaced
    assert "old" not in replaced


@pytest.mark.parametrize("text", ["no markers", BEGIN, END, f"{END}\n{BEGIN}", BEGIN * 2 + END])
def test_markers_that_are_not_a_pair_are_refused(text):
    with pytest.raises(ValueError, match="benchmarks:begin"):
        between_markers(text, "table", "benchmarks")


def test_a_time_is_that_of_the_rounds_and_its_figures_those_of_the_result():
    calls: list[int] = []
    row = time_row("what", "< 1 s", lambda: calls.append(0), 3, lambda result: f"{result}")
    assert len(calls) == 4, "one run does not count"
    assert (row.what, row.target, row.figures) == ("what", "< 1 s", "None")
    assert " s [" in row.ratio


def test_the_job_of_a_policy_is_one_episode_of_every_environment():
    policy = LQGPolicy(REGIMES["noisy-gradient"].problem)
    envs = environments("noisy-gradient", policy)
    job, steps = episode_job(envs, policy)
    before = envs.simulation.state.theta.copy()
    job()
    assert steps == BATCH * policy.problem.steps
    assert (envs.simulation.state.learner.elapsed == 0).all(), (
        "the last step begins the next episode"
    )
    assert not np.array_equal(envs.simulation.state.theta, before)


def test_writing_replaces_the_file_whole_and_leaves_no_other(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text(f"a\n{BEGIN}\nold\n{END}\nb")
    monkeypatch.setattr(main, "PAGE", readme)
    write_between_markers(main.PAGE, {main.NAME: "new"})
    assert readme.read_text() == f"a\n{BEGIN}\nnew\n{END}\nb"
    assert list(tmp_path.iterdir()) == [readme]


@pytest.mark.parametrize("text", [None, "no markers"])
def test_a_readme_without_place_is_refused_before_anything_is_measured(
    tmp_path, monkeypatch, capsys, text
):
    readme = tmp_path / "README.md"
    if text is not None:
        readme.write_text(text)
    monkeypatch.setattr(main, "PAGE", readme)
    monkeypatch.setattr(main, "speed_rows", lambda *_: pytest.fail("measured"))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--write"])
    assert main.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"python -m benchmarks: .*README\.md: ", line)


@pytest.mark.slow
def test_the_quick_benchmark_prints_every_row():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len([line for line in done.stdout.splitlines() if line.startswith("|")]) == 20
