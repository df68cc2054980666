"""The environment for TorchRL: specs, the simulation's own numbers, resets of single rows."""

# pyright: reportMissingImports=false
from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
import torch

from landscape_gym.registration import REGIMES
from landscape_gym.torch_simulation import TorchSimulation

pytest.importorskip(
    "torchrl", reason="TorchRL is not installed: pip install landscape-gym[torchrl]"
)

from tensordict import TensorDict
from torchrl.envs.utils import check_env_specs

from landscape_gym.torchrl_env import LandscapeNavTorchRL

ROWS, STEPS = 4, 7


def constant(envs: LandscapeNavTorchRL) -> Any:
    def act(tensordict: TensorDict) -> TensorDict:
        return tensordict.set("action", torch.full((ROWS, envs.simulation.action_size), 0.1))

    return act


def test_without_torchrl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchrl", None)
    monkeypatch.setitem(sys.modules, "torchrl.data", None)
    monkeypatch.delitem(sys.modules, "landscape_gym.torchrl_env")
    with pytest.raises(ModuleNotFoundError, match=r"landscape-gym\[torchrl\]"):
        importlib.import_module("landscape_gym.torchrl_env")


@pytest.mark.parametrize("regime", [*REGIMES])
def test_specs_are_what_torchrl_checks(regime: str) -> None:
    check_env_specs(LandscapeNavTorchRL(3, regime))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("regime", ["landscape-nav", "short-horizon", "task-switching"])
def test_a_rollout_is_the_simulations(regime: str, dtype: str) -> None:
    envs = LandscapeNavTorchRL(ROWS, regime, dtype=dtype)
    envs.set_seed(5)
    rolled = envs.rollout(STEPS, policy=constant(envs), auto_cast_to_device=False)
    simulation = TorchSimulation(ROWS, regime, dtype)
    simulation.begin(seeds=range(5, 5 + ROWS))
    for step in range(STEPS):
        assert torch.equal(rolled["observation"][:, step], simulation.observe())
        done = simulation.advance(torch.full((ROWS, simulation.action_size), 0.1))
        now = rolled["next"][:, step]
        assert torch.equal(now["reward"][:, 0], -done.cost)
        assert torch.equal(now["loss"][:, 0], done.loss)
        assert torch.equal(now["control_cost"][:, 0], done.charge)
    assert torch.equal(now["observation"], simulation.observe())


def test_rows_whose_episodes_end_begin_anew_and_others_go_on() -> None:
    envs = LandscapeNavTorchRL(ROWS, "landscape-nav", episode_steps=6)
    envs.set_seed(0)
    now = envs.reset()
    for _ in range(2):
        _, now = envs.step_and_maybe_reset(constant(envs)(now))
    before = now["observation"].clone()
    mask = torch.tensor([False, True, False, False])[:, None]
    now = envs.reset(now.set("_reset", mask))
    changed = (now["observation"] != before).any(1)
    assert changed.tolist() == mask[:, 0].tolist()
    ends = []
    for _ in range(6):
        step, now = envs.step_and_maybe_reset(constant(envs)(now))
        ends.append(step["next", "truncated"][:, 0].tolist())
    assert [row.index(True) for row in zip(*ends, strict=True)] == [3, 5, 3, 3]
    assert not now["done"].any()


def test_a_seed_decides_the_episodes_whatever_the_batch() -> None:
    many, one = LandscapeNavTorchRL(3), LandscapeNavTorchRL(1)
    many.set_seed(10)
    one.set_seed(12)
    assert torch.allclose(many.reset()["observation"][2], one.reset()["observation"][0])
    again = many.reset()["observation"].clone()
    many.set_seed(10)
    assert not torch.equal(many.reset()["observation"], again)


def test_finite_horizons_and_divergence_terminate() -> None:
    finite = LandscapeNavTorchRL(2, horizon=5).rollout(9)["next"]
    assert finite["terminated"][:, :, 0].tolist() == [[False] * 4 + [True]] * 2
    assert not finite["truncated"].any()
    near = LandscapeNavTorchRL(2, max_norm=1e-3)
    gone = near.rollout(9)
    assert gone["next", "terminated"][:, 0].all()


def test_rewards_have_gradients_where_actions_do() -> None:
    envs = LandscapeNavTorchRL(ROWS, "long-horizon")
    gain = torch.zeros((), requires_grad=True)

    def act(tensordict: TensorDict) -> TensorDict:
        return tensordict.set("action", -gain * tensordict["observation"])

    envs.rollout(5, policy=act, auto_cast_to_device=False)["next", "reward"].sum().backward()
    assert gain.grad is not None
    assert gain.grad > 0  # moving against the gradient earns


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        LandscapeNavTorchRL(1).set_seed(-1)
