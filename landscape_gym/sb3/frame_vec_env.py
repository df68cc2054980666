"""`FrameVecEnv`: the environment in a frame of its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnvWrapper

from landscape_gym.actions import Velocity
from landscape_gym.belief_frame import frame_of
from landscape_gym.frame import FrameState
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import restarted
from landscape_gym.refusal import Refusal
from landscape_gym.registration import regime as named
from landscape_gym.sb3.policies import HIDDEN, SEEN
from landscape_gym.sb3.privileged import PrivilegedVecEnv
from landscape_gym.sb3.vec_env import LandscapeNavVecEnv


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
        **changes: What to change of the regime, as of `Regime.configured`.

    Raises:
        Refusal: for channels that do not rotate, or actions that are no velocities.

    Example:
        >>> seen = ("gradient", "previous_update", "displacement")
        >>> env = FrameVecEnv(4, "landscape-nav", observation=seen)
        >>> env.reset().shape, env.action_space.shape  # 10 axes of 5 vectors and 11 invariants
        ((4, 160), (10,))
    """

    def __init__(
        self,
        num_envs: int = 1,
        regime: str = "landscape-nav",
        *,
        belief: bool = False,
        privileged: bool = False,
        **changes: Any,
    ) -> None:
        setup = named(regime).configured(**changes)
        if type(setup.action) is not Velocity:
            raise Refusal(f"moves in a frame are velocities, not {setup.action.kind!r} actions.")
        believes = setup.problem if belief else None
        self._frame = frame_of(setup.observation, believes)
        self.policy_kwargs: dict[str, Any] = {
            "channels": setup.observation,
            "scale": setup.action.scale,
            "believes": believes,
        }
        """What `GatedPolicy` has to know of it."""
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
        super().__init__(env, observation_space=space)
        self.discount = env.discount

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
        """Step, as `LandscapeNavVecEnv`."""
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
        return _with(observation, framed), reward, dones, infos

    def _rows(self, seen: Array, state: FrameState) -> tuple[Array, FrameState]:
        framed, state = self._frame.see(seen, state)
        rows = np.concatenate([framed.vectors, framed.invariants], axis=2)
        return rows.reshape(len(rows), -1), state


def _rows(state: Any, rows: Array) -> Any:
    """Some rows of a state: arrays, None, or a NamedTuple of them."""
    if state is None or isinstance(state, np.ndarray):
        return None if state is None else state[rows]
    return type(state)(*(_rows(part, rows) for part in state))


def _seen(observation: Any) -> Array:
    return observation[SEEN] if isinstance(observation, dict) else observation


def _with(observation: Any, seen: Array) -> Any:
    return {**observation, SEEN: seen} if isinstance(observation, dict) else seen
