"""Runs that are stopped and resumed."""

import csv
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents import checkpoint
from agents.algorithms import A2C, ARS, PPO, SAC, TD3, TRPO, OnPolicy, RecurrentPPO
from agents.checkpoint import CHECKPOINTS
from agents.logs import CSV_FILE
from agents.stable_baselines import AgentTrainer, AgentTraining
from agents.training import train
from landscape_gym import REGIMES
from landscape_gym.landscapes import SmallNetworks
from landscape_gym.landscapes.torch_landscape import TorchLandscape
from landscape_gym.problem import MinibatchNoise
from landscape_gym.registration import ALL, Regime

ROOT = Path(__file__).parents[2]
SEED = 3

# Everything random at once: rotated instances, gradient noise, drift, task switches.
MOVING = REGIMES["landscape-nav"].configured(drift=0.1, hazard=0.5, episode_steps=13)
FILTERED = REGIMES["noisy-gradient"]
HIDDEN = REGIMES["hidden-curvature"]
IN_CODE = REGIMES["double-well"].configured(
    landscape=TorchLandscape(lambda x: (x**4 - x**2).sum(), dim=2)  # no pickle can hold this
)
NETWORKS = ALL["small-networks"].configured(
    landscape=SmallNetworks(inputs=3, hidden=(4,), classes=2, data=12),
    noise=MinibatchNoise(5, exact_loss=False),
    episode_steps=30,
)


def small(kind: type[AgentTraining], steps: int = 320, **settings: Any) -> AgentTraining:
    smaller: dict[str, Any] = {"num_envs": 8, "episode_steps": 11}
    if issubclass(kind, OnPolicy):
        smaller |= {"n_steps": 8}
    elif kind is not ARS:
        smaller |= {"learning_starts": 60, "buffer_size": 400, "gradient_steps": 1}
    if kind not in (A2C, ARS):
        smaller |= {"batch_size": 32}
    return kind(timesteps=steps, **smaller | settings)


CASES: dict[str, tuple[Regime, AgentTraining]] = {
    "ppo": (MOVING, small(PPO)),
    "ppo, privileged critic": (HIDDEN, small(PPO, critic="privileged")),
    "ppo, belief": (FILTERED, small(PPO, sees="belief")),
    "ppo, per coordinate": (HIDDEN, small(PPO, critic="mlp", per_coordinate=True)),
    "ppo, landscape in code": (IN_CODE, small(PPO)),
    "ppo, weights of rules": (NETWORKS, small(PPO, hold=10, critic="fitted")),
    "ppo, regrets": (FILTERED, small(PPO, rewards="regrets", critic="fitted")),
    "recurrent ppo": (MOVING, small(RecurrentPPO, lstm_size=8)),
    "a2c": (MOVING, small(A2C)),
    "trpo": (MOVING, small(TRPO)),
    "sac": (MOVING, small(SAC, steps=240)),
    "td3": (MOVING, small(TD3, steps=240)),
    "ars": (MOVING, small(ARS, steps=1_500, n_delta=2, learning_rate=0.1)),
    "long ppo": (MOVING, small(PPO, steps=9_216, num_envs=32)),
    "long recurrent ppo": (MOVING, small(RecurrentPPO, steps=3_072, lstm_size=8)),
    "long sac": (MOVING, small(SAC, steps=2_400, buffer_size=3_000)),
}
SHORT = [name for name in CASES if not name.startswith("long")]
LONG = [name for name in CASES if name.startswith("long")]


class Stop(BaseCallback):
    """Stops a run as Ctrl-C does, in the middle of a rollout."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.after:
            raise KeyboardInterrupt
        return True


def prepared(name: str) -> AgentTrainer:
    regime, training = CASES[name]
    return training.trainer(regime, SEED)


def stopped(name: str, folder: Path, after: int, resume: bool = False) -> None:
    trainer = prepared(name)
    trainer.callbacks.append(Stop(after))
    with pytest.raises(KeyboardInterrupt):
        train(trainer, folder=folder, resume=resume, checkpoint_seconds=0.0)


def resumed(name: str, folder: Path) -> AgentTrainer:
    return train(prepared(name), folder=folder, resume=True, checkpoint_seconds=0.0)


Ending = dict[str, np.ndarray]


@functools.cache
def uninterrupted(name: str) -> Ending:
    return ending(train(prepared(name)))


def ending(trained: AgentTrainer) -> Ending:
    """All that training has changed: weights, optimisers, statistics, environments, generators."""
    normalizer = trained.normalizer
    simulation = normalizer.get_attr("simulation")[0]
    ended = {
        "parameters": trained.agent.get_parameters(),
        "reward": vars(normalizer.ret_rms),
        "returns": normalizer.returns,
        "theta": simulation.state.theta,
        "next numbers": [generator.random() for generator in simulation.streams.generators],
        "torch": torch.get_rng_state(),
    }
    if normalizer.norm_obs:
        running: Any = normalizer.obs_rms
        parts = running if isinstance(running, dict) else {"all": running}
        ended["observations"] = {part: vars(rms) for part, rms in parts.items()}
    return dict(leaves(ended, ""))


def leaves(tree: Any, path: str) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(tree, list | tuple):
        tree = dict(enumerate(tree))
    if isinstance(tree, dict):
        for name, branch in tree.items():
            yield from leaves(branch, f"{path}/{name}")
    else:
        yield path, tree.numpy() if isinstance(tree, torch.Tensor) else np.array(tree)


def differences(first: Ending, second: Ending) -> list[str]:
    assert first.keys() == second.keys()
    return [name for name in first if not np.array_equal(first[name], second[name])]


def logged(folder: Path) -> list[dict[str, str]]:
    """The rows of the log, but for times."""
    with (folder / CSV_FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: row[k] for k in row if k not in ("time/fps", "time/time_elapsed")} for row in rows]


def steps(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in (folder / CHECKPOINTS).iterdir())


def points(folder: Path, tag: str = "train/learning_rate") -> list[Any]:
    """What TensorBoard shows."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return events.Scalars(tag)


@pytest.mark.parametrize("name", SHORT)
def test_a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(name: str, tmp_path: Path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    written = ending(train(prepared(name), folder=whole, checkpoint_seconds=0.0))
    assert not differences(written, uninterrupted(name))  # checkpoints have no influence
    first, second = (600, 1_100) if name == "ars" else (150, 200)
    stopped(name, parts, after=first)
    stopped(name, parts, after=second, resume=True)
    assert not differences(ending(resumed(name, parts)), uninterrupted(name))
    assert logged(parts) == logged(whole)
    assert len(logged(whole)) > 2


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("ppo", "policy"),
        ("ppo", "_last_obs"),
        ("ppo", "obs_rms"),
        ("ppo", "returns"),
        ("ppo", "streams"),
        ("ppo", "state"),
        ("ppo", "_current_progress_remaining"),
        ("ppo, belief", "_belief"),
        ("recurrent ppo", "_last_lstm_states"),
        ("sac", "replay_buffer"),
        ("td3", "_n_updates"),
    ],
)
def test_what_is_left_out_of_a_checkpoint_shows_in_the_weights(
    name: str, attribute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "MADE_ANEW", checkpoint.MADE_ANEW | {attribute})
    stopped(name, tmp_path, after=180)  # after 15 updates: TD3's actor moves at even ones
    changed = differences(ending(resumed(name, tmp_path)), uninterrupted(name))
    assert any(path.startswith("/parameters/policy/") for path in changed)


def test_the_generators_of_torch_and_numpy_are_part_of_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for module, setter in ((torch, "set_rng_state"), (np.random, "set_state")):
        folder = tmp_path / setter
        stopped("ppo", folder, after=190)
        with monkeypatch.context() as patch:
            patch.setattr(module, setter, lambda state: None)
            assert differences(ending(resumed("ppo", folder)), uninterrupted("ppo"))


def test_a_finished_run_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    trained = train(prepared("ppo"), folder=tmp_path)
    rows = logged(tmp_path)
    monkeypatch.setattr(PPO, "callbacks", lambda self: pytest.fail("it trains"))
    again = resumed("ppo", tmp_path)
    assert again.agent.num_timesteps == 320
    assert logged(tmp_path) == rows
    observation = np.ones((2, again.rule().network.inputs), np.float32)
    first, second = (
        run.agent.predict(observation, deterministic=True)[0] for run in (trained, again)
    )
    np.testing.assert_array_equal(first, second)


def test_a_run_that_a_callback_ended_is_finished(tmp_path: Path):
    class Enough(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps < 100

    trainer = prepared("ppo")
    trainer.callbacks.append(Enough())
    train(trainer, folder=tmp_path)
    assert resumed("ppo", tmp_path).agent.num_timesteps == 104


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_anew(tmp_path: Path):
    (tmp_path / CSV_FILE).write_text("time/iterations,time/fps\n1,20\n2,")
    (tmp_path / CHECKPOINTS).mkdir()
    assert not differences(ending(resumed("ppo", tmp_path)), uninterrupted("ppo"))
    assert logged(tmp_path)[0]["time/iterations"] == "1"


def test_between_checkpoints_time_passes(tmp_path: Path):
    train(prepared("ppo"), folder=tmp_path, checkpoint_seconds=1000.0)
    assert steps(tmp_path) == [0, 320]  # before the first rollout, and after the last


def test_resuming_is_refused_where_it_would_be_another_run(tmp_path: Path):
    regime, training = CASES["ppo"]
    train(training.trainer(regime, SEED), folder=tmp_path)
    with pytest.raises(ValueError, match="another seed: 3, not 4"):
        train(training.trainer(regime, 4), folder=tmp_path, resume=True)
    longer = small(PPO, steps=1024)
    with pytest.raises(ValueError, match="another timesteps: 320, not 1024"):
        train(longer.trainer(regime, SEED), folder=tmp_path, resume=True)
    moving = regime.configured(drift=0.2)
    with pytest.raises(ValueError, match="another problem: "):
        train(training.trainer(moving, SEED), folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match="holds a run: resume it, or name another folder"):
        train(training.trainer(regime, SEED), folder=tmp_path)
    with pytest.raises(ValueError, match="name the folder of the run"):
        train(training.trainer(regime, SEED), resume=True)


def test_a_run_refuses_its_damaged_checkpoint_and_goes_on_once_that_is_gone(tmp_path: Path):
    stopped("ppo", tmp_path, after=190)
    damaged = tmp_path / CHECKPOINTS / f"{max(steps(tmp_path)):012d}.checkpoint"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    log = (tmp_path / CSV_FILE).read_bytes()
    with pytest.raises(ValueError, match="The newest good one is"):
        resumed("ppo", tmp_path)
    assert (tmp_path / CSV_FILE).read_bytes() == log
    damaged.unlink()
    assert not differences(ending(resumed("ppo", tmp_path)), uninterrupted("ppo"))
