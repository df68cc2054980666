"""A linear-quadratic navigation problem as a set of independent ones, whose costs add up.

Coordinates that decouple are problems of their own, and a distribution of curvatures is a
quadrature over it, so that expected costs over instances and starts are sums, without sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_gym.derivation import diagonal, lqr
from landscape_gym.derivation.model import (
    Law,
    LinearQuadratic,
    endless_value_of,
    values_of,
)
from landscape_gym.derivation.prior import Moments, start_moments
from landscape_gym.derivation.structure import Structure, cells
from landscape_gym.landscapes import Conditioned
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

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
        law, steps = self.law if law is None else law, self.steps_to_sum(steps)
        if steps is None:
            value = endless_value_of(self.lq, law)
        else:
            *_, (_, _, value) = values_of(self.lq, law, steps)
        return float(self.weights @ value.mean(self.second))

    def steps_to_sum(self, steps: int | None) -> int | None:
        """The number of steps to sum over; None is endless."""
        horizon = self.problem.horizon
        if horizon is not None and steps not in (None, horizon):
            raise ValueError(f"the horizon is {horizon} steps, and {steps} were asked for.")
        return horizon if steps is None else steps


def ensemble(problem: NavigationProblem | Structure) -> Ensemble:
    """Take a linear-quadratic problem apart.

    Args:
        problem: The problem, or its structure where that is known already.

    Raises:
        Refusal: where the problem is not linear-quadratic, or where Hessians are random and
            coordinates do not decouple.
    """
    structure = problem if isinstance(problem, Structure) else Structure.of(problem)
    hessian = structure.curvature
    if structure.diagonals is not None:
        alike = all(np.ptp(each) == 0 for each in structure.diagonals)
        if structure.on_the_axes or (alike and hessian is None):
            return _decoupled(structure, *structure.diagonals)
    if hessian is None:
        raise Refusal(
            "Hessians differ between instances, and metric, default dynamics or control matrix "
            "couple the coordinates, so that the expected cost is no finite sum: simulate "
            "(landscape_gym.evaluation.compare), or give one Hessian as the curvature."
        )
    return _coupled(structure, hessian if hessian.ndim == 2 else np.diag(hessian))


def _decoupled(structure: Structure, metric: Array, drift: Array) -> Ensemble:
    """One problem for each coordinate and curvature that it may have."""
    problem, landscape, fixed = structure.problem, structure.landscape, structure.curvature
    d = problem.dim
    second = _per_coordinate(start_moments(problem), structure.target)
    if fixed is not None:
        h, weights = (fixed if fixed.ndim == 1 else np.diag(fixed))[None], np.ones((1, d))
    else:
        if landscape.rotated:
            second = np.repeat(second.mean(axis=0, keepdims=True), d, axis=0)  # along random axes
        elif isinstance(landscape.curvature, Conditioned) and _differ(metric, drift, second):
            raise Refusal(
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
    dq, horizon = structure.elementwise(h, metric, drift), problem.horizon
    law = diagonal.stationary(dq) if horizon is None else diagonal.finite_horizon(dq, horizon)
    return Ensemble(
        problem,
        structure.decoupled(h, metric, drift),
        cells(h),
        Law(*map(cells, law)),
        second,
        weights,
    )


def _coupled(structure: Structure, hessian: Array) -> Ensemble:
    """A single problem in all coordinates."""
    p = structure.problem
    solution = lqr.solve(structure.coupled(hessian), p.horizon)
    if not solution.converged:
        raise Refusal(solution.status)
    start, target = start_moments(p), structure.target
    s = np.concatenate([start.mean, target.mean, target.mean])
    spread = np.repeat([start.variance, target.variance, 0.0], p.dim)
    return Ensemble(
        p,
        structure.coupled(hessian[None]),
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
