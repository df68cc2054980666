"""A linear-quadratic navigation problem as a set of independent ones, whose costs add up.

Coordinates that decouple are problems of their own, and a distribution of curvatures is a
quadrature over it, so that expected costs over instances and starts are sums, without sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_gym.derivation import diagonal, lqr
from landscape_gym.derivation.diagonal import DiagonalQuadratic
from landscape_gym.derivation.model import (
    Law,
    LinearQuadratic,
    endless_value_of,
    values_of,
)
from landscape_gym.derivation.prior import Moments, start_moments, target_moments
from landscape_gym.derivation.structure import (
    as_linear_quadratic,
    cells,
    check_linear_quadratic,
    decoupled,
    diagonal_drift,
    diagonal_metric,
    fixed_curvature,
    on_the_axes,
)
from landscape_gym.landscapes import Conditioned
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem

POINTS = 1024
"""Points of the quadrature over curvatures."""


@dataclass(frozen=True)
class Ensemble:
    """N problems of d' coordinates each: d' = 1 where they decouple, else N = 1."""

    problem: NavigationProblem
    lq: LinearQuadratic
    """Their data, (N, d', d')."""
    hessian: Array
    """(N, d', d')"""
    law: Law
    """Their optimal laws, (N, m', d'), with a leading axis T in a finite horizon."""
    second: Array
    """Second moments of (start, target, mean of the target's prior), (N, 3 d', 3 d')."""
    weights: Array
    """How often each occurs among the problem's coordinates, (N,)."""

    def expected_cost(self, steps: int | None = None, law: Law | None = None) -> float:
        """Expected discounted cost under full information.

        Args:
            steps: Of the first so many steps; None: of all that the problem plans for.
            law: Of a law that is not the optimal one, shaped like it.

        Raises:
            ValueError: for a number of steps that is not the problem's horizon, if it has one.
        """
        law, steps = self.law if law is None else law, self.checked(steps)
        if steps is None:
            value = endless_value_of(self.lq, law)
        else:
            *_, (_, _, value) = values_of(self.lq, law, steps)
        return float(self.weights @ value.mean(self.second))

    def checked(self, steps: int | None) -> int | None:
        """The number of steps to sum over; None is endless."""
        horizon = self.problem.horizon
        if horizon is not None and steps not in (None, horizon):
            raise ValueError(f"the horizon is {horizon} steps, and {steps} were asked for.")
        return horizon if steps is None else steps


def ensemble(problem: NavigationProblem) -> Ensemble:
    """Take a linear-quadratic problem apart.

    Raises:
        ValueError: where the problem is not linear-quadratic, or where Hessians are random and
            coordinates do not decouple.
    """
    landscape = check_linear_quadratic(problem)
    metric, drift = diagonal_metric(problem), diagonal_drift(problem)
    if problem.control_matrix is None and metric is not None and drift is not None:
        alike = np.ptp(metric) == np.ptp(drift) == 0
        if on_the_axes(landscape) or (alike and fixed_curvature(landscape) is None):
            return _decoupled(problem, metric, drift)
    hessian = fixed_curvature(landscape)
    if hessian is None:
        raise ValueError(
            "Hessians differ between instances, and metric, default dynamics or control matrix "
            "couple the coordinates, so that the expected cost is no finite sum: simulate "
            "(landscape_gym.evaluation.compare), or give one Hessian as the curvature."
        )
    return _coupled(problem, hessian if hessian.ndim == 2 else np.diag(hessian))


def _decoupled(problem: NavigationProblem, metric: Array, drift: Array) -> Ensemble:
    """One problem for each coordinate and curvature that it may have."""
    landscape, d = check_linear_quadratic(problem), problem.dim
    second = _per_coordinate(start_moments(problem), target_moments(landscape))
    fixed = fixed_curvature(landscape)
    if fixed is not None:
        h, weights = (fixed if fixed.ndim == 1 else np.diag(fixed))[None], np.ones((1, d))
    else:
        if landscape.rotated:
            second = np.repeat(second.mean(axis=0, keepdims=True), d, axis=0)  # along random axes
        elif isinstance(landscape.curvature, Conditioned) and _differ(metric, drift, second):
            raise ValueError(
                "the eigenvalues of 'conditioned' are ordered, and coordinates differ in metric, "
                "default dynamics or means, so that the expected cost is no sum over one "
                "distribution: simulate, or set rotated=True."
            )
        h, weights = (each[:, None] for each in landscape.curvature_quadrature(POINTS))
        if not _differ(metric, drift, second):  # then one coordinate stands for all
            metric, drift, second, weights, d = metric[:1], drift[:1], second[:1], d * weights, 1
    shape = (len(h), d)
    h, metric, drift, weights = (
        np.broadcast_to(each, shape).ravel() for each in (h, metric, drift, weights)
    )
    second = np.broadcast_to(second, (*shape, 3, 3)).reshape(-1, 3, 3)
    p = problem
    dq = DiagonalQuadratic(h, p.eta, p.k, p.gamma, p.dt, metric, drift, p.hazard)
    law = diagonal.stationary(dq) if p.horizon is None else diagonal.finite_horizon(dq, p.horizon)
    return Ensemble(
        problem,
        decoupled(problem, h, metric, drift),
        cells(h),
        Law(*map(cells, law)),
        second,
        weights,
    )


def _coupled(problem: NavigationProblem, hessian: Array) -> Ensemble:
    """A single problem in all coordinates."""
    p = problem
    lq = as_linear_quadratic(problem, hessian)
    solution = lqr.riccati(lq) if p.horizon is None else lqr.finite_horizon(lq, p.horizon)
    if not solution.converged:
        raise ValueError(solution.status)
    start, target = start_moments(p), target_moments(check_linear_quadratic(p))
    s = np.concatenate([start.mean, target.mean, target.mean])
    spread = np.repeat([start.variance, target.variance, 0.0], p.dim)
    return Ensemble(
        problem,
        as_linear_quadratic(problem, hessian[None]),
        hessian[None],
        Law(*(np.expand_dims(gain, -3) for gain in solution.law)),
        (np.outer(s, s) + np.diag(spread))[None],
        np.ones(1),
    )


def _per_coordinate(start: Moments, target: Moments) -> Array:
    """Second moments of (start, target, mean of the target) in each coordinate, (d, 3, 3)."""
    s = np.stack([start.mean, target.mean, target.mean], axis=-1)
    return s[:, :, None] * s[:, None, :] + np.diag([start.variance, target.variance, 0.0])


def _differ(metric: Array, drift: Array, second: Array) -> bool:
    """Whether coordinates differ in anything but their curvature."""
    return bool(np.ptp(metric) or np.ptp(drift) or np.ptp(second, axis=0).any())
