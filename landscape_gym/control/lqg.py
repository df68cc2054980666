"""The optimum when the target shows only through noisy gradients (theory sections 4(d), 7(d), 8).

A Kalman filter (control/kalman.py) and certainty equivalence: the law of full information acts on
the estimate. control/estimation.py says what that costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from landscape_gym.control.controller import Controller
from landscape_gym.control.cost_to_go import row_problems
from landscape_gym.control.ensemble import ensemble
from landscape_gym.control.estimation import estimation_cost
from landscape_gym.control.gains import Gains
from landscape_gym.control.kalman import TargetModel, covariances, update
from landscape_gym.control.prior import noise_variance
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import UNBOUNDED
from landscape_gym.problem import NavigationProblem


class Frame(NamedTuple):
    """The directions in which the filter decouples: the Hessian's eigenvectors."""

    h: Array
    """Eigenvalues, (rows or 1, d)."""
    basis: Array | None
    """Eigenvectors as columns, (rows or 1, d, d); None: the axes."""

    def into(self, vectors: Array) -> Array:
        """Vectors (rows, d) in these directions."""
        if self.basis is None:
            return vectors
        if len(self.basis) == 1:
            return vectors @ self.basis[0]
        return np.matvec(np.swapaxes(self.basis, 1, 2), vectors)

    def back(self, vectors: Array) -> Array:
        """The reverse."""
        if self.basis is None:
            return vectors
        if len(self.basis) == 1:
            return vectors @ self.basis[0].T
        return np.matvec(self.basis, vectors)


class Belief(NamedTuple):
    """What a row knows of its target, in its frame."""

    mean: Array
    """(rows, d)"""
    variance: Array
    """(rows, d)"""
    spread: Array
    """Variance of the target before any gradient, (rows, 1)."""
    gains: Gains
    frame: Frame


class LQGPolicy:
    """Kalman filter for the target, and the optimal law of full information on its estimate.

    It reads the gradient and the parameters (or the displacement from the start); ``switched``
    where redraws are signalled; the elapsed time where the horizon is finite; and, where instances
    differ in it, the Hessian or its diagonal: then it is privileged, and its cost is a lower bound
    for learners that have to find it out.

    Args:
        problem: Linear-quadratic, with gradient noise of known variance.
        position: "parameters"; or "displacement" if where it starts is not seen either. That needs
            parameters that stay when left alone, and a single task.

    Raises:
        ValueError: for another problem, naming the assumption that fails.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> LQGPolicy(REGIMES["noisy-gradient"].problem).observation.channels
        ('gradient', 'parameters')
    """

    action = UNBOUNDED

    def __init__(self, problem: NavigationProblem, *, position: str = "parameters") -> None:
        """Solve for the gains, and set up the filter."""
        if position not in ("parameters", "displacement"):
            raise ValueError(f"position is 'parameters' or 'displacement', got {position!r}.")
        self.problem, self.position = problem, position
        relative = position == "displacement"
        moves = problem.default_dynamics is not None or problem.hazard > 0
        if relative and moves:
            raise ValueError(
                "with default dynamics or hazard > 0 the optimum depends on where the parameters "
                "are, not only on how far from the target: use position='parameters'."
            )
        flag = ("switched",) if problem.signalled and problem.hazard > 0 else ()
        self._controller = Controller(problem, ("gradient", position, *flag))
        self._signalled = bool(flag)
        self.observation = self._controller.observation
        self.privileged = self.observation.privileged
        self.name = "LQG (known curvature)" if self.privileged else "LQG"
        self.target = TargetModel.of(problem, relative=relative)
        noise_variance(problem, np.ones(1))  # raises where it is not known
        shared = self._controller.shared
        self._frame = None if shared is None else self._frame_of(shared)

    def predict(
        self,
        observation: Array,
        state: Belief | None = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Belief]:
        """Take in a gradient and act; rows that start an episode start from the prior."""
        belief = self._told(observation, self._expected(observation, state, episode_start))
        estimate = belief.frame.back(belief.mean)
        x = self._controller.read(observation, self.position)
        u = self._controller.control(belief.gains, observation, x, estimate)
        return (u / self.action.scale).astype(observation.dtype), belief

    def value(self, observation: Array) -> Array:
        """Expected discounted cost from the first observations of episodes on, (batch,)."""
        belief = self._told(observation, self._expected(observation, None, None))
        x, z = self._controller.read(observation, self.position), belief.frame.back(belief.mean)
        known = self._controller.cost_to_go(belief.gains, observation, x, z)
        return known + self._unknown(belief.gains)

    def expected_cost(self, steps: int | None = None) -> float:
        """Expected discounted cost over starts, instances and noise, exactly.

        Args:
            steps: Of the first so many steps; None: of all that the problem plans for.

        Raises:
            ValueError: where Hessians differ between instances and coordinates do not decouple.
        """
        parts = ensemble(self.problem)
        steps = parts.checked(steps)
        unknown = estimation_cost(parts.lq, parts.law, self._covariances(parts.hessian), steps)
        return parts.expected_cost(steps) + float(parts.weights @ unknown)

    def _unknown(self, gains: Gains) -> Array:
        """What not knowing the target costs in an episode, given the first gradient, (rows,)."""
        parts, horizon = row_problems(self.problem, gains), self.problem.horizon
        cost = estimation_cost(parts.lq, parts.law, self._covariances(parts.hessian), horizon)
        first = next(self._covariances(parts.hessian))
        cost = cost + np.sum(parts.values(horizon)[0].block(1, 1) * first, axis=(-2, -1))
        return cost.sum(axis=1) if cost.ndim == 2 else cost

    def _covariances(self, hessian: Array) -> Iterator[Array]:
        """Covariances of the target after 1, 2, .. gradients, like `hessian`."""
        return covariances(self.target, hessian, partial(noise_variance, self.problem))

    def _frame_of(self, gains: Gains) -> Frame:
        """The directions in which the filter of these rows decouples."""
        d = self.problem.dim
        if self._controller.solver.channel == "curvature":
            return Frame(gains.curvature.astype(np.float64), None)
        hessian = gains.curvature.astype(np.float64).reshape(-1, d, d)
        h, basis = np.linalg.eigh(hessian)
        return Frame(np.maximum(h, 0.0), basis)

    def _prior(self, frame: Frame, gains: Gains, rows: int) -> Belief:
        """The belief before anything is seen."""
        mean = np.broadcast_to(self.target.prior.mean, (rows, self.problem.dim))
        variance = np.full(mean.shape, self.target.prior.variance)
        return Belief(frame.into(mean), variance, variance[:, :1], gains, frame)

    def _expected(
        self, observation: Array, state: Belief | None, episode_start: Array | None
    ) -> Belief:
        """The belief before this observation's gradient."""
        gains = self._controller.gains(observation, None if state is None else state.gains)
        frame = self._frame
        if frame is None:
            frame = state.frame if state and state.gains is gains else self._frame_of(gains)
        prior = self._prior(frame, gains, len(observation))
        if state is None:
            return prior
        variance, spread = self.target.predict(state.variance, state.spread)
        mean = state.mean
        if self.target.rho < 1:
            mean = self.target.rho * mean + (1 - self.target.rho) * prior.mean
        fresh = np.zeros(len(observation), bool) if episode_start is None else episode_start
        if self._signalled:
            fresh = fresh | (self._controller.read(observation, "switched")[:, 0] > 0)
        if np.any(fresh):
            rows = np.asarray(fresh, bool)[:, None]
            mean = np.where(rows, prior.mean, mean)
            variance = np.where(rows, prior.variance, variance)
            spread = np.where(rows, prior.spread, spread)
        return Belief(mean, variance, spread, gains, frame)

    def _told(self, observation: Array, belief: Belief) -> Belief:
        """The belief after this observation's gradient."""
        read, frame = self._controller.read, belief.frame
        y, x = (frame.into(read(observation, name)) for name in ("gradient", self.position))
        gain, variance = update(belief.variance, frame.h, noise_variance(self.problem, frame.h))
        surprise = y - frame.h * (x - belief.mean)
        return belief._replace(mean=belief.mean - gain * surprise, variance=variance)
