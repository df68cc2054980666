"""The algorithms that train agents here, each with its settings and the reasons for them.

A setting whose default departs from Stable-Baselines3's says why. `presets.py` has the settings for
each regime.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import sb3_contrib
import stable_baselines3 as sb3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv

from agents.dagger import Dagger
from agents.evolution import Evolution
from agents.gradient import Gradient
from agents.linear_dagger import LinearDagger
from agents.perturbation import EvolutionStrategy, PersistentEvolutionStrategy
from agents.stable_baselines import SB3_ACTIVATIONS, AgentTraining, RandomSearch, linear_decay
from agents.trainer import Training
from landscape_gym.observation import ObservationConfig
from landscape_gym.sb3 import (
    FitCritic,
    GatedPolicy,
    LogStdSchedule,
    NavigationPolicy,
    WeightsPolicy,
)


@dataclass(frozen=True)
class OnPolicy(AgentTraining):
    """What PPO, A2C and TRPO have in common."""

    log_interval: ClassVar[int | None] = 1
    lowest: ClassVar[Mapping[str, int]] = {**AgentTraining.lowest, "hold": 0}

    learning_rate: float = 5e-3
    """Adam's step, decayed linearly to 0 so that the gains settle; SB3's 3e-4 is for small
    batches."""
    n_steps: int = 32
    """Steps per environment and rollout. SB3's 2048 is for one environment."""
    gae_lambda: float = 0.97
    """Trade of bias and variance in the advantage."""
    critic: Literal["quadratic", "mlp", "privileged"] = "quadratic"
    """Quadratic: can hold the value of a linear-quadratic problem. Privileged: knows, in training
    only, what full information would cost."""
    per_coordinate: bool = False
    """One small network for all coordinates."""
    one_coordinate: bool = False
    """Whether that network is trained in one dimension: it acts there as in any, and what becomes
    of other coordinates is no noise."""
    rewards: Literal["costs", "regrets"] = "costs"
    """What moves cost; or, in training only, what they lose to the optimum for the channels seen,
    told the curvature: the same best policy, without the noise that no move can help. The critic,
    which has to be quadratic or fitted, then sees what the last move lost, too."""
    hold: int = 0
    """Steps for which an action, the weights of a linear rule for coordinates, trains a network
    (`landscape_gym.sb3.WeightsVecEnv`); timesteps are then so many such holds, and layers are the
    critic's. 0: actions are the regime's."""
    log_std_start: float = -2.0
    """Logarithm of the exploration noise, in units of the action box, at the start. Scheduled and
    not learned: a learned one collapses before the gain is right."""
    log_std_end: float = -3.0
    """The same at the end. Additive noise does not bias linear-quadratic gains."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for a value that is not accepted, or weights that depend on what is seen.
            TypeError: for a value of another type.
        """
        super().__post_init__()
        if self.hold and (self.sees != "observation" or self.per_coordinate or self.privileged):
            raise ValueError(
                "with hold, an action is the weights of a rule, whatever is seen: sees is "
                "'observation', per_coordinate False and the critic not 'privileged'."
            )
        if self.one_coordinate and not self.per_coordinate:
            raise ValueError(
                "one_coordinate trains a network for coordinates: per_coordinate=True."
            )
        quadratic = self.critic in ("quadratic", "fitted")
        if self.regrets and (self.hold or self.sees != "observation" or not quadratic):
            raise ValueError(
                "regrets are known of moves on what is observed, to a critic that is 'quadratic' "
                "or 'fitted': sees is 'observation' and hold 0."
            )

    @property
    def privileged(self) -> bool:
        """Whether a critic sees what the actor does not."""
        return self.critic == "privileged"

    @property
    def alike(self) -> bool:
        """Whether one network serves all coordinates, which has to see them scaled alike."""
        return self.per_coordinate

    @property
    def alone(self) -> bool:
        """Whether that network is trained in one dimension, where no other is noise."""
        return self.one_coordinate

    @property
    def regrets(self) -> bool:
        """Whether moves are paid by what they lose to the optimum, not by what they cost."""
        return self.rewards == "regrets"

    @property
    def lasts(self) -> int:
        """Steps that an action lasts where it is the weights of a rule; 0: it is a move."""
        return self.hold

    def callbacks(self) -> list[BaseCallback]:
        """The schedule of the exploration noise."""
        return [LogStdSchedule(self.log_std_start, self.log_std_end)]

    def _policy(self, rows: ObservationConfig) -> dict[str, Any]:
        return {
            "policy": WeightsPolicy if self.hold else NavigationPolicy,
            "policy_kwargs": {
                "layers": self.layers,
                "activation": self.activation,
                "critic": "quadratic" if self.critic == "fitted" else self.critic,
                "rows": rows if self.per_coordinate else None,
                "log_std_init": self.log_std_start,
            },
        }


@dataclass(frozen=True)
class PPO(OnPolicy):
    """Proximal policy optimisation: the best that was found for every regime."""

    algorithm: ClassVar[str] = "ppo"
    critic: Literal["quadratic", "fitted", "mlp", "privileged"] = "quadratic"  # type: ignore[assignment]
    """Fitted: quadratic, and solved for by least squares after each rollout. One that is trained
    lags, and biases small gains. The others are those of `OnPolicy`."""
    batch_size: int = 1024
    """Minibatch of the updates; SB3's 64 makes them slower and noisier."""
    n_epochs: int = 5
    """Passes over each rollout; SB3's 10 gain nothing more."""
    max_grad_norm: float = 0.5
    """Where gradients are clipped. A bias, if a small one, of rules that are not best in every
    state: a large number takes it away."""
    clip_range: float = 0.2
    """How far the ratio of probabilities may move in an update; SB3's."""

    def callbacks(self) -> list[BaseCallback]:
        """The schedule of the exploration noise, and the critic's fit."""
        return [*super().callbacks(), *([FitCritic()] if self.critic == "fitted" else [])]

    def agent(self, env: VecEnv, discount: float, rows: ObservationConfig, seed: int) -> Any:
        """The untrained agent."""
        return sb3.PPO(
            **(self._gated(env) if self.sees == "axes" else self._policy(rows)),
            **self._common(env, discount, seed),
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            n_epochs=self.n_epochs,
            gae_lambda=self.gae_lambda,
            max_grad_norm=self.max_grad_norm,
            clip_range=self.clip_range,
            vf_coef=0.0 if self.critic == "fitted" else 0.5,
        )

    def _gated(self, env: Any) -> dict[str, Any]:
        given = {"layers": self.layers, "critic": self.critic, "log_std_init": self.log_std_start}
        return {"policy": GatedPolicy, "policy_kwargs": {**env.policy_kwargs, **given}}


@dataclass(frozen=True)
class RecurrentPPO(PPO):
    """PPO with an LSTM, for what has to be remembered."""

    algorithm: ClassVar[str] = "recurrent_ppo"
    layers: tuple[int, ...] = (32,)
    """Widths of the layers behind the LSTM."""
    critic: Literal["mlp"] = "mlp"  # type: ignore[assignment]
    """A network behind an LSTM of its own."""
    lstm_size: int = 32
    """Width of the LSTMs; SB3's 256 are many times slower and no better here."""

    def agent(self, env: VecEnv, discount: float, rows: ObservationConfig, seed: int) -> Any:
        """The untrained agent."""
        return sb3_contrib.RecurrentPPO(
            "MlpLstmPolicy",
            **self._common(env, discount, seed),
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            n_epochs=self.n_epochs,
            gae_lambda=self.gae_lambda,
            max_grad_norm=self.max_grad_norm,
            clip_range=self.clip_range,
            policy_kwargs={
                "net_arch": list(self.layers),
                "activation_fn": SB3_ACTIVATIONS[self.activation],
                "lstm_hidden_size": self.lstm_size,
                "log_std_init": self.log_std_start,
            },
        )


@dataclass(frozen=True)
class A2C(OnPolicy):
    """Advantage actor-critic: one step of Adam a rollout."""

    algorithm: ClassVar[str] = "a2c"
    n_steps: int = 8
    """Steps per environment and rollout; short ones, as each makes one update only."""

    def agent(self, env: VecEnv, discount: float, rows: ObservationConfig, seed: int) -> Any:
        """The untrained agent; Adam instead of SB3's RMSprop, which is noisier near the end."""
        return sb3.A2C(
            **self._policy(rows),
            **self._common(env, discount, seed),
            n_steps=self.n_steps,
            gae_lambda=self.gae_lambda,
            use_rms_prop=False,
        )


@dataclass(frozen=True)
class TRPO(OnPolicy):
    """Trust-region policy optimisation; the step of the actor is set by the trust region."""

    algorithm: ClassVar[str] = "trpo"
    batch_size: int = 1024
    """Minibatch of the critic's updates."""
    target_kl: float = 0.01
    """How far a step may go."""

    def callbacks(self) -> list[BaseCallback]:
        """The schedule of the exploration noise, which keeps its gradient here."""
        return [LogStdSchedule(self.log_std_start, self.log_std_end, frozen=False)]

    def agent(self, env: VecEnv, discount: float, rows: ObservationConfig, seed: int) -> Any:
        """The untrained agent."""
        return sb3_contrib.TRPO(
            **self._policy(rows),
            **self._common(env, discount, seed),
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            gae_lambda=self.gae_lambda,
            target_kl=self.target_kl,
        )


@dataclass(frozen=True)
class OffPolicy(AgentTraining):
    """What SAC and TD3 have in common: few environments, many updates a step."""

    timesteps: int = 80_000
    """Environment steps to train for: a hundred times fewer a second than on-policy ones."""
    num_envs: int = 16
    """Environments in the batch."""
    learning_rate: float = 1e-3
    """Adam's step, decayed linearly to 0."""
    layers: tuple[int, ...] = (64, 64)
    """Widths of hidden layers; SB3's 256 are slower and no better here."""
    batch_size: int = 512
    """Transitions in an update."""
    buffer_size: int = 100_000
    """Transitions that are remembered."""
    learning_starts: int = 1_000
    """Steps before the first update."""
    gradient_steps: int = 8
    """Updates after each step of all environments."""

    def _off_policy(self, env: VecEnv, discount: float, seed: int) -> dict[str, Any]:
        return {
            **self._common(env, discount, seed),
            "policy": "MlpPolicy",
            "policy_kwargs": {
                "net_arch": list(self.layers),
                "activation_fn": SB3_ACTIVATIONS[self.activation],
            },
            "buffer_size": self.buffer_size,
            "learning_starts": self.learning_starts,
            "batch_size": self.batch_size,
            "train_freq": 1,
            "gradient_steps": self.gradient_steps,
        }


@dataclass(frozen=True)
class SAC(OffPolicy):
    """Soft actor-critic."""

    algorithm: ClassVar[str] = "sac"
    entropy: float = 1e-3
    """Weight of the entropy. SB3's automatic one keeps more noise than the optimum bears."""

    def agent(self, env: VecEnv, discount: float, rows: ObservationConfig, seed: int) -> Any:
        """The untrained agent."""
        return sb3.SAC(**self._off_policy(env, discount, seed), ent_coef=self.entropy)


@dataclass(frozen=True)
class TD3(OffPolicy):
    """Twin delayed deep deterministic policy gradient."""

    algorithm: ClassVar[str] = "td3"
    noise: float = 0.1
    """Standard deviation of exploration, in units of the action box."""

    def agent(self, env: VecEnv, discount: float, rows: ObservationConfig, seed: int) -> Any:
        """The untrained agent."""
        size = env.action_space.shape[0]  # type: ignore[index]
        noise = NormalActionNoise(np.zeros(size), np.full(size, self.noise))
        return sb3.TD3(**self._off_policy(env, discount, seed), action_noise=noise)


@dataclass(frozen=True)
class ARS(AgentTraining):
    """Augmented random search: whole episodes, no gradient, no critic."""

    algorithm: ClassVar[str] = "ars"
    learning_rate: float = 0.02
    """Step along the mean of the best directions, decayed linearly to 0."""
    n_delta: int = 16
    """Directions that are tried in each update, both ways."""
    delta_std: float = 0.05
    """Size of a trial step."""

    def agent(self, env: VecEnv, discount: float, rows: ObservationConfig, seed: int) -> Any:
        """The untrained agent; ARS knows no discount, so short episodes stand in for it."""
        return RandomSearch(
            "MlpPolicy",
            env,
            n_delta=self.n_delta,
            n_top=max(self.n_delta // 2, 1),
            learning_rate=linear_decay(self.learning_rate),
            delta_std=self.delta_std,
            n_eval_episodes=self.num_envs,
            policy_kwargs={
                "net_arch": list(self.layers),
                "activation_fn": SB3_ACTIVATIONS[self.activation],
                "squash_output": False,
            },
            seed=seed,
            device="cpu",
        )


ALGORITHMS: dict[str, type[Training]] = {
    cls.algorithm: cls
    for cls in (
        *(PPO, RecurrentPPO, A2C, TRPO, SAC, TD3, ARS, Evolution, Dagger, LinearDagger),
        *(Gradient, EvolutionStrategy, PersistentEvolutionStrategy),
    )
}
"""By the name on the command line."""
