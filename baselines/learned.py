"""The learned policy of a training run's folder, as another entrant."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape_gym.actions import ACTIONS
from landscape_gym.configuration import alternative
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime, regime

FILES = ("config.json", "model.zip", "normalizer.pkl")
"""What train_agent.py leaves of a run, and what is read of it."""


def load_run(folder: Path) -> tuple[str, Regime, Policy]:
    """The regime's name, the regime as the run changed it, and the policy that was trained there.

    The model is unpickled, which runs whatever code the files hold: load only runs of your own.

    Raises:
        FileNotFoundError: if the folder holds no finished run.
        ValueError: if its problem cannot be made from its file.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} holds no {name}: name the folder of a finished run of train_agent.py."
            )
    config = json.loads((folder / "config.json").read_text())
    if not isinstance(config["problem"], dict):
        raise ValueError(
            f"the landscape of the run {folder} is an object in code: compare it there, with "
            "landscape_gym.evaluation.compare."
        )
    changed = replace(
        regime(config["regime"]),
        problem=NavigationProblem.of(config["problem"]),
        observation=ObservationConfig.of(config["observation"]),
        action=alternative(ACTIONS, config["action"], "action"),
    )
    return config["regime"], changed, _policy(folder, changed)


def _policy(folder: Path, changed: Regime) -> Policy:
    """The agent with its observation normaliser."""
    # Only here: Stable-Baselines3 takes longer to import than all the rest.
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize

    from landscape_gym.sb3 import AgentPolicy, LandscapeNavVecEnv

    env = LandscapeNavVecEnv(
        1, problem=changed.problem, observation=changed.observation, action=changed.action
    )
    normalizer = VecNormalize.load(str(folder / "normalizer.pkl"), env)
    normalizer.training = False
    schedules: dict[str, Any] = {"learning_rate": 0.0, "lr_schedule": None, "clip_range": 0.2}
    agent = PPO.load(folder / "model.zip", device="cpu", custom_objects=schedules)
    return AgentPolicy(agent, changed.observation, changed.action, normalizer)
