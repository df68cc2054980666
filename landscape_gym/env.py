"""`LandscapeNavEnv`: the environment's single face. Its docstring is the environment's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded

from landscape_gym.actions import ACTIONS, Action
from landscape_gym.channels import CHANNELS
from landscape_gym.configuration import one_of
from landscape_gym.face import Face, check_options, check_seed
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.rendering import Recording
from landscape_gym.simulation import Simulation, as_array
from landscape_gym.streams import fresh_seeds


class LandscapeNavEnv(Face, gym.Env[Array, Array]):  # pyright: ignore[reportIncompatibleVariableOverride]
    """Training as navigation: move parameters over a loss landscape whose shape is hidden.

    ## Description

    The state is a parameter vector theta on a loss landscape L, drawn anew for each episode. The
    action is a parameter update. The reward is minus the cost of the update and of the loss that it
    leads to, so a learning rule is a policy, and a good one is nearly optimal control.

    ## Action Space

    A box in [-1, 1]; what lies outside, also infinity, is clipped. Its meaning (argument `action`):

    {actions}

    An action of one's own is an instance of `landscape_gym.actions.Action`.

    ## Observation Space

    A box; the channels named by the argument `observation`, one after another (`env.layout.slices`
    says where). Privileged ones tell what a learner cannot see.

    {channels}

    ## Rewards

    ``-dt [ u^T G u / (2 eta) + k (L(theta') - L_min) ]``, with theta' after the move and L_min
    the minimum where it is known, else 0. Agents should discount by `env.discount`, which is
    exp(-gamma dt).

    ## Starting State

    An instance of the landscape and parameters drawn from the problem's distributions.
    ``reset(seed=s)`` twice gives the same bytes.

    ## Episode End

    With a planning `horizon` the episode terminates there; without one it is truncated after
    `episode_steps`. It terminates when theta's norm passes `max_norm` or anything becomes
    non-finite: theta then stays at its last good place, and the step costs what its control costs
    plus the price of the rest of the episode, each step at the largest cost of a step so far (or of
    standing still, if that is more).

    ## Arguments

    ``gym.make`` passes them on, and ``gym.make_vec`` to `LandscapeNavVectorEnv`, for instance
    ``gym.make("LandscapeNav/LongHorizon-v0", gamma=1.0, observation=["gradient", "loss"])``.

    | argument | meaning |
    |---|---|
    | `regime` | name in `landscape_gym.REGIMES` of what to begin with; each id has one |
    | `problem` | a `NavigationProblem`, or a mapping of its fields to change |
    | `observation` | an `ObservationConfig`, names of channels, or a mapping of fields to change |
    | `action` | an action parametrisation, its kind, or a mapping of fields to change |
    | `privileged` | whether ``info["hidden"]`` shows target, curvature, a network's accuracy |
    | `render_mode` | None, "rgb_array" or "human" |
    | `dtype` | "float32" or "float64", of the simulation, observations and actions |
    | `copy` | whether observations are copies; False: see below |
    | any field of `NavigationProblem` | its new value; mappings change only what they name |

    With ``copy=False``, for speed where parameters are many, an observation may be the
    environment's own memory, which is read-only and holds it until the next step or reset, and
    actions are read where they lie. Numbers are the same.

    ## Version History

    v0: first version.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array", "human"],
        "render_fps": 10,
    }

    def __init__(
        self,
        regime: str = "landscape-nav",
        problem: NavigationProblem | Mapping[str, Any] | None = None,
        observation: ObservationConfig | Mapping[str, Any] | str | tuple | list | None = None,
        action: Action | Mapping[str, Any] | str | None = None,
        *,
        privileged: bool = False,
        render_mode: str | None = None,
        dtype: str = "float32",
        copy: bool = True,
        **overrides: Any,
    ) -> None:
        """Validate the configuration; `reset` draws the first instance."""
        self.simulation = Simulation(
            1,
            regime,
            dtype,
            copy=copy,
            problem=problem,
            observation=observation,
            action=action,
            **overrides,
        )
        self.privileged = privileged
        if render_mode is not None:
            one_of("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self._recording = Recording(self.simulation) if render_mode else None
        self._window = _window(self.metadata["render_fps"]) if render_mode == "human" else None
        self.observation_space = self.simulation.observation_space
        self.action_space = self.simulation.action_space
        self._running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin a new episode; `seed` None goes on with the generator there is.

        Raises:
            TypeError: for a seed that is no integer.
            ValueError: for a seed below 0, or options: there are none.
        """
        check_options(options)
        if seed is None and self._np_random_seed is None:
            (seed,) = fresh_seeds(1)
        if seed is not None:
            seed = check_seed(seed)
            self.simulation.streams.seed([0], [seed])
            self._np_random_seed = seed
            self._np_random = self.simulation.streams.generators[0]
        fresh = self.simulation.begin(np.arange(1))
        self._running = True
        if self._recording:
            self._recording.begin(np.arange(1))
            self._show()
        excess = fresh.loss - fresh.minimum_loss
        return self.simulation.observe(fresh)[0], self._info(
            fresh.loss, excess, np.zeros_like(excess)
        )

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Move by `action`, (size,) in [-1, 1]; what lies outside, infinite or not, is clipped.

        Returns:
            Observation (size,), reward, terminated, truncated and info: ``loss``, ``excess_loss``
            (above the minimum, where that is known) and ``control_cost`` of the step.

        Raises:
            ValueError: for an action of another shape, or that is NaN or no number.
            ResetNeeded: before `reset`, and after the end of the episode.
        """
        if not self._running:
            raise ResetNeeded("the episode is over or has not begun: call reset() before step().")
        action = as_array(action)
        if action.shape != self.action_space.shape:
            raise ValueError(f"the action has shape {self.action_space.shape}, got {action.shape}.")
        outcome = self.simulation.advance(action[None])
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        self._running = not (terminated or truncated)
        if self._recording:
            self._recording.record()
            self._show()
        observation = self.simulation.observe(self.simulation.state)[0]
        info = self._info(outcome.loss, outcome.excess, outcome.charge)
        return observation, -float(outcome.cost[0]), terminated, truncated, info

    def render(self) -> Array | None:  # type: ignore[override]
        """The picture of the episode so far, (height, width, 3) bytes; "human" shows it.

        Raises:
            ResetNeeded: before `reset`.
        """
        if self._recording is None:
            return None
        frame = self._recording.frame(0)
        if self._window is None:
            return frame
        self._window.show(frame)
        return None

    def close(self) -> None:
        """Close the window, if one is open."""
        if self._window is not None:
            self._window.close()

    def _show(self) -> None:
        """Show the picture, in mode "human"."""
        if self._window is not None:
            self.render()

    def _info(self, loss: Array, excess: Array, charge: Array) -> dict[str, Any]:
        """The info of the one row."""
        info: dict[str, Any] = {
            "loss": loss[0],
            "excess_loss": excess[0],
            "control_cost": charge[0],
        }
        if self.privileged:
            hidden = self.simulation.hidden()
            info["hidden"] = {name: values[0].copy() for name, values in hidden.items()}
        return info


def _window(fps: float) -> Any:
    """What shows the pictures; only here is pygame imported, which is optional."""
    from landscape_gym.rendering.window import Window

    return Window("landscape_gym", fps)


def _completed(page: str) -> str:
    """The environment's page with its tables of actions and channels, from their registries."""

    def rows(head: str, meanings: dict[str, str]) -> str:
        lines = [f"| {head} | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {meaning} |" for name, meaning in meanings.items()]
        return "\n    ".join(lines)

    actions = {kind: (action.__doc__ or "").partition("\n")[0] for kind, action in ACTIONS.items()}
    channels = {
        name: channel.description + (" (privileged)" if channel.privileged else "")
        for name, channel in CHANNELS.items()
    }
    page = page.replace("{actions}", rows("kind", actions))
    return page.replace("{channels}", rows("channel", channels))


LandscapeNavEnv.__doc__ = _completed(LandscapeNavEnv.__doc__ or "")
