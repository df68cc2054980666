"""The results page: what it says of trained rules is what they do, and nothing is trained twice."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents import results
from agents.__main__ import Options, main
from agents.experiments import BUDGETS, Experiment
from landscape_gym import REGIMES
from landscape_gym.artifact import load_rule
from landscape_gym.control import optimum
from landscape_gym.evaluation import rollout
from landscape_gym.policy import DoNothing, Policy

SHORT = {"timesteps": 2048, "num_envs": 16, "batch_size": 128}
EXPERIMENTS = (
    Experiment(
        "plain", "plain rule", "long-horizon", "linear", settings=SHORT, bar=1.5, extra="gains",
        ships=True,
    ),
    Experiment(
        "resets", "resets", "task-switching", "resets", settings=SHORT, extra="reset weight"
    ),
)  # fmt: skip


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for runs, page and library, with two small experiments instead of the real ones."""
    monkeypatch.setitem(BUDGETS, "quick", EXPERIMENTS)
    monkeypatch.setitem(BUDGETS, "long", ())
    monkeypatch.setattr("agents.__main__.README", tmp_path / "README.md")
    monkeypatch.setattr("agents.__main__.LIBRARY", tmp_path / "library")
    monkeypatch.setattr(results, "EPISODES", 32)
    return tmp_path


def test_experiments_are_trained_once_judged_and_shipped(there: Path, capsys):
    options = Options(seeds=2, folder=there / "runs", progress=False)
    main(options)
    rules = sorted((there / "runs").rglob("rule.safetensors"))
    assert [str(path.parent.relative_to(there / "runs")) for path in rules] == [
        "quick/plain/seed0",
        "quick/plain/seed1",
        "quick/resets/seed0",
        "quick/resets/seed1",
    ]
    before = [path.stat().st_mtime_ns for path in rules]
    main(options)
    assert [path.stat().st_mtime_ns for path in rules] == before
    capsys.readouterr()

    main(replace(options, write=True))
    page = (there / "README.md").read_text()
    problem = REGIMES["long-horizon"].problem
    best = rollout(problem, optimum(problem).policy, episodes=32, seed=results.FRESH_SEED).cost
    ratios = [
        rollout(problem, load_rule(path), episodes=32, seed=results.FRESH_SEED).cost.mean()
        / best.mean()
        for path in rules[:2]
    ]
    each = ", ".join(f"{ratio:.4f}" for ratio in ratios)
    assert re.search(re.escape(f"{max(ratios):.4f} ({each})") + r" *\| <= 1.5 *\|", page)
    assert capsys.readouterr().out.startswith(f"quick plain: {each}\n")
    assert "largest error of a reset weight" in page
    assert "--preset resets --seed 0 --settings" in page
    assert "--seeds 2" in page
    shipped = load_rule(there / "library" / "plain.safetensors")
    seen = np.ones((1, 2))
    np.testing.assert_array_equal(shipped.predict(seen)[0], load_rule(rules[0]).predict(seen)[0])
    assert not (there / "library" / "resets.safetensors").exists()


def test_an_experiment_whose_runs_are_gone_keeps_its_line(there: Path):
    options = Options(seeds=1, folder=there / "runs", progress=False)
    main(options)
    main(replace(options, write=True))
    before = (there / "README.md").read_text()
    shutil.rmtree(there / "runs" / "quick" / "plain")
    main(replace(options, write=True))
    assert (there / "README.md").read_text() == before
    shutil.rmtree(there / "runs" / "quick" / "resets")
    with pytest.raises(FileNotFoundError):
        main(replace(options, write=True))
    assert (there / "README.md").read_text() == before


def test_an_experiment_that_is_not_known_is_refused(there: Path):
    with pytest.raises(ValueError, match="Did you mean 'plain'"):
        main(Options(names=("plan",), folder=there))


def test_the_real_experiments_can_be_configured():
    for budget in BUDGETS.values():
        names = [experiment.name for experiment in budget]
        assert len(set(names)) == len(names)
        for experiment in budget:
            config = experiment.config(0)
            problem = config.configured().problem
            assert config.training().steps(problem) >= 400_000
            assert config.configured().problem.dim >= 2


class Weaker:
    """A policy whose controls are nine tenths of another's."""

    def __init__(self, other: Policy) -> None:
        self.other, self.observation, self.action = other, other.observation, other.action

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        action, state = self.other.predict(observation, state, episode_start, deterministic)
        return 0.9 * action, state


def test_a_gain_that_is_a_tenth_too_small_is_a_tenth_off():
    problem = REGIMES["long-horizon"].problem
    best = optimum(problem).policy
    (found,) = results._extra(EXPERIMENTS[0], problem, Weaker(best), best, {})
    assert found == pytest.approx(0.1)


def test_a_reset_weight_that_is_the_optimums_is_not_off():
    problem = REGIMES["task-switching"].problem
    best = optimum(problem).policy
    # All controls weaker: another gain, but the same share of it for the prior's mean.
    (found,) = results._extra(EXPERIMENTS[1], problem, Weaker(best), best, {})
    assert found == pytest.approx(0.0, abs=1e-9)


def test_the_right_well_is_the_optimums_of_every_episode():
    problem = REGIMES["double-well"].problem.replace(episode_steps=30)
    best = optimum(problem).policy
    runs = results._runs(problem, {"learned": DoNothing(2), "optimum": best}, 8)
    ends = [np.asarray(runs[name].path)[-1, :, 0] > 0 for name in ("learned", "optimum")]
    wells = Experiment("wells", "wells", "double-well", "basins", extra="right well")
    (same,) = results._extra(wells, problem, DoNothing(2), best, runs)
    assert len(ends[0]) == 8
    assert same == np.mean(ends[0] == ends[1])
    assert 0 < same < 1
