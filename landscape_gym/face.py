"""What the single and the vector environment have in common: a view of their simulation."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec

from landscape_gym.configuration import plain, unknown
from landscape_gym.observation import Layout
from landscape_gym.problem import NavigationProblem
from landscape_gym.simulation import Simulation


def check_seed(seed: Any) -> int:
    """The seed as an integer.

    Raises:
        TypeError: for what is none.
        ValueError: for one below 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be an integer, got {seed!r}; None draws one.")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}; None draws one.")
    return int(seed)


def check_options(options: Mapping[str, Any] | None, accepted: Collection[str] = ()) -> None:
    """Refuse options of `reset` that would be ignored.

    Raises:
        TypeError: for what is no mapping.
        ValueError: for a name that is not accepted, with the nearest.
    """
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(f"options of reset are a mapping or None, got {options!r}.")
    for name in options or ():
        if not accepted:
            raise ValueError(f"reset takes no options here, got {name!r}: leave them out.")
        if name not in accepted:
            raise ValueError(unknown("option of reset", name, accepted))


class Face:
    """Mixin for an environment that shows a `Simulation`."""

    simulation: Simulation
    _spec: EnvSpec | None = None

    @property
    def problem(self) -> NavigationProblem:
        """What is simulated."""
        return self.simulation.problem

    @property
    def layout(self) -> Layout:
        """Where each channel lies in the observation."""
        return self.simulation.layout

    @property
    def discount(self) -> float:
        """The discount factor per step for agents to use, beta = exp(-gamma dt)."""
        return self.problem.discount

    @property
    def spec(self) -> EnvSpec | None:
        """What `gym.make` made the environment from, with arguments in their JSON form.

        Gymnasium's ``spec.to_json()`` writes dataclasses by their fields alone; without their kinds
        every landscape would read back as a change to the regime's.
        """
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        if spec is not None:
            with contextlib.suppress(ValueError):  # code has no such form, and no to_json() either
                spec.kwargs = plain(spec.kwargs)
        self._spec = spec
