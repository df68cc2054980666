"""The command that judges rules: which it finds, in which episodes, and what it says of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import agents.__main__ as command
from agents import judge
from agents.run import RULE_FILE, TRAINING_FILE
from landscape_gym import REGIMES, load_rule
from landscape_gym.artifact import save_rule
from landscape_gym.control import optimum
from landscape_gym.evaluation import DO_NOTHING, compare, rollout
from landscape_gym.policy import DoNothing

PROBLEM = REGIMES["long-horizon"].problem
RULE = load_rule("long-horizon")


def told(words: list[str], capsys) -> list[list[str]]:
    """The cells of the table that the command prints, and the lines after it."""
    assert command._run(["judge", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_it_says_what_a_comparison_says_of_the_same_episodes(capsys):
    few = ["--regime", "long-horizon", "--episodes", "32", "--first-seed", "9000000"]
    lines = told(["long-horizon", *few], capsys)
    assert lines[0] == ["long-horizon: 32 episodes from seed 9000000."]
    assert lines[1] == list(judge.HEAD)
    rows = {line[0]: line[1:] for line in lines[3:-1]}
    policies = {"long-horizon": RULE, "optimum": optimum(PROBLEM).policy}
    found = compare(PROBLEM, policies, episodes=32, seed=9_000_000, optimum="optimum")
    learned = found["long-horizon"]
    assert learned.ratio is not None
    assert rows["long-horizon"][0] == f"{learned.cost:.5g}"
    value, half = map(float, rows["long-horizon"][1].split(" +- "))
    assert value == pytest.approx(learned.ratio.value, abs=1e-4)
    assert half == pytest.approx((learned.ratio.high - learned.ratio.low) / 2, rel=0.3, abs=1e-4)
    assert rows[DO_NOTHING][2] == "1.0000"
    costs = [
        rollout(PROBLEM, policy, episodes=32, seed=9_000_000).cost
        for policy in (RULE, DoNothing(PROBLEM.control_dim))
    ]
    assert rows["long-horizon"][3] == f"{(costs[0] / costs[1]).max():.3f}"
    assert float(rows["momentum, derived"][2]) < 1
    single = costs[0] / rollout(PROBLEM, policies["optimum"], episodes=32, seed=9_000_000).cost
    said = f"mean {single.mean():.4f}, worst {single.max():.3f}."
    assert said in ", ".join(lines[-1])


def test_rules_are_judged_in_other_dimensions_as_well(capsys):
    few = ["--regime", "hidden-curvature", "--episodes", "4", "--no-references"]
    ours, theirs = (
        told(["hidden-curvature", *few, *more], capsys) for more in ([], ["--dim", "3"])
    )
    assert theirs[0] == ["hidden-curvature in 3 dimensions: 4 episodes from seed 8000000."]
    assert ours[3][1] != theirs[3][1]


@pytest.mark.parametrize(
    ("name", "reference"),
    [("learning-speed", judge.OF_LEARNERS), ("drifting-target", "LQG (known curvature) *")],
)
def test_a_learner_is_measured_by_the_optimum_for_its_own_channels(name: str, reference: str):
    regime, nothing = REGIMES[name], DoNothing(REGIMES[name].problem.control_dim)
    best = optimum(regime.problem, regime.observation)
    mine, whole = (
        judge.judged(regime.problem, {"rule": nothing}, episodes=4, first_seed=5, seen=seen)
        for seen in (regime.observation, None)
    )
    assert [verdict.name for verdict in mine] == [DO_NOTHING, "rule", reference]
    assert whole[-1].name == judge.OPTIMUM
    assert mine[-1].cost > whole[-1].cost
    costs = [
        rollout(regime.problem, policy, episodes=4, seed=5).cost
        for policy in (nothing, best.policy)
    ]
    assert mine[1].ratio is not None
    assert mine[1].ratio[0] == pytest.approx(costs[0].mean() / costs[1].mean())


def test_the_exponent_of_a_rule_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    rule = replace(load_rule("hidden-curvature"), about={})
    save_rule(rule, tmp_path / RULE_FILE)
    few = ["--regime", "drifting-target", "--episodes", "2", "--no-references", "--learner"]
    monkeypatch.setattr(judge, "read_exponent", lambda *_, seed: (0.5, seed / 1e9))
    lines = told([str(tmp_path), *few, "--exponent"], capsys)
    assert lines[-1] == [f"Exponent of the curvature: {tmp_path}, 0.500 +- 0.008."]


def test_episodes_are_the_same_however_many_are_run_at_a_time(monkeypatch: pytest.MonkeyPatch):
    whole = judge.run(PROBLEM, RULE, 11, 5)
    monkeypatch.setattr(judge, "CHUNK", 4)
    parts = judge.run(PROBLEM, RULE, 11, 5)
    np.testing.assert_array_equal(whole.cost, parts.cost)
    assert whole.diverged == parts.diverged == 0


def test_runs_and_folders_of_seeds_are_found_and_the_worst_is_told(tmp_path: Path, capsys):
    for seed in (0, 1):
        folder = tmp_path / f"seed{seed}"
        folder.mkdir()
        save_rule(RULE, folder / RULE_FILE)
        took = {"seconds": 9.0, "resumed": False} | ({"processor_seconds": 7.0} if seed else {})
        (folder / TRAINING_FILE).write_text(json.dumps(took))
    few = ["--regime", "long-horizon", "--episodes", "2", "--no-references"]
    lines = told([str(tmp_path), str(tmp_path / "seed0" / RULE_FILE), *few], capsys)
    trained = {line[0]: line[-1] for line in lines[3:-2]}
    first, second = (str(tmp_path / f"seed{seed}") for seed in (0, 1))
    assert trained[second] == "7"
    assert trained[first] == trained[f"{first}/{RULE_FILE}"] == ""
    assert "momentum, derived" not in trained
    assert lines[-1][0].startswith("Worst of 3: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "rule"),
        (["landscape-nv"], "Did you mean 'landscape-nav'"),
        (["empty"], "empty holds no rule.safetensors"),
        (["landscape-nav", "--regime", "lanscape-nav"], "Did you mean 'landscape-nav'"),
        (["landscape-nav", "--episodes", "1"], "episodes must be at least 2, got 1"),
    ],
)
def test_what_cannot_be_judged_is_told_in_a_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    assert command._run(["judge", *words]) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
