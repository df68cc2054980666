"""Agents of Stable-Baselines3 as trainers: their environments, and how they learn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import sb3_contrib
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize
from torch import nn

from agents.rounds import SEEDS
from agents.trainer import Trainer, Training, Watch, training_seed
from landscape_gym.artifact import load_rule
from landscape_gym.learned import LearnedRule, LinearRules
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime
from landscape_gym.sb3 import (
    BeliefVecEnv,
    FrameVecEnv,
    GatedActor,
    LandscapeNavVecEnv,
    PrivilegedVecEnv,
    RegretVecEnv,
    WeightsVecEnv,
    belief_filter,
    learned_rule,
    weights_of,
)
from landscape_gym.sb3.policies import SEEN

STANDARD_STEPS = 60
"""Steps whose invariants are standardised by."""
SB3_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


@dataclass(frozen=True)
class AgentTraining(Training):
    """How an agent is set up, and for how long it trains."""

    lowest: ClassVar[Mapping[str, int]] = {"batch_size": 2}  # SB3 scales by a deviation
    log_interval: ClassVar[int | None] = None
    """Rollouts from one row of the log to the next; None leaves it to the algorithm. A2C would log
    every 100th, counted from where it is resumed."""

    timesteps: int = 1_000_000
    """Environment steps to train for, over all environments."""
    num_envs: int = 128
    """Environments in the batch. Many: the gradient's noise, not the number of updates, limits how
    close an agent comes."""
    episode_steps: int = 50
    """Steps of a training episode; short ones, cut by time limits with bootstrapping, keep the
    states that matter in the batch. Evaluation uses the problem's own length. Where agents see
    the time, or a horizon ends episodes, the problem's own length is kept."""
    learning_rate: float = 3e-3
    """Adam's step. Larger than SB3's 3e-4: batches are large, and it decays linearly to 0."""
    layers: tuple[int, ...] = ()
    """Widths of hidden layers; () is a linear rule."""
    activation: Literal["tanh", "relu"] = "tanh"
    """Between layers; relu where basins are switched."""
    sees: Literal["observation", "belief", "axes"] = "observation"
    """What the agent sees: the observation; a Kalman filter's error ("belief"); or the observation
    along the axes of the likeliest Hessian, as a gated actor does ("axes")."""
    begins: str | None = None
    """The rule whose weights an agent of axes begins with: a shipped one's name, or a file."""

    @property
    def privileged(self) -> bool:
        """Whether a critic sees what the actor does not."""
        return False

    @property
    def alike(self) -> bool:
        """Whether one network serves all coordinates, which has to see them scaled alike."""
        return False

    @property
    def alone(self) -> bool:
        """Whether that network is trained in one dimension, where no other is noise."""
        return False

    @property
    def regrets(self) -> bool:
        """Whether moves are paid by what they lose to the optimum, not by what they cost."""
        return False

    @property
    def lasts(self) -> int:
        """Steps that an action lasts where it is the weights of a rule; 0: it is a move."""
        return 0

    def met(self, regime: Regime) -> Regime:
        """The regime as the agent meets it; a filter has channels of its own."""
        met = super().met(regime)
        if self.sees != "belief":
            return met
        return replace(met, observation=belief_filter(regime).observation)

    def steps(self, problem: NavigationProblem) -> int:
        """As it is asked for, whatever the problem; the last rollout is not cut."""
        del problem
        return self.timesteps * max(self.lasts, 1)

    def trainer(self, regime: Regime, seed: int) -> AgentTrainer:
        """The agent in its environments, as `Training.trainer`."""
        return AgentTrainer(self, regime, seed)

    @abstractmethod
    def agent(self, env: VecEnv, discount: float, rows: ObservationConfig, seed: int) -> Any:
        """The untrained agent.

        Args:
            env: What it is trained in.
            discount: Per step.
            rows: The channels of the observation.
            seed: Of weights, exploration and environments.
        """

    def callbacks(self) -> list[BaseCallback]:
        """What has to be called during training."""
        return []

    def _common(self, env: VecEnv, discount: float, seed: int) -> dict[str, Any]:
        return {
            "env": env,
            "gamma": discount,
            "learning_rate": linear_decay(self.learning_rate),
            "seed": seed,
            "device": "cpu",
        }


def linear_decay(initial: float) -> Callable[[float], float]:
    """A schedule from `initial` to 0, as a function of the remaining fraction."""
    return lambda remaining: initial * remaining


class AgentTrainer(Trainer):
    """An untrained agent and its environments; the same seed gives the same weights.

    Args:
        training: The settings.
        regime: As it is asked for.
        seed: Of weights, exploration and environments.
    """

    training: AgentTraining

    def __init__(self, training: AgentTraining, regime: Regime, seed: int) -> None:
        super().__init__(training, regime, seed)
        torch.set_num_threads(1)  # two threads on two shared cores are slower than one
        self.normalizer = _environments(self.regime, training)
        discount, rows = self.regime.problem.discount, self.regime.observation
        self.agent: BaseAlgorithm = training.agent(self.normalizer, discount, rows, seed)
        if training.begins is not None:
            _gated_actor(self.agent).begin_as(load_rule(training.begins))
        elif training.sees == "axes":
            _standardise(_gated_actor(self.agent), self.normalizer)
        self.normalizer.seed(_first_seed(training, seed))
        self.callbacks: list[BaseCallback] = []
        """To be called besides the training's own. Their state is not saved."""

    @property
    def done(self) -> int:
        """Environment steps that it has taken."""
        return self.agent.num_timesteps * max(self.training.lasts, 1)

    @property
    def started(self) -> int:
        """When it began, in nanoseconds."""
        return int(self.agent.start_time)

    @started.setter
    def started(self, when: int) -> None:
        self.agent.start_time = when

    @property
    def parts(self) -> list[Any]:
        """The agent, its environment, and what that wraps, down to the simulation."""
        parts: list[Any] = [self.agent]
        part: Any = self.agent.get_env()
        while part is not None:
            parts.append(part)
            inner = ("venv", "envs", "simulation")
            part = next((vars(part)[name] for name in inner if name in vars(part)), None)
        return parts

    def log_to(self, logger: Logger) -> None:
        """Log there."""
        self.agent.set_logger(logger)

    def learn(self, watch: Watch) -> None:
        """Train to the end."""
        called = [_Accompanied(watch), *self.training.callbacks(), *self.callbacks]
        often: dict[str, Any] = {}
        if self.training.log_interval is not None:
            often["log_interval"] = self.training.log_interval
        self.agent.learn(self.training.timesteps, callback=called, **often)

    def rule(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The deterministic part of the agent's policy."""
        if self.training.lasts:
            return LinearRules(self.regime).rule(weights_of(self.agent.policy), about)
        return learned_rule(
            self.agent.policy,
            self.regime.problem,
            self.regime.observation,
            self.regime.action,
            self.normalizer,
            believes=self.training.sees == "belief",
            about=about,
        )

    def save(self, folder: Path) -> None:
        """Write what scripts of Stable-Baselines3 read: pickles, for who trained them alone."""
        self.normalizer.training = False
        self.agent.save(folder / "model.zip")
        self.normalizer.save(str(folder / "normalizer.pkl"))


class _Accompanied(BaseCallback):
    """Tells of what an agent comes to.

    Called before other callbacks, which then find the agent that is resumed.
    """

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def _on_training_start(self) -> None:
        self._watch.begin()
        if isinstance(self.model, RandomSearch):
            self.model.before_update = self._watch.boundary  # type: ignore[method-assign]

    def _on_rollout_start(self) -> None:
        # The rollout's buffer is empty, and nothing is half done.
        if not isinstance(self.model, RandomSearch):
            self._watch.boundary()

    def _on_step(self) -> bool:
        self._watch.step()
        return True

    def _on_training_end(self) -> None:
        vars(self.model).pop("before_update", None)  # agents are pickled
        self._watch.end()


class RandomSearch(sb3_contrib.ARS):
    """ARS that says when nothing is half done: its rollouts begin with directions half tried.

    It counts environment steps. Where there are many environments, SB3's counts a step of all of
    them for each of them, and ends many times too early.
    """

    def before_update(self) -> None:
        """Called then."""

    def _do_one_update(self, callback: BaseCallback, async_eval: Any) -> None:
        self.before_update()
        super()._do_one_update(callback, async_eval)

    def _trigger_callback(
        self,
        _locals: dict[str, Any],
        _globals: dict[str, Any],
        callback: BaseCallback,
        n_envs: int,
    ) -> None:
        """Count a step of one environment, for which this is called."""
        self.num_timesteps += 1
        if self.num_timesteps % n_envs == 0:
            callback.on_step()


def _environments(regime: Regime, training: AgentTraining) -> VecNormalize:
    """The environments that an agent is trained in, normalised with the problem's own discount.

    Args:
        regime: As the agent meets it.
        training: The settings.
    """
    changes: dict[str, Any] = {
        "problem": training_problem(regime, training),
        "action": regime.action,
        "observation": regime.observation,
    }
    kind: Callable[..., Any] = LandscapeNavVecEnv
    if training.lasts:
        kind = partial(WeightsVecEnv, hold=training.lasts)
        changes["problem"] = regime.problem  # whole trainings
    elif training.sees == "axes":
        kind = partial(FrameVecEnv, belief=True, privileged=training.privileged)
    elif training.regrets:
        kind = RegretVecEnv
    elif training.privileged:
        kind = PrivilegedVecEnv
    elif training.sees == "belief":
        kind = BeliefVecEnv
    env = kind(training.num_envs, **changes)
    return VecNormalize(
        VecMonitor(env),
        gamma=env.discount,
        norm_obs=not training.alike and training.sees != "axes",
        norm_obs_keys=[SEEN] if isinstance(env.observation_space, spaces.Dict) else None,
    )


def _first_seed(training: AgentTraining, seed: int) -> int:
    """Of training episodes; where each has a seed of its own, those of one training are apart."""
    if training.lasts:
        return training_seed(SEEDS * seed, training.timesteps)
    return training_seed(seed, training.num_envs)


def _gated_actor(agent: BaseAlgorithm) -> GatedActor:
    """The actor of an agent of axes.

    Raises:
        ValueError: for another agent.
    """
    actor = getattr(getattr(agent.policy, "mlp_extractor", None), "actor", None)
    if not isinstance(actor, GatedActor):
        raise ValueError("only an agent that sees 'axes' begins with the weights of a rule.")
    return actor


def _standardise(actor: GatedActor, env: VecNormalize) -> None:
    """Let an actor see invariants scaled, as they are along its own first paths."""
    observation: Any = env.reset()
    seen = []
    for _ in range(STANDARD_STEPS):
        rows = observation[SEEN] if isinstance(observation, dict) else observation
        seen.append(rows.reshape(len(rows), -1, actor.vectors + actor.invariants))
        with torch.no_grad():
            observation = env.step(actor(torch.as_tensor(rows)).numpy())[0]
    actor.standardise(np.concatenate(seen)[:, :, actor.vectors :])


def training_problem(regime: Regime, training: AgentTraining) -> NavigationProblem:
    """The problem with short episodes, unless the agent sees or is ended by the time."""
    problem = regime.problem
    if training.alone:
        problem = problem.replace(landscape={"dim": 1})
    if problem.horizon is not None or "elapsed" in regime.observation.channels:
        return problem
    return problem.replace(episode_steps=training.episode_steps)
