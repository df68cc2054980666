"""Train an agent on a regime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from agents.algorithms import OnPolicy, Training
from agents.checkpoint import CHECKPOINTS, Checkpoints, Snapshot, newest, restore
from agents.logs import CSV_FILE, RunLogger, errors_told_once
from landscape_gym.configuration import plain
from landscape_gym.learned import LearnedRule
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime
from landscape_gym.sb3 import (
    BeliefVecEnv,
    LandscapeNavVecEnv,
    PrivilegedVecEnv,
    belief_filter,
    learned_rule,
)


class Trained(NamedTuple):
    """An agent and what it has learned."""

    agent: BaseAlgorithm
    normalizer: VecNormalize
    rule: LearnedRule


def setup(regime: Regime, training: Training) -> Regime:
    """The regime as the agent meets it: with its own channels and actions."""
    observation = training.observation or regime.observation
    if training.sees == "belief":
        observation = belief_filter(regime).observation
    return replace(regime, observation=observation, action=training.action or regime.action)


def make_env(regime: Regime, training: Training) -> VecNormalize:
    """The environments that an agent is trained in, normalised with the problem's own discount."""
    regime = setup(regime, training)
    kinds: dict[str, Any] = {
        "observation": LandscapeNavVecEnv,
        "belief": BeliefVecEnv,
        "privileged": PrivilegedVecEnv,
    }
    privileged = isinstance(training, OnPolicy) and training.critic == "privileged"
    changes = {"problem": training_problem(regime, training), "action": regime.action}
    if training.sees != "belief":
        changes["observation"] = regime.observation
    kind = kinds["privileged" if privileged else training.sees]
    env = kind(training.num_envs, **changes)
    # A rule for all coordinates has to scale them alike, which the scaled channels do.
    alike = isinstance(training, OnPolicy) and training.per_coordinate
    return VecNormalize(
        VecMonitor(env),
        gamma=env.discount,
        norm_obs=not alike,
        norm_obs_keys=["seen"] if privileged else None,
    )


def make_agent(regime: Regime, training: Training, env: VecNormalize, seed: int) -> BaseAlgorithm:
    """The untrained agent; the same seed gives the same weights on the same machine."""
    torch.set_num_threads(1)  # two threads on two shared cores are slower than one
    channels = setup(regime, training).observation
    return training.agent(env, regime.problem.discount, channels, seed)


def train(
    regime: Regime,
    training: Training,
    seed: int,
    *,
    folder: Path | None = None,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    callbacks: list[BaseCallback] | None = None,
    progress: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Trained:
    """Train an agent; the same seed gives the same weights on the same machine.

    A run that was stopped, however, and is resumed ends with the same weights, too, and with one
    log. A finished one is read, not trained again.

    Args:
        regime: The problem, the channels and the actions.
        training: With what, and how.
        seed: Of weights, exploration and environments.
        folder: Of the run, for logs and checkpoints; None writes nothing.
        resume: Whether to go on with the run in `folder`, from its newest checkpoint, or from the
            beginning where there is none.
        checkpoint_seconds: Time between checkpoints. ARS writes none.
        callbacks: To be called besides the training's own. Their state is not saved.
        progress: Whether to show a progress bar.
        about: What the learned rule is to say of itself.

    Raises:
        ValueError: for a run that cannot be resumed: it had other settings, its newest checkpoint
            is damaged, its algorithm cannot; or for a new run in the folder of another one.
    """
    asked = _settings(regime, training, seed)
    start = _start(folder, training, asked, resume)
    env = make_env(regime, training)
    agent = make_agent(regime, training, env, seed)
    if start is not None and start.finished:
        restore(agent, start)
        return Trained(agent, env, rule_of(regime, training, agent, env, about))
    called = [*training.callbacks(), *(callbacks or [])]
    # A2C would log every 100th rollout, counted from where it is resumed.
    often: dict[str, Any] = {"log_interval": 1} if isinstance(training, OnPolicy) else {}
    with _logging(agent, folder, start):
        if folder is not None and training.resumable:
            called = [Checkpoints(folder, asked, checkpoint_seconds, start), *called]
        agent.learn(training.timesteps, callback=called, progress_bar=progress, **often)
    return Trained(agent, env, rule_of(regime, training, agent, env, about))


@contextmanager
def _logging(agent: BaseAlgorithm, folder: Path | None, start: Snapshot | None) -> Iterator[None]:
    """Let an agent log to a folder, if there is one."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    logger = RunLogger(folder, None if start is None else start.log)
    agent.set_logger(logger)
    with errors_told_once():
        try:
            yield
        finally:
            logger.close()


def _start(
    folder: Path | None, training: Training, asked: Mapping[str, Any], resume: bool
) -> Snapshot | None:
    """What a run goes on from; None if it is new, or was stopped before the first checkpoint."""
    if not resume:
        if folder is not None and any((folder / name).exists() for name in (CSV_FILE, CHECKPOINTS)):
            raise ValueError(f"{folder} holds a run: resume it, or name another folder.")
        return None
    if folder is None:
        raise ValueError("name the folder of the run that is to be resumed.")
    if not training.resumable:
        raise ValueError(
            f"a run of {training.algorithm} cannot be resumed: train anew in another folder."
        )
    start = newest(folder)
    if start is not None:
        for name, value in asked.items():
            if (then := start.settings.get(name)) != value:
                raise ValueError(
                    f"{folder} holds a run with another {name}: {then!r}, not "
                    f"{value!r}. Resume it with its own, or train anew in another folder."
                )
    return start


def _settings(regime: Regime, training: Training, seed: int) -> dict[str, Any]:
    """All that decides what a run comes to, as far as it is plain data."""
    regime = setup(regime, training)
    settings = {"seed": seed, "algorithm": training.algorithm, **plain(training)}
    for name in ("problem", "observation", "action"):
        try:
            settings[name] = plain(getattr(regime, name))
        except ValueError:  # an object in code
            settings[name] = None
    return settings


def rule_of(
    regime: Regime,
    training: Training,
    agent: BaseAlgorithm,
    normalizer: VecNormalize,
    about: Mapping[str, Any] | None = None,
) -> LearnedRule:
    """What a trained agent has learned."""
    normalizer.training = False
    regime = setup(regime, training)
    return learned_rule(
        agent.policy,
        regime.problem,
        regime.observation,
        regime.action,
        normalizer,
        believes=training.sees == "belief",
        about=about,
    )


def training_problem(regime: Regime, training: Training) -> NavigationProblem:
    """The problem with short episodes, unless the agent sees or is ended by the time."""
    if regime.problem.horizon is not None or "elapsed" in regime.observation.channels:
        return regime.problem
    return regime.problem.replace(episode_steps=training.episode_steps)
