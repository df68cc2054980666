"""What accompanies a training: held-out costs, signals, its folder's lock, seeds; and kills."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from agents import RunConfig, run, run_seeds
from agents.checkpoint import CHECKPOINTS
from agents.config import CONFIG_FILE
from agents.evolution import Evolution, Search
from agents.folder import LOCK, alone_in, new_folder
from agents.heldout import COST, EPISODES, FIRST_SEED, HeldOut
from agents.stable_baselines import AgentTraining
from agents.stops import Stops, stops
from agents.trainer import HELD_OUT, Trainer, training_seed
from agents.training import train
from baselines import line_up
from landscape_gym import REGIMES, registration
from landscape_gym.evaluation import rollout
from landscape_gym.program import Terminated
from tests.agents.test_resume import (
    MOVING,
    differences,
    ending,
    logged,
    prepared,
    resumed,
    steps,
    stopped,
    uninterrupted,
)

NETWORKS = registration.regime("small-networks")
FEW = Evolution(generations=4, pairs=2)


def search() -> Search:
    return FEW.trainer(NETWORKS.configured(episode_steps=20), 3)


# ---- held-out costs -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heldout() -> HeldOut:
    return HeldOut.of(MOVING.problem, line_up(MOVING.problem, MOVING.observation))


def test_held_out_costs_are_logged_through_the_run_and_change_nothing(
    heldout: HeldOut, tmp_path: Path
):
    trainer = train(
        prepared("sac"), folder=tmp_path / "whole", heldout=heldout, checkpoint_seconds=0.0
    )
    assert not differences(ending(trainer), uninterrupted("sac"))
    rows = [row for row in logged(tmp_path / "whole") if row[COST]]
    assert len(rows) >= 10
    done = [int(row["time/total_timesteps"]) for row in rows]
    assert done[0] == 0
    assert done[-1] == 240
    assert done == sorted(set(done))
    cost = rollout(MOVING.problem, trainer.rule(), episodes=EPISODES, seed=FIRST_SEED).cost
    assert float(rows[-1][COST]) == cost.mean()
    assert float(rows[0][COST]) != float(rows[-1][COST])

    stopped("sac", tmp_path / "parts", after=150)  # without: its rows are its own
    assert not any(COST in row for row in logged(tmp_path / "parts"))


def test_held_out_costs_are_the_same_rows_in_a_run_that_is_resumed(
    heldout: HeldOut, tmp_path: Path
):
    def part(folder: str, resume: bool, after: int | None) -> None:
        trainer = prepared("ppo")
        signals = Stops()
        if after is not None:
            trainer.callbacks.append(Signal(after, signal.SIGINT, signals))
        train(trainer, folder=tmp_path / folder, resume=resume, heldout=heldout, stops=signals)

    part("whole", False, None)
    for resume, after in ((False, 100), (True, 200)):
        with pytest.raises(KeyboardInterrupt):
            part("parts", resume, after)
    part("parts", True, None)
    assert logged(tmp_path / "parts") == logged(tmp_path / "whole")


def test_what_costs_are_compared_with_is_in_order(heldout: HeldOut):
    problem = REGIMES["long-horizon"].problem
    lineup = line_up(problem)
    measured = HeldOut.of(problem, lineup)
    nothing, derived, best = measured.references.items()
    assert (nothing[0], best[0]) == ("do nothing", "optimum")
    assert nothing[1] > derived[1] >= best[1] == measured.least
    assert derived[1] == min(measured.cost(rule) for rule in lineup.rules.values())
    assert heldout.problem == MOVING.problem


# ---- signals ------------------------------------------------------------------------------------


class Signal(BaseCallback):
    """Has signals received in the middle of a rollout."""

    def __init__(self, after: int, number: int, received: Stops, times: int = 1) -> None:
        super().__init__()
        self.after, self.number, self.received, self.times = after, number, received, times

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.after:
            for _ in range(self.times):
                self.received.receive(self.number)
            self.after = 10**9
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("name", "boundary"), [("ppo", 192), ("sac", 152), ("ars", 832)])
def test_a_signal_writes_a_checkpoint_before_the_run_ends(
    name: str, boundary: int, number: int, tmp_path: Path
):
    received = Stops()
    trainer = prepared(name)
    after = 500 if name == "ars" else 150
    trainer.callbacks.append(Signal(after, number, received))
    with pytest.raises(Terminated if number == signal.SIGTERM else KeyboardInterrupt):
        train(trainer, folder=tmp_path, stops=received)
    assert steps(tmp_path) == [0, boundary]
    assert not differences(ending(resumed(name, tmp_path)), uninterrupted(name))


def test_a_second_signal_ends_a_run_at_once(tmp_path: Path):
    received = Stops()
    trainer = prepared("ppo")
    trainer.callbacks.append(Signal(150, signal.SIGINT, received, times=2))
    with pytest.raises(KeyboardInterrupt):
        train(trainer, folder=tmp_path, stops=received)
    assert trainer.done == 152
    assert steps(tmp_path) == [0]


def test_a_search_that_gets_a_signal_goes_on_to_the_same_rule(tmp_path: Path):
    class Interrupted(Search):
        def _move(self) -> Any:
            received.receive(signal.SIGINT)
            return super()._move()

    received = Stops()
    whole = train(search(), folder=tmp_path / "whole")
    parts = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(FEW, whole.regime, 3), folder=parts, stops=received)
    assert steps(parts) == [0, whole.total // 4]
    again = train(search(), folder=parts, resume=True)
    np.testing.assert_array_equal(again.found.weights, whole.found.weights)
    assert len(logged(parts)) == 4
    names = ("search/generation", "search/mean_log_loss")
    assert [[row[n] for n in names] for row in logged(parts)] == [
        [row[n] for n in names] for row in logged(tmp_path / "whole")
    ]


def test_signals_of_the_process_are_received_and_given_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def put_off() -> None:
        with stops() as received, received.put_off():
            os.kill(os.getpid(), signal.SIGTERM)
            assert received.asked

    with pytest.raises(Terminated):
        put_off()
    with stops(), pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)  # at once, where nothing is put off
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


# ---- the folder ---------------------------------------------------------------------------------


HOLDER = """
import sys, time
from pathlib import Path
from agents.folder import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is at work in ``tmp_path / "run"``."""
    (tmp_path / "run").mkdir()
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_in_a_folder_is_refused_until_the_first_is_gone(
    tmp_path: Path, holder: subprocess.Popen[str]
):
    folder, settings = tmp_path / "run", '{"timesteps": 4096}'
    asked = RunConfig(settings=settings, out=folder, progress=False)
    for begin in (run, run_seeds):
        with pytest.raises(BlockingIOError, match=r"another training is at work in .*run"):
            begin(asked)
    assert [path.name for path in folder.iterdir()] == [LOCK]
    (folder / CONFIG_FILE).write_text('{"config": {}}')
    for begin in (run, run_seeds):
        with pytest.raises(BlockingIOError, match="wait until it has ended"):
            begin(RunConfig(resume=folder, progress=False))
    (folder / CONFIG_FILE).unlink()
    holder.kill()
    holder.wait()
    assert (folder / LOCK).exists()  # and holds nobody up
    with new_folder(folder, "run") as taken:
        assert taken == folder
    assert not list(folder.iterdir())


HALF = ".partial-0123456789abcdef"


def test_what_a_killed_run_has_half_written_is_swept_up(tmp_path: Path):
    (tmp_path / CHECKPOINTS).mkdir()
    for name in (f"progress{HALF}.csv", f"{CHECKPOINTS}/000{HALF}.checkpoint"):
        (tmp_path / name).write_text("half")
    for name in ("progress.csv", "mine.partial-x.csv"):
        (tmp_path / name).write_text("whole")
    with alone_in(tmp_path):
        names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"progress.csv", "mine.partial-x.csv", LOCK}


# ---- seeds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("episodes", [1, 128, 4096])
@pytest.mark.parametrize(
    "seed",
    [0, 7, 995_000, 999_999, 1_000_000, 1_500_000, 2**31 - 1, 2**31 + 1_000_000, 2**32 - 1, 10**12],
)
def test_no_training_episode_has_the_seed_of_a_held_out_one(seed: int, episodes: int):
    first = training_seed(seed, episodes)
    assert first == seed or first >= 2**40
    drawn = first + np.arange(episodes)
    held_out = (HELD_OUT, 2**31)  # all pages' and users' held-out episodes are in between
    for seeds in (drawn, drawn % 2**32):  # torch takes 32 bits
        assert not ((seeds >= held_out[0]) & (seeds < held_out[1])).any()
    if seed + episodes <= HELD_OUT:
        assert first == seed


def seeds_of(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of all episodes that a training draws by seed."""
    from landscape_gym.streams import Streams

    drawn: list[int] = []
    seed = Streams.seed

    def watched(self: Streams, rows: Any, seeds: Any) -> None:
        drawn.extend(seeds)
        seed(self, rows, seeds)

    with monkeypatch.context() as patch:
        patch.setattr(Streams, "seed", watched)
        patch.setattr("landscape_gym.streams.fresh_seeds", lambda count: [0] * count)
        train(trainer)
    return [each for each in drawn if each]


def test_trainings_with_high_seeds_draw_no_held_out_episode(monkeypatch: pytest.MonkeyPatch):
    from agents.algorithms import A2C

    regime, short = REGIMES["long-horizon"], A2C(timesteps=64, num_envs=8, n_steps=2)
    assert isinstance(short, AgentTraining)
    assert seeds_of(short.trainer(regime, 3), monkeypatch) == list(range(3, 11))
    for trainer in (
        short.trainer(regime, 999_996),
        Evolution(generations=1, pairs=4).trainer(NETWORKS.configured(episode_steps=3), 1),
    ):
        drawn = seeds_of(trainer, monkeypatch)
        assert len(drawn) == 8
        assert min(drawn) >= 2**40


# ---- kills --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_is_killed_ends_as_others_do_and_leaves_nothing_behind():
    """In a process of its own, which forks; `python -m tests.agents.kills` goes on from here."""
    words = ["--kills", "4", "--sweeps", "2", "--pairs", "2", "--algorithms", "ppo", "evolution"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.agents.kills", *words],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 0 wrong") == 4
