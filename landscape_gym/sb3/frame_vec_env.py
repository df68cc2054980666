"""`FrameVecEnv`: the environment in a frame of its gradients."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnvWrapper

from landscape_gym.actions import Velocity
from landscape_gym.belief_frame import frame_of
from landscape_gym.episodes import act_by, moments
from landscape_gym.frame import Frame, FrameState
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import LearnedRule
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import restarted
from landscape_gym.refusal import Refusal
from landscape_gym.registration import Regime
from landscape_gym.registration import regime as named
from landscape_gym.sb3.export import framed_rule
from landscape_gym.sb3.gated import GatedActor
from landscape_gym.sb3.policies import HIDDEN, SEEN
from landscape_gym.sb3.privileged import PrivilegedVecEnv
from landscape_gym.sb3.vec_env import LandscapeNavVecEnv
from landscape_gym.simulation import Simulation

TRIALS = 64
"""Episodes by which invariants are standardised."""
SEEN_IN_A_FRAME = ObservationConfig(
    ("gradient", "previous_update", "displacement", "averages", "lags"),
    rates=(0.5, 0.8, 0.9, 0.95),
)
"""What serves where curvature is hidden: each pair of averages tells where the gradient would be
zero."""


class FrameVecEnv(VecEnvWrapper):
    """Observations and actions along the axes of a frame.

    Those are eigenvectors of the gradients' second moment (`landscape_gym.frame.Frame`), or of the
    likeliest Hessian (`landscape_gym.belief_frame.BeliefFrame`).

    An observation is a row for each of d axes, one after another: its vectors, then its invariants.
    An action is a velocity along each axis, in units of the regime's box. `GatedPolicy` is the
    policy for it.

    Args:
        num_envs: Number of environments.
        regime: Name of the regime in `landscape_gym.registration.REGIMES`.
        belief: Whether the frame is that of a belief about the regime's problem.
        privileged: Whether observations have the hidden part of `PrivilegedVecEnv`, as it is.
            Rewards are then in its unit, too, so that a critic begins with the right magnitude.
        observation: The channels, as of `Regime.configured`; None: gradient, last update,
            displacement, and averages of gradients and parameters at four rates.
        **changes: What else to change of the regime.

    Raises:
        Refusal: for channels that do not rotate, or actions that are no velocities.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import GatedPolicy
        >>> env = FrameVecEnv(4, "landscape-nav")
        >>> env.reset().shape, env.action_space.shape  # 10 axes of 13 vectors and 11 invariants
        ((4, 240), (10,))
        >>> agent = PPO(GatedPolicy, env, policy_kwargs=env.policy_kwargs, n_steps=8, batch_size=32)
        >>> env.rule(agent.learn(32)).framed
        True
    """

    def __init__(
        self,
        num_envs: int = 1,
        regime: str = "landscape-nav",
        *,
        belief: bool = False,
        privileged: bool = False,
        observation: Any = SEEN_IN_A_FRAME,
        **changes: Any,
    ) -> None:
        setup = named(regime).configured(observation=observation or SEEN_IN_A_FRAME, **changes)
        if type(setup.action) is not Velocity:
            raise Refusal(f"moves in a frame are velocities, not {setup.action.kind!r} actions.")
        self.believes = setup.problem if belief else None
        self.regime = setup
        self._frame = frame_of(setup.observation, self.believes)
        self._state: FrameState | None = None
        kind = PrivilegedVecEnv if privileged else LandscapeNavVecEnv
        env: Any = kind(
            num_envs,
            problem=setup.problem,
            observation=setup.observation,
            action=setup.action,
        )
        row = len(self._frame.vectors) + len(self._frame.invariants)
        space: spaces.Space = spaces.Box(-np.inf, np.inf, (setup.problem.dim * row,), np.float32)
        if privileged:
            hidden = env.observation_space[HIDDEN]
            space = spaces.Dict({SEEN: space, HIDDEN: hidden})
        self._unit = env.unit if privileged else 1.0
        super().__init__(env, observation_space=space)
        self.discount = env.discount

    @cached_property
    def policy_kwargs(self) -> dict[str, Any]:
        """What a `GatedPolicy` for this environment has to be told.

        How invariants are distributed is found out in whole episodes of the policy as it begins.
        """
        seen, action = self.regime.observation, cast(Velocity, self.regime.action)
        critic = "privileged" if isinstance(self.venv, PrivilegedVecEnv) else "mlp"
        actor = GatedActor(self._frame, action.scale)
        invariants = _invariants(self.regime, self._frame, framed_rule(actor, action))
        given = {
            "channels": seen,
            "scale": action.scale,
            "believes": self.believes,
            "critic": critic,
        }
        return {**given, "standard": (invariants.mean(axis=0), invariants.std(axis=0))}

    def rule(self, agent: BaseAlgorithm) -> LearnedRule:
        """What an agent with a `GatedPolicy` has learned here, as a rule that acts by itself."""
        actor: Any = agent.policy.mlp_extractor.actor  # type: ignore[union-attr]
        return framed_rule(actor, self.regime.action)

    def reset(self) -> Any:
        """Begin new episodes."""
        observation = self.venv.reset()
        seen = _seen(observation)
        framed, self._state = self._rows(seen, self._frame.begin(seen))
        return _with(observation, framed)

    def step_async(self, actions: Array) -> None:
        """Rotate the actions back, (B, d), for `step_wait`."""
        assert self._state is not None, "reset comes before step"
        self.venv.step_async(self._frame.out_of(actions, self._state))

    def step_wait(self) -> Any:
        """Step, as `LandscapeNavVecEnv`; rewards are in the critic's unit."""
        observation, reward, dones, infos = self.venv.step_wait()
        seen, state = _seen(observation), self._state
        assert state is not None
        if dones.any():
            ended = np.flatnonzero(dones)
            last = [infos[row]["terminal_observation"] for row in ended]
            framed, _ = self._rows(np.stack([_seen(each) for each in last]), _rows(state, ended))
            for row, each, rows in zip(ended, last, framed, strict=True):
                infos[row]["terminal_observation"] = _with(each, rows)
            state = restarted(state, dones, self._frame.begin(seen))
        framed, self._state = self._rows(seen, state)
        return _with(observation, framed), reward / self._unit, dones, infos

    def _rows(self, seen: Array, state: FrameState) -> tuple[Array, FrameState]:
        framed, state = self._frame.see(seen, state)
        rows = np.concatenate([framed.vectors, framed.invariants], axis=2)
        return rows.reshape(len(rows), -1), state


def _rows(state: Any, rows: Array) -> Any:
    """Some rows of a state: arrays, None, or a NamedTuple of them."""
    if state is None or isinstance(state, np.ndarray):
        return None if state is None else state[rows]
    return type(state)(*(_rows(part, rows) for part in state))


def _invariants(regime: Regime, frame: Frame, rule: LearnedRule) -> Array:
    """Of all axes in whole episodes of a rule, (rows, invariants)."""
    simulation = Simulation.begun(
        np.arange(TRIALS),
        problem=regime.problem,
        observation=regime.observation,
        action=regime.action,
    )
    state, found = frame.begin(simulation.observe(simulation.state)), []
    for _ in moments(simulation, act_by(rule, simulation)):
        framed, state = frame.see(simulation.observe(simulation.state), state)
        found.append(framed.invariants.reshape(-1, framed.invariants.shape[-1]))
    return np.concatenate(found)


def _seen(observation: Any) -> Array:
    return observation[SEEN] if isinstance(observation, dict) else observation


def _with(observation: Any, seen: Array) -> Any:
    return {**observation, SEEN: seen} if isinstance(observation, dict) else seen
