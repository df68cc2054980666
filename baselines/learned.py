"""The learned policy of a training run's folder, as another entrant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from baselines.files import read_json
from landscape_gym.actions import ACTIONS
from landscape_gym.artifact import load_rule
from landscape_gym.configuration import alternative
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime, regime

FILES = ("config.json", "rule.safetensors")
"""What is read of what train_agent.py leaves of a run; neither can hold code."""


def load_run(folder: Path) -> tuple[str, Regime, Policy]:
    """The regime's name, the regime as the run changed it, and the rule that was learned there.

    Raises:
        FileNotFoundError: if the folder holds no finished run.
        ValueError: if its problem cannot be made from its file, or its rule is damaged.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} holds no {name}: name the folder of a finished run of train_agent.py."
            )
    config = read_json(folder / "config.json")
    if missing := {"problem", "regime", "observation", "action"} - set(config):
        raise ValueError(
            f"{folder / 'config.json'} lacks {', '.join(sorted(missing))}: it is no run's."
        )
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
    return config["regime"], changed, load_rule(folder / "rule.safetensors")
