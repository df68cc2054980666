"""The RL Zoo's file: PPO takes its settings, and gammas are those of the environments."""

from inspect import signature
from pathlib import Path

import gymnasium as gym
import pytest

import landscape_gym  # noqa: F401  (registers the ids)

sb3 = pytest.importorskip("stable_baselines3", reason="it is of the extra 'agents'")
yaml = pytest.importorskip("yaml", reason="it comes with the extra 'docs'")
FILE = Path(__file__).parents[2] / "agents" / "rl_zoo" / "ppo.yml"
SETTINGS = yaml.safe_load(FILE.read_text())
IDS = [name for name in SETTINGS if name != "settings"]
ZOO = {"n_envs", "n_timesteps"}
"""What the Zoo takes for itself."""


@pytest.mark.parametrize("env_id", IDS)
def test_gamma_is_the_discount_of_the_environment(env_id: str):
    assert SETTINGS[env_id]["gamma"] == gym.make(env_id).unwrapped.discount


@pytest.mark.parametrize("env_id", IDS)
def test_ppo_takes_the_settings(env_id: str):
    assert SETTINGS[env_id].keys() - ZOO <= signature(sb3.PPO).parameters.keys()


def test_there_are_regimes_in_it():
    assert len(IDS) == 4
