"""Which structure a navigation problem has that solvers can use: quadratic, fixed, diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_gym.derivation.model import LinearQuadratic
from landscape_gym.derivation.prior import target_moments
from landscape_gym.landscapes import PowerLaw, Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import Decay, NavigationProblem


def check_linear_quadratic(problem: NavigationProblem) -> Quadratic:
    """The problem's landscape, if the problem is linear-quadratic.

    Raises:
        ValueError: naming the assumption that fails, and what would be needed.
    """
    landscape = problem.landscape
    if not isinstance(landscape, Quadratic):
        raise ValueError(
            f"the landscape {type(landscape).__name__} is not quadratic, so its optimum is not "
            "linear: it needs dynamic programming (in one or two dimensions) or local trajectory "
            "optimisation."
        )
    f = problem.default_dynamics
    if not (f is None or isinstance(f, Decay) or problem.dynamics_matrix is not None):
        raise ValueError(
            "default_dynamics is a function, which is not known to be linear: give the matrix F of "
            "f = F theta, or 'decay' or 'rotation'."
        )
    if isinstance(problem.metric, str):
        raise ValueError(
            f"metric {problem.metric!r} may depend on theta, and the optimum is linear only for a "
            "constant one: give its values, as a vector or a matrix."
        )
    if problem.hazard > 0 and problem.regular:
        raise ValueError(
            "with regular=True tasks are redrawn on schedule, and the optimum would count the "
            "steps to the next one: set regular=False for redraws at random, at the same rate."
        )
    if problem.hazard > 0 and fixed_curvature(landscape) is None:
        raise ValueError(
            "with hazard > 0 a switch redraws the random curvature too, and the optimum is not "
            "linear: give the curvature as numbers and leave it unrotated, or set hazard to 0."
        )
    return landscape


def fixed_curvature(landscape: Quadratic) -> Array | None:
    """The Hessian (d, d) or its diagonal (d,) where every instance has the same, else None."""
    if landscape.rotated:
        return None
    if isinstance(landscape.curvature, PowerLaw):
        return landscape.curvature.quadrature(landscape.dim, landscape.dim)[0]
    return np.asarray(landscape.curvature) if isinstance(landscape.curvature, tuple) else None


def as_linear_quadratic(problem: NavigationProblem, hessian: Array) -> LinearQuadratic:
    """The data for Hessians (..., d, d) in all coordinates together."""
    p = problem
    return _linear_quadratic(p, hessian, p.metric_matrix, p.dynamics_matrix, p.control_matrix)


def decoupled(problem: NavigationProblem, h: Array, metric: Array, drift: Array) -> LinearQuadratic:
    """One problem for each curvature, with the metric and the default dynamics of its coordinate.

    All three broadcast together; the problems have one row and column.
    """
    shape = np.broadcast_shapes(h.shape, metric.shape, drift.shape)
    h, metric, drift = (cells(np.broadcast_to(each, shape)) for each in (h, metric, drift))
    return _linear_quadratic(problem, h, metric, drift, None)


def cells(numbers: Array) -> Array:
    """Numbers as matrices of one row and column."""
    return numbers[..., None, None]


def _linear_quadratic(
    problem: NavigationProblem, H: Array, G: Array | None, F: Array | None, B: Any
) -> LinearQuadratic:
    p = problem
    return LinearQuadratic.of(
        H,
        G=G,
        F=F,
        B=B,
        eta=p.eta,
        k=p.k,
        gamma=p.gamma,
        dt=p.dt,
        hazard=p.hazard,
        drift=p.drift,
        prior_variance=target_moments(check_linear_quadratic(p)).variance,
    )


def on_the_axes(landscape: Quadratic) -> bool:
    """Whether every instance's Hessian is diagonal."""
    curvature = fixed_curvature(landscape)
    if curvature is None or curvature.ndim == 1:
        return not landscape.rotated
    return is_diagonal(curvature)


def diagonal_metric(problem: NavigationProblem) -> Array | None:
    """The diagonal of G, (1,) or (d,), if G is diagonal."""
    if problem.metric is None:
        return np.ones(1)
    metric = np.asarray(problem.metric, np.float64)
    if metric.ndim == 1:
        return metric
    return np.diag(metric) if is_diagonal(metric) else None


def diagonal_drift(problem: NavigationProblem) -> Array | None:
    """The diagonal of F, (1,) or (d,), if F is diagonal."""
    f = problem.default_dynamics
    if f is None:
        return np.zeros(1)
    if isinstance(f, Decay):
        return np.full(1, -f.rate)
    F = problem.dynamics_matrix
    return np.diag(F) if F is not None and is_diagonal(F) else None


def is_diagonal(matrix: Array) -> bool:
    """Whether everything off the diagonal is 0."""
    return not (matrix - np.diag(np.diag(matrix))).any()
