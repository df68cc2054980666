"""`python -m baselines record`: data sets that recover their environment, tables, and errors."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import RunConfig, run
from baselines.record.command import command, main
from baselines.record.dataset import default_name
from baselines.record.options import FIRST_SEED, Options
from baselines.record.transcript import Transcript
from baselines.sweep.cell import made
from landscape_gym.evaluation import rollout
from landscape_gym.registration import REGIMES
from tests.baselines.replay import assert_replayed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def minari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Minari, whose data sets lie in a folder that is not there yet."""
    module = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "sets"))
    return module


def options(**changes: Any) -> Options:
    small = {"regime": "long-horizon", "policy": "momentum", "episodes": 2, "progress": False}
    return Options(**{**small, **changes})


def test_a_data_set_recovers_its_environment_without_an_import(minari: Any, tmp_path: Path):
    assert main(options(privileged=True)) == 0
    data = minari.load_dataset("landscape-nav/long-horizon-momentum-v0")
    env = data.recover_environment()
    seeds = [meta["seed"] for meta in data.storage.get_episode_metadata(range(2))]
    assert seeds == [FIRST_SEED, FIRST_SEED + 1]
    for seed, episode in zip(seeds, data, strict=True):
        assert_replayed(env, episode, seed)
        assert episode.truncations[-1]
        assert not episode.terminations.any()
        assert episode.infos["hidden"]["target"].shape == (201, 2)
    program = (
        "import minari; data = minari.load_dataset('landscape-nav/long-horizon-momentum-v0'); "
        "env = data.recover_environment(); seen, _ = env.reset(seed=3_000_001); "
        "assert (seen == data[1].observations[0]).all(); "
        "assert env.step(data[1].actions[0])[1] == data[1].rewards[0]"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=tmp_path,  # where neither baselines nor agents can be imported
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )


def test_a_data_set_goes_into_a_folder_that_is_named_from_here(
    minari: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert main(options(out=Path("here"))) == 0
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "here"))
    assert len(minari.load_dataset("landscape-nav/long-horizon-momentum-v0")) == 2


def test_metadata_tell_where_a_data_set_comes_from(minari: Any):
    assert main(options()) == 0
    (listed,) = minari.list_local_datasets().values()
    about = listed["landscape_gym"]
    assert set(about["constants"]) == {"lr", "momentum"}
    assert about["command"].startswith("python -m baselines record --regime long-horizon")
    assert about["revision"]
    assert not about["policy_is_privileged"]
    data = minari.load_dataset("landscape-nav/long-horizon-momentum-v0")
    meta = list(data.storage.get_episode_metadata(range(2)))
    problem = REGIMES["long-horizon"].problem
    costs = rollout(
        problem, made(REGIMES["long-horizon"], "momentum"), episodes=2, seed=FIRST_SEED
    ).cost
    np.testing.assert_allclose([m["cost"] for m in meta], costs, rtol=1e-12)
    returns = np.array([e.rewards.sum() for e in data])
    np.testing.assert_allclose([m["return"] for m in meta], returns)
    score = minari.get_normalized_score(data, returns.mean())
    assert 0.9 < score < 1.01


def test_scores_are_the_returns_of_doing_nothing_and_of_the_optimum(minari: Any):
    for policy in ("nothing", "optimum"):
        assert main(options(policy=policy)) == 0
        data = minari.load_dataset(f"landscape-nav/long-horizon-{policy}-v0")
        returns = np.array([e.rewards.sum() for e in data])
        score = minari.get_normalized_score(data, returns.mean())
        assert score == pytest.approx(float(policy == "optimum"), abs=1e-9)
    assert main(options(regime="digits", policy="nothing", episodes=1)) == 0
    unknown = minari.load_dataset("landscape-nav/digits-nothing-v0")
    assert "ref_max_score" not in unknown.storage.metadata


def test_data_sets_of_one_environment_can_be_combined(minari: Any):
    names = [f"landscape-nav/long-horizon-{policy}-v0" for policy in ("momentum", "optimum")]
    for policy in ("momentum", "optimum"):
        assert main(options(policy=policy)) == 0
    both = minari.combine_datasets([minari.load_dataset(n) for n in names], "landscape-nav/both-v0")
    assert len(both) == 4
    assert both.recover_environment().unwrapped.discount == pytest.approx(np.exp(-0.01))


def test_a_runs_own_problem_is_recovered(minari: Any, tmp_path: Path):
    run(
        RunConfig(
            problem='{"gamma": 0.2, "episode_steps": 20, "landscape": {"optimum_std": 0.5}}',
            observation='{"channels": ["gradient", "elapsed"]}',
            settings='{"timesteps": 2048, "num_envs": 16, "batch_size": 128}',
            episodes=8,
            out=tmp_path / "changed",
            progress=False,
        )
    )
    assert main(options(regime=None, policy=None, run=tmp_path / "changed")) == 0
    data = minari.load_dataset("landscape-nav/long-horizon-changed-v0")
    env = data.recover_environment()
    assert env.unwrapped.problem.gamma == 0.2
    assert env.unwrapped.problem.landscape.optimum_std == 0.5
    for i, episode in enumerate(data):
        assert len(episode) == 20
        assert_replayed(env, episode, FIRST_SEED + i)
    rule = str(tmp_path / "changed" / "rule.safetensors")
    with pytest.raises(ValueError, match=r"another size|features"):
        main(options(policy=None, learned=rule, regime="landscape-nav", name="a-b/c-v0"))
    assert main(options(policy=None, learned=rule, name="a-b/rule-v0")) == 0
    about = minari.load_dataset("a-b/rule-v0").storage.metadata["landscape_gym"]
    assert about["learned"]["regime"] == "long-horizon"


def test_csv_parquet_and_minari_have_the_same_numbers(minari: Any, tmp_path: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    for kind in ("minari", "csv", "parquet"):
        out = None if kind == "minari" else tmp_path / kind
        assert main(options(format=kind, out=out, privileged=True)) == 0
    with (tmp_path / "csv" / "trajectories.csv").open() as file:
        lines = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "parquet" / "trajectories.parquet").to_pylist()
    assert [{k: "" if x is None else str(x) for k, x in row.items()} for row in table] == lines
    data = minari.load_dataset("landscape-nav/long-horizon-momentum-v0")
    assert len(table) == sum(len(e) + 1 for e in data)
    for number, episode in enumerate(data):
        rows = [row for row in table if row["episode"] == number]
        assert {row["seed"] for row in rows} == {FIRST_SEED + number}
        assert [row["step"] for row in rows] == list(range(201))
        assert [row["reward"] for row in rows] == [*episode.rewards, None]
        assert [row["excess_loss"] for row in rows] == episode.infos["excess_loss"].tolist()
        assert [row["truncated"] for row in rows] == [False, *episode.truncations]
        for i in range(2):
            seen = [row[f"observation_{i}"] for row in rows]
            assert seen == episode.observations[:, i].tolist()
            target = [row[f"hidden_target_{i}"] for row in rows]
            assert target == episode.infos["hidden"]["target"][:, i].tolist()
            assert [row[f"action_{i}"] for row in rows] == [*episode.actions[:, i], None]
        norms = np.linalg.norm(episode.actions, axis=1)
        assert [row["action_norm"] for row in rows] == [*norms, None]
    about = json.loads((tmp_path / "csv" / "about.json").read_text())
    assert about["policy"] == "momentum"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_same_seed_gives_the_same_bytes(kind: Any, tmp_path: Path):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    files = []
    for seed, folder in ((5, "a"), (5, "b"), (6, "c")):
        assert main(options(format=kind, seed=seed, out=tmp_path / folder)) == 0
        files.append((tmp_path / folder / f"trajectories.{kind}").read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_data_set_that_is_there_is_refused_and_left_alone(
    minari: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert main(options()) == 0
    before = {p: p.read_bytes() for p in (tmp_path / "sets").rglob("*") if p.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr("baselines.record.command.record", lambda *_, **__: pytest.fail("computed"))
        with pytest.raises(FileExistsError, match=r"there is a data set .* give another --name"):
            main(options(seed=7))
    assert main(options(seed=7, name="landscape-nav/other-v0")) == 0
    after = {p: p.read_bytes() for p in before}
    assert after == before
    assert len(minari.list_local_datasets()) == 2


def test_a_name_that_was_taken_meanwhile_is_not_overwritten(
    minari: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    taken = tmp_path / "sets" / "landscape-nav" / "long-horizon-momentum-v0"
    whole = Transcript.blocks

    def late(self: Transcript) -> Any:
        yield from whole(self)
        if (
            len(self.seeds) == 2
            and not taken.exists()
            and self.setup.observation.channels == ("gradient",)
        ):
            taken.mkdir(parents=True)
            (taken / "theirs").write_text("data")

    monkeypatch.setattr(Transcript, "blocks", late)
    with pytest.raises(OSError, match="long-horizon-momentum-v0"):
        main(options())
    assert [p.name for p in taken.iterdir()] == ["theirs"]


@pytest.mark.parametrize("kind", ["minari", "csv", "parquet"])
def test_a_failure_leaves_nothing(
    kind: Any, minari: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    out = None if kind == "minari" else tmp_path / "table"
    whole = Transcript.blocks

    def full(self: Transcript) -> Any:
        for block in whole(self):
            yield block
            if self.setup.observation.channels == ("gradient",):
                raise OSError("disk full")

    monkeypatch.setattr(Transcript, "blocks", full)
    with pytest.raises(OSError, match="disk full"):
        main(options(format=kind, out=out))
    assert [p.name for p in tmp_path.rglob("*") if p.name != "sets"] == []
    monkeypatch.setattr(Transcript, "blocks", whole)
    assert main(options(format=kind, out=out)) == 0


def test_a_recording_that_was_killed_is_no_data_set_and_can_be_made_again(
    minari: Any, tmp_path: Path
):
    words = ["record", "--regime", "long-horizon", "--policy", "momentum", "--no-progress"]
    many = [sys.executable, "-m", "baselines", *words, "--episodes", "2000"]
    running = subprocess.Popen(many, cwd=ROOT, stdout=subprocess.DEVNULL)
    data = "*/landscape-nav/*/data/main_data.hdf5"
    while not list((tmp_path / "sets").glob(data)) and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert minari.list_local_datasets() == {}
    assert [p for p in (tmp_path / "sets").iterdir() if not p.name.startswith(".")] == []
    assert main(options()) == 0
    assert list(minari.list_local_datasets()) == ["landscape-nav/long-horizon-momentum-v0"]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"regime": "long-horizn"}, "Did you mean 'long-horizon'"),
        ({"regime": None}, "--regime is missing"),
        ({"policy": "momentm"}, "Did you mean 'momentum'"),
        ({"policy": None}, "one of --policy NAME, --run FOLDER and --learned"),
        ({"learned": "geometry"}, "one of --policy NAME, --run FOLDER and --learned"),
        ({"policy": None, "run": Path("nowhere")}, "leave --regime out"),
        ({"policy": None, "learned": "no/such.safetensors"}, "cannot be read"),
        ({"policy": "adam"}, "does not grow with the curvature"),  # is not derived here
        ({"channels": ("gradint",)}, "Did you mean 'gradient'"),
        ({"channels": ("fisher",)}, "needs a landscape that offers"),
        ({"policy": "long-horizon", "scale": 3.0}, "--scale is for controls"),
        ({"episodes": 0}, "episodes must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"name": "momentum"}, "NAMESPACE/NAME-vVERSION"),
        ({"name": "../momentum-v0"}, "NAMESPACE/NAME-vVERSION"),
        ({"format": "parqet"}, "Did you mean 'parquet'"),
        ({"format": "csv"}, "needs --out FOLDER"),
        ({"format": "csv", "name": "a-b/c-v0"}, "--name is for --format minari"),
        ({"format": "csv", "out": ROOT}, "holds something already"),
    ],
)
def test_wrong_input_is_refused_and_nothing_written(
    wrong: dict[str, Any], complaint: str, minari: Any, tmp_path: Path
):
    with pytest.raises((ValueError, OSError), match=complaint):
        main(options(**wrong))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    ("package", "kind", "extra"),
    [("minari", "minari", "minari"), ("pyarrow", "parquet", "parquet")],
)
def test_without_its_package_the_command_says_what_to_install(
    package: str, kind: str, extra: str, tmp_path: Path
):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.abc, sys\n"
        "class Missing(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name.partition('.')[0] == {package!r}:\n"
        f"            raise ModuleNotFoundError('no {package}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    words = ["--regime", "long-horizon", "--policy", "momentum", "--format", kind]
    done = subprocess.run(
        [sys.executable, "-m", "baselines", "record", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"pip install 'landscape-gym[{extra}]'" in done.stderr


def test_the_command_in_the_metadata_parses_to_the_same_recording():
    import tyro

    given = Options(
        regime="geometry",
        policy="tuned-momentum",
        episodes=9,
        seed=4,
        channels=("gradient", "loss"),
        scale=8.0,
        privileged=True,
        format="csv",
        out=Path("elsewhere"),
        progress=False,
    )
    words = command(given).removeprefix("python -m baselines record ").split()
    parsed = tyro.cli(Options, args=words)
    assert vars(parsed) == {**vars(given), "out": None, "progress": True}


def test_names_of_data_sets_are_of_minaris_form(minari: Any):
    from minari.dataset.minari_dataset import parse_dataset_id

    for policy in ("soft_reset", "tuned-adam", "long-horizon", "a strange.file name"):
        assert parse_dataset_id(default_name("long-horizon", policy))[0] == "landscape-nav"
    assert default_name("long-horizon", "long-horizon") == "landscape-nav/long-horizon-v0"
