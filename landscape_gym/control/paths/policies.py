"""Policies that plan a path on the known landscape and follow it.

Notation: `trajectory.py`; a plan is followed as ``u = u_t - K_t (theta - x_t)``, with the
gains that are optimal near it (without gains, ``u = u_t``), and what lies beyond it by holding
still, ``u = -K_h theta``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.configuration import count
from landscape_gym.control.paths.initial_paths import Guess
from landscape_gym.control.paths.planner import PlanOptions, chosen_method, initial_guesses, refine
from landscape_gym.control.paths.trajectory import PathProblem, times
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem


class Plans(NamedTuple):
    """The plan that each row follows; what lies beyond the end of a shorter one means nothing."""

    x: Array
    """(T + 1, rows, d)"""
    u: Array
    """(T, rows, m)"""
    gains: Array | None
    """(T, rows, m, d)"""
    begun: Array
    """The step of the episode at which each plan begins, (rows,)."""

    def copy(self) -> Plans:
        """With arrays of their own."""
        gains = None if self.gains is None else self.gains.copy()
        return Plans(self.x.copy(), self.u.copy(), gains, self.begun.copy())


class PlannedPath(StatefulPolicy):
    """Plans once, when an episode starts, and follows that plan with its feedback gains.

    Nothing else is needed in a deterministic problem; the gains correct rounding, and small
    disturbances to first order.

    Args:
        problem: A problem whose landscape is known and does not change (`PathProblem.of`).
        steps: Steps to plan; all of an episode's if None.
        options: How to plan.

    Raises:
        Refusal: for another problem, naming the assumption that fails.

    Example:
        >>> policy = PlannedPath(NavigationProblem(landscape="double_well", gamma=0.5))
        >>> observation = np.array([[-0.6, 0.55, 0.0]])  # parameters, then elapsed
        >>> action, _ = policy.predict(observation)
        >>> (action * policy.action.scale).round(3)  # uphill
        array([[ 0.934, -0.623]])
        >>> policy.value(observation).round(3)
        array([1.928])
    """

    name = "planned path"
    privileged = True
    observation = ObservationConfig(("parameters", "elapsed"))

    def __init__(
        self,
        problem: NavigationProblem,
        *,
        steps: int | None = None,
        options: PlanOptions | None = None,
    ) -> None:
        """Refuse what cannot be planned; plans are made when starts are seen."""
        self.problem = problem
        self.steps = steps
        self.options = options or PlanOptions()
        self.path = PathProblem.of(problem, steps)  # from the start of an episode
        self._slices = Layout(self.observation, problem).slices

    def begin(self, observation: Array) -> Plans:
        """A plan for each row."""
        x, t = self._seen(observation)
        plans = self._none(len(x))
        self._plan(np.arange(len(x)), x, t, plans, None)
        return plans

    def fits(self, state: Plans, rows: int) -> bool:
        """Whether there is a plan for each row."""
        return len(state.begun) == rows

    def restart(self, observation: Array, state: Plans, rows: Array) -> Plans:
        """The plans, with new ones for some rows."""
        new = state.copy()
        self._plan(np.flatnonzero(rows), *self._seen(observation), new, None)
        return new

    def act(self, observation: Array, state: Plans) -> tuple[Array, Plans]:
        """Actions along each row's plan, which is made again where it is outdated."""
        x, t = self._seen(observation)
        outdated = np.flatnonzero(self._outdated(t - state.begun))
        plans = state
        if len(outdated):
            plans = state.copy()
            self._plan(outdated, x, t, plans, state)
        return self.action_of(self._control(plans, x, t), observation), plans

    def value(self, observation: Array) -> Array:
        """The cost of the path planned from observations (rows, size) on: (rows,)."""
        x, t = self._seen(observation)
        cost = np.empty(len(x))
        for path, rows in self._paths(t):
            guesses = initial_guesses(path, self.options)
            cost[rows] = refine(path, x[rows], guesses, self.options).best.cost
        return cost

    def _outdated(self, age: Array) -> Array:
        """Which plans, followed for `age` steps, are to be made again within an episode."""
        return np.zeros(len(age), bool)

    def _seen(self, observation: Array) -> tuple[Array, Array]:
        """Parameters, (rows, d), and the step that each row is at, (rows,)."""
        x = observation[:, self._slices["parameters"]].astype(np.float64)
        elapsed = observation[:, self._slices["elapsed"]][:, 0].astype(np.float64)
        return x, np.rint(elapsed * self.problem.steps).astype(np.intp)

    def _none(self, rows: int) -> Plans:
        """Room for the plans of some rows."""
        T, d, m = self.path.T, self.path.d, self.path.m
        with_gains = chosen_method(self.path, self.options) == "ilqr"
        return Plans(
            x=np.zeros((T + 1, rows, d)),
            u=np.zeros((T, rows, m)),
            gains=np.zeros((T, rows, m, d)) if with_gains else None,
            begun=np.zeros(rows, np.intp),
        )

    def _plan(self, rows: Array, x: Array, t: Array, plans: Plans, warm: Plans | None) -> None:
        """Write new plans of some rows into `plans`; those in `warm` are where they start from."""
        for path, group in self._paths(t[rows]) if len(rows) else ():
            chosen = rows[group]
            guesses = initial_guesses(path, self.options)
            if warm is not None:
                guesses = {"previous plan": _continue(warm, chosen, t[chosen])}
            found = refine(path, x[chosen], guesses, self.options).best
            plans.x[: path.T + 1, chosen], plans.u[: path.T, chosen] = found.x, found.u
            if plans.gains is not None:
                plans.gains[: path.T, chosen] = found.gains
            plans.begun[chosen] = t[chosen]

    def _control(self, plans: Plans, x: Array, t: Array) -> Array:
        """u, (rows, m)."""
        age, rows = t - plans.begun, np.arange(len(x))
        over = age >= len(plans.u)
        age = np.where(over, 0, age)
        u = plans.u[age, rows]
        if plans.gains is not None:
            u = u - np.matvec(plans.gains[age, rows], x - plans.x[age, rows])
        K_h = self.path.K_h
        beyond = np.zeros_like(u) if K_h is None else -times(K_h, x)
        return np.where(over[:, None], beyond, u)

    def _paths(self, t: Array) -> list[tuple[PathProblem, Array]]:
        """The path problems of rows at steps `t`, and whose they are: one where time is no matter.

        A horizon leaves rows that are at different steps with paths of different lengths.
        """
        if self.problem.horizon is None:
            return [(self.path, np.arange(len(t)))]
        return [
            (PathProblem.of(self.problem, self.steps, int(step)), np.flatnonzero(t == step))
            for step in np.unique(t)
        ]


class RecedingHorizon(PlannedPath):
    """Plans some steps ahead, follows that plan for fewer, and plans again from where it is.

    Each plan but an episode's first starts from the one before (model predictive control with warm
    starts), so that it stays with one local optimum.

    Args:
        problem: As of `PlannedPath`.
        lookahead: Steps to plan each time; beyond them parameters are taken to be held still.
        every: Steps after which to plan again, at most `lookahead`.
        options: How to plan.

    Raises:
        ValueError: as by `PlannedPath`, and for `every` above `lookahead`.

    Example:
        >>> problem = NavigationProblem(landscape="double_well", gamma=0.5)
        >>> action, _ = RecedingHorizon(problem, 40).predict(np.array([[-0.6, 0.55, 0.0]]))
        >>> (action * RecedingHorizon.action.scale).round(3)
        array([[ 0.934, -0.623]])
    """

    name = "receding horizon"

    def __init__(
        self,
        problem: NavigationProblem,
        lookahead: int,
        *,
        every: int = 1,
        options: PlanOptions | None = None,
    ) -> None:
        """Refuse what cannot be planned; plans are made when parameters are seen."""
        super().__init__(problem, steps=count("lookahead", lookahead), options=options)
        self.every = count("every", every)
        if every > lookahead:
            raise ValueError(f"every ({every}) must not be above lookahead ({lookahead}).")

    def _outdated(self, age: Array) -> Array:
        return age >= self.every


def _continue(plans: Plans, rows: Array, t: Array) -> Guess:
    """The rest of old plans, then no control."""

    def guess(path: PathProblem, start: Array) -> Array:
        steps = np.arange(path.T)[:, None] + (t - plans.begun[rows])  # (T, rows)
        last = len(plans.u) - 1
        u = plans.u[np.minimum(steps, last), rows]
        return np.where((steps <= last)[:, :, None], u, 0.0)

    return guess
