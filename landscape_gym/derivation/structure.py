"""Which structure a navigation problem has that solvers can use: quadratic, fixed, diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_gym.derivation.diagonal import DiagonalQuadratic
from landscape_gym.derivation.model import LinearQuadratic
from landscape_gym.derivation.prior import Moments, target_moments
from landscape_gym.landscapes import PowerLaw, Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import Decay, NavigationProblem
from landscape_gym.refusal import Refusal


@dataclass(frozen=True, eq=False)
class Structure:
    """What a linear-quadratic problem is made of, read off it once and handed on."""

    problem: NavigationProblem
    landscape: Quadratic
    curvature: Array | None
    """The Hessian (d, d) or its diagonal (d,) where every instance has the same, else None."""
    on_the_axes: bool
    """Whether every instance's Hessian is diagonal."""
    metric: Array | None
    """The diagonal of G, (1,) or (d,), if G is diagonal."""
    drift: Array | None
    """The diagonal of F, (1,) or (d,), if F is diagonal."""
    target: Moments
    """Of the target's prior."""

    @classmethod
    def of(cls, problem: NavigationProblem) -> Structure:
        """Read a problem.

        Raises:
            Refusal: where it is not linear-quadratic (`check_linear_quadratic`).
        """
        landscape = check_linear_quadratic(problem)
        return cls(
            problem=problem,
            landscape=landscape,
            curvature=fixed_curvature(landscape),
            on_the_axes=on_the_axes(landscape),
            metric=diagonal_metric(problem),
            drift=diagonal_drift(problem),
            target=target_moments(landscape),
        )

    @property
    def diagonals(self) -> tuple[Array, Array] | None:
        """Metric and drift where both are diagonal and each control moves its own coordinate."""
        if self.problem.control_matrix is not None or self.metric is None or self.drift is None:
            return None
        return self.metric, self.drift

    def coupled(self, hessian: Array) -> LinearQuadratic:
        """The problem's data for Hessians (..., d, d), in all coordinates together."""
        p = self.problem
        return self._linear_quadratic(hessian, p.metric_matrix, p.dynamics_matrix, p.control_matrix)

    def decoupled(self, h: Array, metric: Array, drift: Array) -> LinearQuadratic:
        """One problem for each curvature, with metric and default dynamics of its coordinate.

        All three broadcast together; the problems have one row and column.
        """
        shape = np.broadcast_shapes(h.shape, metric.shape, drift.shape)
        h, metric, drift = (cells(np.broadcast_to(each, shape)) for each in (h, metric, drift))
        return self._linear_quadratic(h, metric, drift, None)

    def elementwise(self, h: Array, metric: Array, drift: Array) -> DiagonalQuadratic:
        """The same as numbers, for closed forms."""
        p = self.problem
        return DiagonalQuadratic(h, p.eta, p.k, p.gamma, p.dt, metric, drift, p.hazard)

    def _linear_quadratic(
        self, H: Array, G: Array | None, F: Array | None, B: Any
    ) -> LinearQuadratic:
        p = self.problem
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
            prior_variance=self.target.variance,
        )


def check_linear_quadratic(problem: NavigationProblem) -> Quadratic:
    """The problem's landscape, if the problem is linear-quadratic.

    Raises:
        Refusal: naming the assumption that fails, and what would be needed.
    """
    landscape = problem.landscape
    if not isinstance(landscape, Quadratic):
        raise Refusal(
            f"the landscape {type(landscape).__name__} is not quadratic, so its optimum is not "
            "linear: it needs dynamic programming (in one or two dimensions) or local trajectory "
            "optimisation."
        )
    if problem.sets_learning_rate:
        raise Refusal(
            "the control is a learning rate, so parameters move by a product of control and error, "
            "which is not linear: use landscape_gym.control.solve_learning_rate."
        )
    f = problem.default_dynamics
    if not (f is None or isinstance(f, Decay) or problem.dynamics_matrix is not None):
        raise Refusal(
            "default_dynamics is a function, which is not known to be linear: give the matrix F of "
            "f = F theta, or 'decay' or 'rotation'."
        )
    if (why := why_no_matrix(problem)) is not None:
        raise Refusal(
            f"{why}, and the optimum is linear only for a constant quadratic form: give one, as a "
            "vector or a matrix."
        )
    if problem.hazard > 0 and problem.regular:
        raise Refusal(
            "with regular=True tasks are redrawn on schedule, and the optimum would count the "
            "steps to the next one: set regular=False for redraws at random, at the same rate."
        )
    if problem.hazard > 0 and fixed_curvature(landscape) is None:
        raise Refusal(
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


def on_the_axes(landscape: Quadratic) -> bool:
    """Whether every instance's Hessian is diagonal."""
    curvature = fixed_curvature(landscape)
    if curvature is None or curvature.ndim == 1:
        return not landscape.rotated
    return is_diagonal(curvature)


def why_no_matrix(problem: NavigationProblem) -> str | None:
    """What keeps the metric from being a constant matrix, as a clause; None if it is one."""
    if not isinstance(problem.metric, str):
        return None
    of_name = {
        "fisher": "depends on theta (its rule is the natural gradient)",
        "max": "is a norm and no quadratic form (its rule is sign descent)",
        "spectral": "is a norm and no quadratic form (its rule is Muon)",
    }
    return f"metric {problem.metric!r} {of_name[problem.metric]}"


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


def cells(numbers: Array) -> Array:
    """Numbers as matrices of one row and column."""
    return numbers[..., None, None]
