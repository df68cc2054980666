"""`LandscapeNavVectorEnv`: the natively batched environment, with Gymnasium's vector interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from landscape_gym.actions import Action
from landscape_gym.configuration import one_of
from landscape_gym.face import Face, check_options, check_seed
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.rendering import Recording
from landscape_gym.simulation import Outcome, Simulation
from landscape_gym.state import State
from landscape_gym.streams import fresh_seeds

AUTORESET_MODES = {
    spelling: mode for mode in AutoresetMode for spelling in (mode.value, mode.name.lower())
}


class LandscapeNavVectorEnv(Face, VectorEnv[Array, Array, Array]):  # pyright: ignore[reportIncompatibleVariableOverride]
    """Many loss landscapes navigated at once; see `LandscapeNavEnv` for what an episode is.

    Args:
        num_envs: Number of rows B.
        regime: Name of the regime in `landscape_gym.registration.REGIMES` to begin with.
        problem: A `NavigationProblem` instead of the regime's, or a mapping of fields to change.
        observation: An `ObservationConfig`, names of channels, or a mapping of fields to change.
        action: An action parametrisation, its kind, or a mapping of fields to change.
        autoreset_mode: "next_step", "same_step" or "disabled".
        max_episode_steps: Instead of the problem's ``episode_steps``.
        privileged: Whether ``info["hidden"]`` shows the hidden state.
        render_mode: None or "rgb_array": then ``render()`` gives one frame per row.
        dtype: "float32" or "float64", of the simulation, observations and actions.
        copy: Whether `reset` and `step` return a copy of the observations, as in Gymnasium's vector
            environments. False, for speed where parameters are many: observations may be the
            environments' own memory, which is read-only and holds them until the next step or
            reset, and actions are read where they lie. Numbers are the same.
        **overrides: Fields of the problem to change, such as ``gamma=1.0``.

    Seeding: row i of ``reset(seed=s)`` draws exactly what a `LandscapeNavEnv` reset with seed s + i
    draws, for every B. What follows from it is the same, too, except on landscapes of data: their
    losses and gradients are sums, whose order depends on B, and equal up to rounding.

    Example:
        >>> envs = LandscapeNavVectorEnv(3, regime="long-horizon", gamma=1.0)
        >>> observation, info = envs.reset(seed=0)
        >>> observation.shape, envs.discount < 1
        ((3, 2), True)
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        regime: str = "landscape-nav",
        problem: NavigationProblem | Mapping[str, Any] | None = None,
        observation: ObservationConfig | Mapping[str, Any] | str | tuple | list | None = None,
        action: Action | Mapping[str, Any] | str | None = None,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        privileged: bool = False,
        render_mode: str | None = None,
        dtype: str = "float32",
        copy: bool = True,
        **overrides: Any,
    ) -> None:
        """Validate the configuration and make the spaces; `reset` draws the first instances."""
        if max_episode_steps is not None:
            overrides["episode_steps"] = max_episode_steps
        self.simulation = Simulation(
            num_envs,
            regime,
            dtype,
            copy=copy,
            problem=problem,
            observation=observation,
            action=action,
            **overrides,
        )
        if max_episode_steps is not None and self.problem.horizon is not None:
            raise ValueError(
                f"max_episode_steps is ignored: the problem's horizon ends episodes after "
                f"{self.problem.horizon} steps. Change horizon instead, or set it to None."
            )
        self.num_envs = self.simulation.num_rows
        self.privileged = privileged
        if not isinstance(autoreset_mode, AutoresetMode):
            name = one_of("autoreset_mode", autoreset_mode, AUTORESET_MODES)
            autoreset_mode = AUTORESET_MODES[name]
        self.autoreset_mode = autoreset_mode
        self.metadata = {**self.metadata, "autoreset_mode": autoreset_mode}
        if render_mode is not None:
            one_of("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self._recording = Recording(self.simulation) if render_mode else None

        self.single_observation_space = self.simulation.observation_space
        self.single_action_space = self.simulation.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._rows = np.arange(self.num_envs)
        self._all = np.ones(self.num_envs, bool)
        self._ended: Array | None = None

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin new episodes.

        Args:
            seed: s seeds row i with s + i; a list seeds each row (None: it goes on with its own
                generator); None goes on with all of them.
            options: ``{"reset_mask": mask}`` resets only the rows of a boolean mask, (B,).

        Returns:
            Observations (B, size), of which rows that were not reset are as they were, and info.

        Raises:
            TypeError: for a seed that is no integer, or a mask that is no boolean array.
            ValueError: for a seed below 0, another number of seeds, or another option.
        """
        check_options(options, ("reset_mask",))
        rows = self._rows
        if options is not None and "reset_mask" in options:
            rows = self._checked_rows(options["reset_mask"])
        self._seed(seed, rows)
        fresh = self.simulation.begin(rows)
        if self._ended is None:
            self._ended = np.zeros(self.num_envs, bool)
        self._ended[rows] = False
        if self._recording:
            self._recording.begin(rows)
        info: dict[str, Any] = {}
        self._write(info, rows, **_beginning(fresh))
        return self.simulation.observe(self.simulation.state), self._revealed(info, rows)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Move every row by its action.

        Args:
            actions: (B, size) in [-1, 1]; what lies outside, infinite or not, is clipped.

        Returns:
            Observations (B, size), rewards (B,), terminations (B,), truncations (B,) and info:
            ``loss``, ``excess_loss`` (above the minimum, where that is known) and
            ``control_cost`` of the step.

        Raises:
            ValueError: for actions of another shape, or that are NaN or no numbers.
            ResetNeeded: before `reset`, and with autoreset "disabled" for rows that have ended.
        """
        ended = self._ended
        if ended is None or (self.autoreset_mode is AutoresetMode.DISABLED and ended.any()):
            raise ResetNeeded(
                "call reset() before step()."
                if ended is None
                else f"rows {np.flatnonzero(ended).tolist()} have ended: reset them with "
                "reset(options={'reset_mask': mask}) before the next step."
            )
        still = ended if ended.any() else None
        outcome = self.simulation.advance(actions, still)
        observation = self.simulation.observe(self.simulation.state)
        info = self._step_info(outcome)
        reward = np.negative(outcome.cost, dtype=np.float64)
        terminated, truncated = outcome.terminated, outcome.truncated
        if self._recording:
            self._recording.record(still)
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and still is not None:
            reward[ended], terminated[ended], truncated[ended] = 0.0, False, False
            observation = self._begin_again(np.flatnonzero(ended), observation, info)
        self._ended = terminated | truncated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            rows = np.flatnonzero(self._ended)
            self._keep_final(rows, observation, info)
            observation = self._begin_again(rows, observation, info)
            self._ended = np.zeros(self.num_envs, bool)
        return observation, reward, terminated, truncated, self._revealed(info, self._rows)

    def render(self) -> tuple[Array, ...] | None:  # type: ignore[override]
        """One picture per row, (height, width, 3) bytes; None without render mode.

        Raises:
            ResetNeeded: before `reset`.
        """
        if self._recording is None:
            return None
        return tuple(self._recording.frame(row) for row in range(self.num_envs))

    def _seed(self, seed: int | list[int | None] | None, rows: Array) -> None:
        """Seed some rows' generators as `reset` was asked to."""
        if seed is None:
            if self._np_random_seed is not None:
                return
            (seed,) = fresh_seeds(1)
        if isinstance(seed, np.ndarray):
            seed = seed.tolist()
        if isinstance(seed, int | np.integer):
            seed = [check_seed(seed) + i for i in range(self.num_envs)]
        if not isinstance(seed, list | tuple):
            raise TypeError(f"seed is an integer, a list of one per row, or None; got {seed!r}.")
        if len(seed) != self.num_envs:
            raise ValueError(f"give one seed per row, {self.num_envs}; got {len(seed)}.")
        chosen = {int(row): check_seed(seed[row]) for row in rows if seed[row] is not None}
        self.simulation.streams.seed(list(chosen), list(chosen.values()))
        self._np_random_seed = next(iter(chosen.values()), self._np_random_seed)

    def _begin_again(self, rows: Array, observation: Array, info: dict[str, Any]) -> Array:
        """Reset some rows in the middle of a step; what all see, with theirs over what they saw."""
        if not observation.flags.writeable:
            observation = observation.copy()
        fresh = self.simulation.begin(rows)
        observation[rows] = self.simulation.observe(fresh)
        self._write(info, rows, **_beginning(fresh))
        if self._recording:
            self._recording.begin(rows)
        return observation

    def _step_info(self, outcome: Outcome) -> dict[str, Any]:
        """The info of a step, before any row is reset."""
        info: dict[str, Any] = {
            "loss": outcome.loss.copy(),
            "excess_loss": outcome.excess,
            "control_cost": outcome.charge,
        }
        for name in tuple(info):
            info[f"_{name}"] = self._all.copy()
        return info

    def _keep_final(self, rows: Array, observation: Array, info: dict[str, Any]) -> None:
        """Put what rows that ended saw last under the keys that Gymnasium gives it."""
        ended = np.zeros(self.num_envs, bool)
        ended[rows] = True
        last = np.full(self.num_envs, None, dtype=object)
        last[rows] = np.fromiter(observation[rows], dtype=object, count=len(rows))
        final: dict[str, Any] = {}
        self._write(final, rows, **{n: info[n][rows] for n in info if not n.startswith("_")})
        final = self._revealed(final, rows)
        info.update(final_obs=last, _final_obs=ended, final_info=final, _final_info=ended.copy())

    def _revealed(self, info: dict[str, Any], rows: Array) -> dict[str, Any]:
        """The info with the hidden state of some rows, where that is asked for."""
        if self.privileged:
            self._write(info.setdefault("hidden", {}), rows, **self._hidden(rows))
            info["_hidden"] = np.isin(self._rows, rows)
        return info

    def _hidden(self, rows: Array) -> dict[str, Array]:
        """Target and curvature of some rows, as far as the landscape knows them."""
        return {name: values[rows] for name, values in self.simulation.hidden().items()}

    def _write(self, info: dict[str, Any], rows: Array, **values: Array) -> None:
        """Write values of some rows into `info`, with Gymnasium's masks of who has them."""
        for name, value in values.items():
            if name not in info:
                info[name] = np.zeros((self.num_envs, *value.shape[1:]), value.dtype)
                info[f"_{name}"] = np.zeros(self.num_envs, bool)
            info[name][rows] = value
            info[f"_{name}"][rows] = True

    def _checked_rows(self, mask: Any) -> Array:
        """The rows of a reset mask."""
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"options['reset_mask'] is a boolean array, got {mask!r}.")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(
                f"options['reset_mask'] has shape ({self.num_envs},) and a row that is True, "
                f"got {mask!r}."
            )
        if self._ended is None and not mask.all():
            raise ResetNeeded("reset all rows once before resetting some of them.")
        return np.flatnonzero(mask)


def _beginning(fresh: State) -> dict[str, Array]:
    """The info of rows at the beginning of an episode."""
    return {
        "loss": fresh.loss.copy(),
        "excess_loss": fresh.loss - fresh.minimum_loss,
        "control_cost": np.zeros_like(fresh.loss),
    }
