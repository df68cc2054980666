"""The batched simulation behind every face of the environment: begin episodes, advance them."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from gymnasium import spaces

from landscape_gym import dynamics, registration
from landscape_gym.actions import Action, boxed
from landscape_gym.channels import CHANNELS
from landscape_gym.configuration import count, one_of
from landscape_gym.landscapes import assign, take
from landscape_gym.landscapes.base import Array
from landscape_gym.learner import Learner
from landscape_gym.memory import Memory
from landscape_gym.observation import Layout
from landscape_gym.problem import NavigationProblem
from landscape_gym.recycling import Recycling
from landscape_gym.state import State
from landscape_gym.streams import Streams

LARGEST_COST = 1e30
"""What a step that diverges costs at the most, so that rewards are finite."""


QUIET = np.errstate(over="ignore", invalid="ignore", divide="ignore")
"""Where what overflows is clipped, or made finite."""


def finite(values: Array) -> Array:
    """Losses or gradients that may have overflowed, with room left for noise and sums; NaN as 0.

    Example:
        >>> finite(np.array([1.0, -np.inf, np.nan], np.float32)) < [0, -3e30, 1]
        array([False,  True,  True])
    """
    if np.isfinite(np.vdot(values, values)):  # so each of them is, at next to no cost
        return values
    largest = float(np.finfo(values.dtype).max) * 1e-8
    return np.nan_to_num(values).clip(-largest, largest)


def as_array(actions: Any) -> Array:
    """Actions as an array of whatever shape and type.

    Raises:
        ValueError: for rows of unequal lengths.
    """
    try:
        return np.asarray(actions)
    except ValueError as error:
        raise ValueError(f"actions have rows of unequal lengths: {actions!r:.200}.") from error


class Outcome(NamedTuple):
    """What a step did, one entry per row, (B,)."""

    loss: Array
    """Loss after the move, on the landscape that the move was made on."""
    excess: Array
    """That loss above the minimum, where the minimum is known."""
    charge: Array
    """Cost of the control."""
    cost: Array
    """Cost of the step, minus the reward."""
    terminated: Array
    """Whether the horizon is reached, or the row diverged."""
    truncated: Array
    """Whether the episode's steps are over."""


class Simulation:
    """B rows of one problem, each with its own generator, instance and learner's memory.

    Args:
        num_rows: B.
        regime: Name of the regime in `landscape_gym.registration.REGIMES` to begin with.
        dtype: "float32" or "float64"; the same seed draws other episodes in one than in the other.
        copy: Whether observations are the caller's own, and actions read once. False: see
            `landscape_gym.observation.Layout.observe` and `landscape_gym.actions.Action.borrowed`.
        **changes: What to change of it, as of `Regime.configured`.
    """

    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64")
    state: State

    def __init__(
        self,
        num_rows: int,
        regime: str = "landscape-nav",
        dtype: str = "float32",
        *,
        copy: bool = True,
        **changes: Any,
    ) -> None:
        """Make the streams of random numbers; `begin` draws the first episodes."""
        setup = registration.regime(regime).configured(**changes)
        self.problem: NavigationProblem = setup.problem
        self.action: Action = setup.action
        self.num_rows = count("num_envs", num_rows)
        self.dtype = np.dtype(one_of("dtype", dtype, self.dtypes))
        self.layout = Layout(setup.observation, self.problem)
        self.memory = Memory(setup.observation, self.action.memory)
        self.action_size = self.action.size(self.problem)
        self.copy = copy
        self._borrows = not copy and self.action.borrowed(setup.observation.channels)
        normals = dynamics.normals_per_step(self.problem)
        uniforms = dynamics.uniforms_per_step(self.problem)
        self.streams = Streams(self.num_rows, normals, uniforms, self.problem.steps + 1, self.dtype)
        B = self.problem.control_matrix
        self._control_matrix = np.array(B, self.dtype) if isinstance(B, tuple) else None
        self._tensors = self.problem.landscape.tensors()
        self._known: tuple[Array, float] | None = None
        """The gradient after the last step and the sum of all its squares, as far as it is good."""
        self._norm_bound = self.problem.norm_bound**2
        self._recycling = Recycling()
        self._drift_std = math.sqrt(self.problem.drift * self.problem.dt)

    @classmethod
    def begun(cls, seeds: Any, **setup: Any) -> Simulation:
        """A simulation in float64 with one row per seed, each at the beginning of an episode.

        Args:
            seeds: One for each row.
            **setup: As of the class.
        """
        seeds = np.asarray(seeds)
        simulation = cls(len(seeds), dtype="float64", **setup)
        rows = np.arange(len(seeds))
        simulation.streams.seed(rows, seeds.tolist())
        simulation.begin(rows)
        return simulation

    @property
    def observation_space(self) -> spaces.Box:
        """The space of one row's observations."""
        low, high = (bound.astype(self.dtype) for bound in (self.layout.low, self.layout.high))
        return spaces.Box(low, high, dtype=cast(Any, self.dtype.type))

    @property
    def action_space(self) -> spaces.Box:
        """The space of one row's actions."""
        return spaces.Box(-1.0, 1.0, (self.action_size,), dtype=cast(Any, self.dtype.type))

    @QUIET
    def begin(self, rows: Array) -> State:
        """Begin new episodes in some rows; returns the state of these rows."""
        problem, draw = self.problem, self.streams.draws(rows)
        instances, theta = dynamics.initial(problem, draw)
        self.streams.begin(rows)
        normal, uniform = self.streams.normal[rows], self.streams.uniform[rows]
        loss, grad = self._loss_and_grad(instances, theta, uniform)
        gradient = self._observed(instances, theta, grad, normal, uniform)
        learner = Learner(
            gradient=gradient,
            elapsed=np.zeros(len(rows), np.int64),
            theta=theta,
            start=theta.copy(),
            loss=loss,
            previous_update=np.zeros((len(rows), problem.control_dim), self.dtype),
            tensors=self._tensors,
            **self.memory.begin(gradient, theta),
        )
        fresh = State(
            learner,
            instances=instances,
            shift=np.zeros_like(theta) if problem.drift else None,
            minimum_loss=dynamics.minimum_loss(problem, instances, theta),
            grad=grad,
            largest_cost=np.zeros(len(rows), self.dtype),
            switched=np.zeros(len(rows), bool),
        )
        self._known = None
        if len(rows) == self.num_rows:
            self.state = fresh
        else:
            self.state.assign(rows, fresh)
        return fresh

    @QUIET
    def observe(self, state: State) -> Array:
        """What the learner sees of a state, (B, size); with `copy` in a new array."""
        with self._recycling:
            return self.layout.observe(state, self.copy, self._known)

    def advance(self, actions: Any, still: Array | None = None) -> Outcome:
        """Move every row by its action, then let the landscapes change.

        Args:
            actions: (B, size); what lies outside [-1, 1] is clipped.
            still: Rows whose episode is over, (B,), if there are any: what becomes of them does
                not matter.

        Raises:
            ValueError: if actions have another shape, or are NaN or no numbers; the state is then
                as it was.
        """
        with self._recycling:
            return self._advance(actions, still)

    def _advance(self, actions: Any, still: Array | None) -> Outcome:
        """`advance`, whose large results lie in memory that was used before."""
        state, learner, problem = self.state, self.state.learner, self.problem
        before = learner.theta
        with np.errstate(over="ignore", invalid="ignore"):
            action, squared = self._checked(actions)
            control = self.action.control(action, learner, self._control_matrix)
            theta = dynamics.transition(problem, before, control, learner.gradient)
            known = squared if control is action else None
            charge = dynamics.control_cost(
                problem, state.instances, state.point(before), control, known
            )
            if np.isnan(charge.dot(charge)):  # if one is; charges are no negative infinities
                self._refuse_nan(action, still)
            self.streams.advance(still)
            point, uniform = state.point(theta), self.streams.uniform
            loss, grad = dynamics.loss_and_grad(problem, state.instances, point, uniform)
            excess = loss - state.minimum_loss
            cost = charge + problem.dt * problem.k * excess
            good = self._good(theta, grad, cost)
        diverged = None
        if good is not None:
            diverged, self._known = np.flatnonzero(~good), None
            control = control if squared is None else control.copy()
            control[diverged] = 0
            for new, old in ((theta, before), (loss, learner.loss), (grad, state.grad)):
                new[diverged] = old[diverged]
            excess[diverged] = loss[diverged] - state.minimum_loss[diverged]
            with np.errstate(over="ignore"):
                rest = dynamics.divergence_cost(
                    problem,
                    state.largest_cost[diverged],
                    excess[diverged],
                    learner.elapsed[diverged],
                )
            charge[diverged] = np.fmin(charge[diverged], LARGEST_COST)
            cost[diverged] = np.fmin(charge[diverged] + rest, LARGEST_COST)
        np.maximum(state.largest_cost, cost, out=state.largest_cost)
        elapsed = learner.elapsed + 1
        terminated, truncated = self._endings(elapsed, diverged)
        seen, state.grad = self._change_landscapes(theta, loss, grad, elapsed, still)
        self._perceive(theta, seen, control)
        return Outcome(loss, excess, charge, cost, terminated, truncated)

    def _checked(self, actions: Any) -> tuple[Array, Array | None]:
        """Actions as an array of the simulation's dtype, clipped to the box.

        And, where they are still the caller's own array, their rows' sums of squares, (B,).
        """
        shape = (self.num_rows, self.action_size)
        action = as_array(actions)
        if action.dtype.kind not in "biuf":
            raise ValueError(
                f"actions are real numbers of shape {shape}, got dtype {action.dtype}."
            )
        if action.shape != shape:
            raise ValueError(
                f"actions have shape {shape[1:]} per environment, {shape} in all; "
                f"got {action.shape}."
            )
        action, squared = boxed(action, self._borrows and action.dtype == self.dtype)
        return action.astype(self.dtype, copy=False), squared

    def _refuse_nan(self, action: Array, still: Array | None) -> None:
        """Raise for actions that are NaN, in rows whose episode is not over."""
        nan = np.isnan(action).any(axis=1)
        if still is not None:
            nan &= ~still
        if nan.any():
            row = np.flatnonzero(nan)[0]
            raise ValueError(f"the action of environment {row} is NaN; give numbers in [-1, 1].")

    def _good(self, theta: Array, grad: Array, cost: Array) -> Array | None:
        """Which rows are within the bound and finite, (B,); None if, as usual, all of them are."""
        # If all rows together are, each of them is; sums over everything cost next to nothing.
        norm, square = np.vdot(theta, theta), np.vdot(grad, grad)
        self._known = grad, float(square)
        if norm <= self._norm_bound and np.isfinite(square + np.vdot(cost, cost)):
            return None
        good = np.vecdot(theta, theta) <= self._norm_bound
        good &= np.isfinite(cost) & np.isfinite(np.vecdot(grad, grad))
        return None if good.all() else good

    def _endings(self, elapsed: Array, diverged: Array | None) -> tuple[Array, Array]:
        """Which rows terminate (horizon, divergence) and which are truncated, (B,) each."""
        over = elapsed >= self.problem.steps
        never = np.zeros(self.num_rows, bool)
        terminated, truncated = (never, over) if self.problem.horizon is None else (over, never)
        if diverged is not None:
            terminated[diverged], truncated[diverged] = True, False
        return terminated, truncated

    @QUIET
    def _change_landscapes(
        self, theta: Array, loss: Array, grad: Array, elapsed: Array, still: Array | None
    ) -> tuple[Array, Array]:
        """Drift and task switches, after the cost of the step is charged.

        Returns:
            Loss and gradient at theta from now on; those that are given stay as they are, since
            outcomes refer to them.
        """
        state, problem = self.state, self.problem
        if state.shift is not None:
            state.shift = state.shift + self._drift_std * self.streams.normal[:, -problem.dim :]
            point, uniform = state.point(theta), self.streams.uniform
            loss, grad = self._loss_and_grad(state.instances, point, uniform)
        if problem.hazard:
            state.switched = dynamics.switches(problem, elapsed, self.streams.uniform[:, -1])
            if still is not None:
                state.switched &= ~still
            if state.switched.any():
                rows = np.flatnonzero(state.switched)
                loss, grad = loss.copy(), grad.copy()
                loss[rows], grad[rows] = self._redraw(rows, theta[rows])
        return loss, grad

    def _redraw(self, rows: Array, theta: Array) -> tuple[Array, Array]:
        """Give some rows, which are at theta, a new task; its loss and gradient there."""
        state, problem = self.state, self.problem
        fresh = problem.landscape.sample(self.streams.draws(rows))
        assign(state.instances, rows, fresh)
        if state.shift is not None:
            state.shift[rows] = 0
        state.minimum_loss[rows] = dynamics.minimum_loss(problem, fresh, theta)
        return self._loss_and_grad(fresh, theta, self.streams.uniform[rows])

    def _loss_and_grad(self, instances: Any, point: Array, uniform: Array) -> tuple[Array, Array]:
        """Where nobody has moved to, so that no divergence keeps them finite."""
        loss, grad = dynamics.loss_and_grad(self.problem, instances, point, uniform)
        return finite(loss), finite(grad)

    def _observed(self, instances: Any, point: Array, grad: Array, *numbers: Array) -> Array:
        """The gradient as it is seen; noise may grow with what has overflowed."""
        gradient = dynamics.observed_gradient(self.problem, instances, point, grad, *numbers)
        return gradient if gradient is grad else finite(gradient)

    @QUIET
    def _perceive(self, theta: Array, loss: Array, control: Array) -> None:
        """Let the learner know where it is now, and observe and remember the gradient there."""
        state, learner, streams = self.state, self.state.learner, self.streams
        point = state.point(theta)
        gradient = self._observed(
            state.instances, point, state.grad, streams.normal, streams.uniform
        )
        for name, values in self.memory.after(learner, gradient, theta).items():
            setattr(learner, name, values)
        learner.theta, learner.loss, learner.gradient = theta, loss, gradient
        learner.previous_update = control
        learner.elapsed = learner.elapsed + 1

    @QUIET
    def losses(self, row: int, theta: Array) -> Array:
        """Loss of one row's landscape, as it lies now, at many points (n, dim)."""
        where = np.full(len(theta), row)
        shift = self.state.shift
        point = theta if shift is None else theta - shift[row]
        return self.problem.landscape.loss(take(self.state.instances, where), point)

    @QUIET
    def hidden(self) -> dict[str, Array]:
        """Where each minimum is now and the Hessian's diagonal, (B, dim), as far as known.

        And the landscape's own measures, (B,) each, such as the accuracy of a network.
        """
        state = self.state
        point = state.point(state.theta)
        hidden = self.problem.landscape.measures(state.instances, point)
        for name in ("target", "curvature"):
            channel = CHANNELS[name]
            if self.problem.landscape.offers(cast(str, channel.needs)):
                values = channel.of(state, self.problem)
                every = np.broadcast_to(values, self.state.theta.shape).astype(self.dtype)
                hidden[name] = finite(every)
        return hidden
