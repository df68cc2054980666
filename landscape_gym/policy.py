"""Policies: everything that acts in the environment, and how a learning rule becomes one.

A policy has Stable-Baselines3's ``predict`` and says which channels it reads and what its actions
mean, so that derived rules, optimal controllers and trained agents can be run side by side.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from landscape_gym.actions import Action, Velocity
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig

UNBOUNDED = Velocity(scale=1e6)
"""The action of policies that know their control: so wide that the box [-1, 1] never clips it."""


class Policy(Protocol):
    """Anything that maps observations to actions."""

    @property
    def observation(self) -> ObservationConfig:
        """The channels it reads."""
        ...

    @property
    def action(self) -> Action:
        """What its actions mean."""
        ...

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """Actions (batch, size) for observations (batch, size), and the policy's next state.

        Args:
            observation: One row per environment.
            state: What the last call returned; None before the first.
            episode_start: Rows at the beginning of an episode, (batch,); None at the first call.
            deterministic: Whether to act without exploration.
        """
        ...


class Rule(Protocol):
    """A learning rule: a recurrence from gradients to updates, in plain arithmetic.

    It takes NumPy arrays and torch tensors alike, (..., dim).
    """

    def init(self, gradient: Any) -> tuple[Any, ...]:
        """The state before the first update: a NamedTuple of arrays like `gradient`."""
        ...

    def update(self, gradient: Any, state: Any) -> tuple[Any, Any]:
        """The control u (a velocity: theta+ = theta + dt u) and the next state."""
        ...


class RulePolicy:
    """A learning rule as a policy: it sees the gradient and sets the velocity.

    Example:
        >>> from landscape_gym.rules.gradient_descent import GradientDescent
        >>> policy = RulePolicy(GradientDescent(lr=2.0))
        >>> action, _ = policy.predict(np.ones((1, 3)))
        >>> action * policy.action.scale
        array([[-2., -2., -2.]])
    """

    observation = ObservationConfig(("gradient",))
    action = UNBOUNDED

    def __init__(self, rule: Rule) -> None:
        """Wrap `rule`."""
        self.rule = rule

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """The rule's update as an action; rows that start an episode start from a fresh state."""
        if state is None:
            state = self.rule.init(observation)
        elif episode_start is not None and np.any(episode_start):
            rows = np.asarray(episode_start, bool)[:, None]
            fresh = self.rule.init(observation)
            state = type(state)(*(np.where(rows, a, b) for a, b in zip(fresh, state, strict=True)))
        control, state = self.rule.update(observation, state)
        return control / self.action.scale, state


class DoNothing:
    """The policy u = 0, from which regret is measured."""

    observation = ObservationConfig(("elapsed",))
    action = UNBOUNDED

    def __init__(self, control_dim: int) -> None:
        """Stand still with `control_dim` controls."""
        self.control_dim = control_dim

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """Zeros."""
        return np.zeros((len(observation), self.control_dim), observation.dtype), None
