"""Train PPO on a navigation problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from agents.presets import Preset
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime
from landscape_gym.sb3 import AgentPolicy, LandscapeNavVecEnv, LinearPolicy, LogStdSchedule

POLICIES: dict[str, Any] = {"linear": LinearPolicy, "mlp": "MlpPolicy"}


def train_ppo(
    regime: Regime,
    preset: Preset,
    seed: int,
    *,
    logger: Logger | None = None,
    progress: bool = False,
) -> tuple[PPO, AgentPolicy]:
    """Train PPO; the same seed gives the same weights on the same machine.

    Args:
        regime: The problem, the channels and the actions.
        preset: How to train.
        seed: Of weights, exploration and environments.
        logger: Where SB3 logs; None logs nothing.
        progress: Whether to show a progress bar.

    Returns:
        The SB3 agent, and it as a policy with its observation normaliser.
    """
    torch.set_num_threads(1)  # two threads on two shared cores are slower than one
    env = LandscapeNavVecEnv(
        preset.num_envs,
        problem=training_problem(regime, preset),
        observation=regime.observation,
        action=regime.action,
    )
    normalized = VecNormalize(VecMonitor(env), gamma=env.discount)
    agent = PPO(
        POLICIES[preset.policy],
        normalized,
        learning_rate=linear_decay(preset.learning_rate),
        n_steps=preset.n_steps,
        batch_size=preset.batch_size,
        n_epochs=preset.n_epochs,
        gamma=env.discount,
        gae_lambda=preset.gae_lambda,
        policy_kwargs={"log_std_init": preset.log_std_start},
        seed=seed,
        device="cpu",
    )
    if logger is not None:
        agent.set_logger(logger)
    schedule: list[BaseCallback] = [LogStdSchedule(preset.log_std_start, preset.log_std_end)]
    agent.learn(preset.timesteps, callback=schedule, progress_bar=progress)
    normalized.training = False
    return agent, AgentPolicy(agent, regime.observation, regime.action, normalized)


def training_problem(regime: Regime, preset: Preset) -> NavigationProblem:
    """The problem with short episodes, unless the agent sees or is ended by the time."""
    if regime.problem.horizon is not None or "elapsed" in regime.observation.channels:
        return regime.problem
    return regime.problem.replace(episode_steps=preset.episode_steps)


def linear_decay(initial: float) -> Callable[[float], float]:
    """A schedule from `initial` to 0, as a function of the remaining fraction."""
    return lambda remaining: initial * remaining
