"""A run from configuration to table and picture, on the command line and in code."""

import dataclasses
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import ALGORITHMS, PRESETS, RunConfig, run, run_seeds
from agents.algorithms import PPO
from agents.config import read_config, settings_help
from agents.folder import new_folder
from agents.presets import OF_REGIME, preset_for
from agents.stable_baselines import AgentTraining, training_problem
from agents.training import train
from baselines import line_up
from landscape_gym import REGIMES, NavigationProblem
from landscape_gym.artifact import load_rule
from landscape_gym.evaluation import compare
from landscape_gym.readout import read_rule
from landscape_gym.registration import TRAINING
from landscape_gym.sb3 import AgentPolicy

ROOT = Path(__file__).parents[2]
SHORT = '{"timesteps": 4096}'


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "train_agent.py", "--no-progress", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_leaves_table_picture_model_logs_and_provenance(tmp_path: Path):
    finished = run(RunConfig(settings=SHORT, episodes=32, out=tmp_path / "run", progress=False))
    for name in ("model.zip", "normalizer.pkl", "progress.csv", "results.json", "paths.png"):
        assert (finished.folder / name).stat().st_size > 0
    names = [result.name for result in finished.comparison.results]
    assert names[:3] == ["do nothing", "gradient descent", "momentum"]
    assert names[-2:] == ["learned", "optimum"]
    assert "learned gain" in finished.report
    kept = load_rule(finished.folder / "rule.safetensors")
    seen = np.random.default_rng(0).normal(size=(4, 2))
    np.testing.assert_array_equal(kept.predict(seen)[0], finished.rule.predict(seen)[0])
    provenance = json.loads((finished.folder / "config.json").read_text())
    problem = NavigationProblem.of(provenance["problem"])
    assert problem == REGIMES["long-horizon"].problem
    assert not list(finished.folder.glob("*.partial*"))


@pytest.mark.parametrize("regime", [name for name in REGIMES if name != "logistic-regression"])
def test_every_regime_trains_and_is_compared(regime: str, tmp_path: Path):
    settings = '{"timesteps": 512, "num_envs": 16, "batch_size": 128, "n_steps": 16}'
    if PRESETS[OF_REGIME[regime]].algorithm in ("dagger", "linear_dagger"):
        settings = '{"rounds": 2, "num_envs": 16}'
    config = RunConfig(
        regime=regime,
        problem='{"episode_steps": 10}',
        settings=settings,
        episodes=8,
        out=tmp_path,
        progress=False,
    )
    finished = run(config)
    assert np.isfinite(finished.comparison["learned"].cost)


def test_the_same_seed_gives_the_same_weights():
    short = PPO(timesteps=2048, num_envs=16, n_steps=16, batch_size=128)
    regime = REGIMES["long-horizon"]
    first, second, other = (
        train(short.trainer(regime, seed)).agent.policy.state_dict() for seed in (3, 3, 4)
    )
    assert all(first[name].equal(second[name]) for name in first)
    assert not all(first[name].equal(other[name]) for name in first)


@pytest.mark.slow
def test_a_trained_linear_policy_comes_close_to_the_optimum():
    regime = REGIMES["long-horizon"]
    learned = train(PPO(timesteps=500_000).trainer(regime, 0)).rule()
    lineup = line_up(regime.problem)
    policies = lineup.with_learned(learned)
    comparison = compare(regime.problem, policies, episodes=128, optimum="optimum")
    ratio = comparison["learned"].ratio
    assert ratio is not None
    assert 1.0 < ratio.value < 1.02
    gain = read_rule(regime.problem, learned, ["to_target"]).coefficients["to_target"].value
    assert gain[1, 1] == pytest.approx(0.909, rel=0.1)


def test_what_cannot_be_derived_is_refused_with_its_reason():
    lineup = line_up(REGIMES["logistic-regression"].problem.replace(drift=0.1))
    assert lineup.optimum is None
    assert "not quadratic" in lineup.refusals["optimum"]


def test_every_regime_has_a_preset_and_every_algorithm_one_in_it():
    assert OF_REGIME.keys() == REGIMES.keys() | TRAINING.keys()
    assert {preset.algorithm for preset in PRESETS.values()} == ALGORITHMS.keys()
    for algorithm in ALGORITHMS:
        assert PRESETS[preset_for("task-switching", algorithm)].algorithm == algorithm
    assert preset_for("task-switching") == OF_REGIME["task-switching"]
    assert preset_for("task-switching", "ppo") == OF_REGIME["task-switching"]
    with pytest.raises(ValueError, match="trains with 'sac', not 'ppo'"):
        preset_for("long-horizon", "ppo", "sac")


SMALL = {
    "ppo": {"num_envs": 8, "n_steps": 16, "batch_size": 64},
    "recurrent_ppo": {"num_envs": 8, "n_steps": 16, "batch_size": 64, "lstm_size": 8},
    "a2c": {"num_envs": 8},
    "trpo": {"num_envs": 8, "n_steps": 16, "batch_size": 64},
    "sac": {"num_envs": 4, "learning_starts": 64, "batch_size": 32},
    "td3": {"num_envs": 4, "learning_starts": 64, "batch_size": 32},
    "ars": {"num_envs": 4, "n_delta": 2},
}


@pytest.mark.parametrize("algorithm", SMALL)
def test_every_agent_trains_and_leaves_a_rule_that_acts_as_it_does(algorithm: str):
    problem = REGIMES["noisy-gradient"].problem.replace(episode_steps=10)
    regime = REGIMES["noisy-gradient"].configured(problem, observation=("gradient", "elapsed"))
    preset = PRESETS[preset_for("long-horizon", algorithm)]
    settings = {"timesteps": 256, "layers": (8,), "observation": None, **SMALL[algorithm]}
    training = replace(preset, **settings)
    assert isinstance(training, AgentTraining)
    trained = train(training.trainer(regime, 0))
    assert training.timesteps <= trained.done <= training.timesteps + 160, "an update of ARS"
    rule = trained.rule()
    seen = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    agent = AgentPolicy(trained.agent, regime.observation, regime.action, trained.normalizer)
    states: list = [None, None]
    for start in (np.ones(6, bool), np.zeros(6, bool), np.arange(6) == 2):
        ours, states[0] = rule.predict(seen, states[0], start)
        theirs, states[1] = agent.predict(seen, states[1], start)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
        seen = seen[::-1].copy()
    assert np.abs(ours).max() > 0


def test_help_explains_every_setting():
    said = settings_help()
    for cls in ALGORITHMS.values():
        for field in dataclasses.fields(cls):
            assert f"  {field.name} (" in said


@pytest.mark.parametrize("executor", ["serial", "joblib"])
def test_several_seeds_are_trained_and_shown_side_by_side(tmp_path: Path, executor: str):
    config = RunConfig(
        settings=SHORT,
        seeds=2,
        episodes=8,
        out=tmp_path / "runs",
        progress=False,
        executor=executor,  # type: ignore[arg-type]
    )
    left = run_seeds(config)
    assert not left.failed
    learned = [
        next(each for each in json.loads(path.read_text()) if each["name"] == "learned")
        for path in sorted((tmp_path / "runs").glob("seed*/results.json"))
    ]
    ratios = [each["ratio"]["value"] for each in learned]
    assert len(ratios) == 2
    assert ratios[0] != ratios[1]
    table = (tmp_path / "runs" / "report.txt").read_text().splitlines()
    assert table == left.table.splitlines()
    assert table[3].split()[:2] == ["mean", f"{np.mean(ratios):.4f}"]
    assert table[4].split()[:2] == ["worst", f"{np.max(ratios):.4f}"]


def test_seeds_that_were_stopped_go_on_to_the_same_table(tmp_path: Path):
    config = RunConfig(settings=SHORT, seeds=2, episodes=8, out=tmp_path / "a", progress=False)
    table = run_seeds(config).table
    # As if it had been killed when seed 1 was trained, but not yet evaluated.
    for name in ("config.json", "seed0", "seed1", "finished/seed0.json"):
        source, copy = tmp_path / "a" / name, tmp_path / "b" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
    before = (tmp_path / "b" / "seed0" / "model.zip").stat().st_mtime_ns
    left = run_seeds(RunConfig(resume=tmp_path / "b", progress=False))
    assert not left.failed
    assert left.table == table
    assert (tmp_path / "b" / "seed0" / "model.zip").stat().st_mtime_ns == before


def test_a_seed_that_fails_leaves_the_others_in_the_table(tmp_path: Path):
    config = RunConfig(settings=SHORT, seeds=2, episodes=8, out=tmp_path / "a", progress=False)
    (tmp_path / "a").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.seeds.run", failing_first(run))
        left = run_seeds(config)
    assert "no such luck" in left.failed["seed0"]
    assert [line.split()[0] for line in left.table.splitlines()] == ["seed", "1", "mean", "worst"]
    mended = run_seeds(RunConfig(resume=tmp_path / "a", progress=False))
    assert not mended.failed
    assert [line.split()[0] for line in mended.table.splitlines()[1:3]] == ["0", "1"]


def failing_first(run: Any) -> Any:
    def failing(config: RunConfig, problem: Any) -> Any:
        if config.seed == 0:
            raise RuntimeError("no such luck")
        return run(config, problem)

    return failing


def test_a_run_that_is_resumed_is_the_run_that_was_asked_for(tmp_path: Path):
    asked = RunConfig(settings=SHORT, seed=3, episodes=8, out=tmp_path / "run", progress=False)
    finished = run(asked)
    assert read_config(tmp_path / "run") == replace(asked, progress=True)  # not of the run
    again = run(RunConfig(resume=asked.out, progress=False))
    assert again.report == finished.report
    with pytest.raises(FileNotFoundError, match="holds no config"):
        run(RunConfig(resume=tmp_path, progress=False))


def test_training_episodes_are_short_unless_the_agent_sees_the_time():
    preset = PPO()
    assert training_problem(REGIMES["long-horizon"], preset).episode_steps == preset.episode_steps
    seen = REGIMES["landscape-nav"]
    assert training_problem(seen, preset) == seen.problem


def test_a_folder_that_holds_something_is_refused(tmp_path: Path):
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something already"):
        run(RunConfig(settings=SHORT, out=tmp_path, progress=False))
    assert (tmp_path / "kept").read_text() == "mine"


@pytest.mark.parametrize("left", [[], [".lock"], [".lock", f"config.partial-{8 * 'a1'}.json"]])
def test_a_run_that_was_killed_before_it_had_begun_begins_again(left: list[str], tmp_path: Path):
    for name in left:
        (tmp_path / name).write_text("{")
    with new_folder(tmp_path, "run") as folder:
        assert [path.name for path in folder.iterdir()] == [".lock"]


def test_what_is_only_called_like_something_half_written_is_refused(tmp_path: Path):
    (tmp_path / "config.partial-mine.json").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something already"), new_folder(tmp_path, ""):
        pass


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("regime", "long-horizn", "Did you mean 'long-horizon'"),
        ("preset", "liner", "Did you mean 'linear'"),
        ("algo", "pp", "Did you mean 'ppo'"),
        ("problem", '{"gama": 1}', "Did you mean 'gamma'"),
        ("problem", "gamma=1", "JSON object"),
        ("settings", "[]", "JSON object"),
        ("settings", '{"timestep": 1}', "Did you mean 'timesteps'"),
        ("settings", '{"timesteps": 0}', "timesteps must be at least 1"),
        ("settings", '{"critic": "quadrtic"}', "Did you mean 'quadratic'"),
        ("settings", '{"observation": ["gradent"]}', "Did you mean 'gradient'"),
        ("action", '{"scal": 1}', "Did you mean 'scale'"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_written(
    field: str, given: str, said: str, tmp_path: Path
):
    with pytest.raises(ValueError, match=said):
        run(RunConfig(**{"out": tmp_path / "run", "progress": False, field: given}))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_command_line_trains_and_reports_errors_in_one_line(tmp_path: Path):
    done = command("--settings", SHORT, "--episodes", "16", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert "optimum *" in done.stdout
    failed = command("--problem", '{"gama": 1}', "--out", str(tmp_path / "other"))
    assert failed.returncode != 0
    assert failed.stderr.startswith("train_agent.py:")
    assert "gamma" in failed.stderr


@pytest.mark.slow
def test_the_readmes_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    examples = (ROOT / "README.md").read_text().split("```python\n")[1:]
    assert len(examples) == 7
    for example in examples:
        code = example.split("```")[0].replace("agent.learn(100_000", "agent.learn(12_800")
        code = code.replace(
            'regime="logistic-regression"',
            "regime='logistic-regression', episodes=16, progress=False, "
            "settings='{\"timesteps\": 4096}'",
        )
        exec(compile(code, "README.md", "exec"), {})
