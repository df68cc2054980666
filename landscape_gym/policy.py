"""Policies: everything that acts in the environment, and how a learning rule becomes one.

A policy has Stable-Baselines3's ``predict`` and says which channels it reads and what its actions
mean, so that derived rules, optimal controllers and trained agents can be run side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from landscape_gym.actions import Action, Velocity
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.problem import NavigationProblem

UNBOUNDED = Velocity(scale=1e6)
"""The action of policies that know their control: so wide that the box [-1, 1] never clips it."""


class Policy(Protocol):
    """Anything that maps observations to actions; `StatefulPolicy` is the base to write one from.

    A class of one's own may leave out `name` and `privileged`: it is compared as one that knows no
    more than its channels tell (`knows_more`).
    """

    @property
    def name(self) -> str:
        """What it is called in sentences and titles."""
        ...

    @property
    def privileged(self) -> bool:
        """Whether it knows more than a learner could, whatever it reads."""
        ...

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


def knows_more(policy: Policy) -> bool:
    """Whether it sees, or knows, what a learner cannot."""
    return policy.observation.privileged or getattr(policy, "privileged", False)


class StatefulPolicy:
    """The head of `predict`, written once: whose episode begins, begins with a fresh state.

    Subclasses have `observation`, and `act`; those that remember something have `begin`, too.

    Example:
        >>> class Sum(StatefulPolicy):  # moves against the sum of all gradients of the episode
        ...     observation = ObservationConfig(("gradient",))
        ...
        ...     def begin(self, observation):
        ...         return np.zeros_like(observation)
        ...
        ...     def act(self, observation, state):
        ...         return self.action_of(-(state + observation), observation), state + observation
        >>> policy, gradient = Sum(), np.ones((2, 1))
        >>> _, state = policy.predict(gradient)
        >>> policy.predict(gradient, state, np.array([False, True]))[1].ravel()
        array([2., 1.])
    """

    name: str = "policy"
    """What it is called in sentences and titles."""
    privileged: bool = False
    """Whether it knows more than a learner could, whatever it reads."""
    observation: ObservationConfig
    """The channels it reads."""
    action: Action = UNBOUNDED
    """What its actions mean."""

    def begin(self, observation: Array) -> Any:
        """The state of rows (batch,) whose episodes begin with these observations (batch, size).

        It holds what is known before they are taken in, which is for `act` to do; None where there
        is nothing to remember.
        """
        return None

    def act(self, observation: Array, state: Any) -> tuple[Array, Any]:
        """Actions (batch, size) for observations (batch, size), and the next state."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it acts.")

    def restart(self, observation: Array, state: Any, rows: Array) -> Any:
        """The state in which the episodes of some rows, a mask (batch,), begin."""
        return restarted(state, rows, self.begin(observation))

    def fits(self, state: Any, rows: int) -> bool:
        """Whether a state belongs to so many rows; another one is dropped, and all rows begin."""
        return True

    def ready(self, observation: Array, state: Any, episode_start: Array | None) -> Any:
        """The state to act on: as it was, but of rows whose episode begins, see `predict`."""
        if state is None or not self.fits(state, len(observation)):
            return self.begin(observation)
        if episode_start is not None and np.any(episode_start):
            return self.restart(observation, state, np.asarray(episode_start, bool))
        return state

    def action_of(self, control: Array, observation: Array) -> Array:
        """A control u as an action that sets the velocity, in the observation's type."""
        assert isinstance(self.action, Velocity)
        return (control / self.action.scale).astype(observation.dtype, copy=False)

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """Actions for observations, and the next state; there is no exploration to leave out."""
        return self.act(observation, self.ready(observation, state, episode_start))


class Rule(Protocol):
    """A learning rule: a recurrence from what is seen to updates, in plain arithmetic.

    It takes NumPy arrays and torch tensors alike, (..., dim). What it sees is named by `channels`,
    from `landscape_gym.channels.CHANNELS`: the first of them, as a rule the gradient, is passed
    by position, the others by name.

    `init` and `update` are functions: they overwrite nothing that they are given, and so gradients
    flow through them and `torch.func.vmap` takes them. What is done in place for speed, the
    optimizer does (`landscape_gym.optim.RuleOptimizer`), and a rule may help it in three ways:

    - ``separable: ClassVar[bool] = True`` says that each coordinate is treated by itself: the
      update of some coordinates, from their part of the state, is their part of the update. They
      are then moved in pieces that fit in the cache. Without it a rule counts as not separable.
    - an argument ``out`` of `update`, None by default, is a state into which the next one may be
      written, as far as that saves time. It may be `state` itself.
    - a method ``for_tensors(tensors)`` gives the rule for parameters that are made of these
      (`landscape_gym.landscapes.tensors.Tensors`), if the rule has to know.
    """

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it reads; at least one."""
        ...

    @property
    def init(self) -> Callable[..., Any]:
        """``init(gradient, **others)``: the state before the first update.

        A NamedTuple of arrays, or tuples of arrays, with the rows of `gradient`.
        """
        ...

    @property
    def update(self) -> Callable[..., tuple[Any, Any]]:
        """``update(gradient, state, **others)``: the control and the next state.

        The control u is a velocity: theta+ = theta + dt u.
        """
        ...


class RulePolicy(StatefulPolicy):
    """A learning rule as a policy: it sees the rule's channels and sets the velocity.

    Args:
        rule: The rule.
        problem: What it acts in; needed only by rules that read more than one channel.
        name: What it is called; the rule's class if None.

    Example:
        >>> from landscape_gym.rules.gradient_descent import GradientDescent
        >>> policy = RulePolicy(GradientDescent(lr=2.0))
        >>> action, _ = policy.predict(np.ones((1, 3)))
        >>> action * policy.action.scale
        array([[-2., -2., -2.]])
    """

    def __init__(
        self, rule: Rule, problem: NavigationProblem | None = None, *, name: str | None = None
    ) -> None:
        """Wrap `rule`.

        Raises:
            ValueError: if the rule reads several channels and no problem says how long they are.
        """
        self.rule = rule
        self.name = name or type(rule).__name__
        self.observation = ObservationConfig(tuple(rule.channels))
        self.privileged = self.observation.privileged
        if problem is None and len(rule.channels) > 1:
            raise ValueError(
                f"{type(rule).__name__} reads {', '.join(rule.channels)}: name the problem too, "
                "RulePolicy(rule, problem), so that the observation can be taken apart."
            )
        self._slices = None if problem is None else Layout(self.observation, problem).slices

    def begin(self, observation: Array) -> Any:
        """The rule's first state."""
        first, others = self._seen(observation)
        return self.rule.init(first, **others)

    def act(self, observation: Array, state: Any) -> tuple[Array, Any]:
        """The rule's update as an action."""
        first, others = self._seen(observation)
        control, state = self.rule.update(first, state, **others)
        return control / UNBOUNDED.scale, state

    def _seen(self, observation: Array) -> tuple[Array, dict[str, Array]]:
        """The first channel, and the others by name."""
        if self._slices is None:
            return observation, {}
        seen = {name: observation[:, where] for name, where in self._slices.items()}
        return seen.pop(self.rule.channels[0]), seen


def restarted(state: Any, rows: Array, fresh: Any) -> Any:
    """A policy's state in which some rows, a mask (rows,), are taken from a fresh one.

    A state is a NamedTuple of arrays whose leading axis is the rows (or 1: shared by all), or of
    tuples of such arrays, or of None.
    """
    if state is None:
        return None
    if isinstance(state, tuple):
        parts = (restarted(old, rows, new) for old, new in zip(state, fresh, strict=True))
        return tuple(parts) if type(state) is tuple else type(state)(*parts)
    return np.where(rows.reshape(-1, *[1] * (np.ndim(state) - 1)), fresh, state)


class DoNothing(StatefulPolicy):
    """The policy u = 0, from which regret is measured."""

    name = "do nothing"
    observation = ObservationConfig(("elapsed",))

    def __init__(self, control_dim: int) -> None:
        """Stand still with `control_dim` controls."""
        self.control_dim = control_dim

    def act(self, observation: Array, state: Any) -> tuple[Array, Any]:
        """Zeros."""
        return np.zeros((len(observation), self.control_dim), observation.dtype), None
