"""Paths of many parameters: L-BFGS on all controls at once, gradients by the adjoint equation.

Problem: `trajectory.py`. The variables are the controls, made dimensionless and discounted,

    v_t = sqrt(2 beta^t) C' u_t,   R = C C',   so that   J = 1/2 |v|^2 + losses:

where losses are flat the Hessian is the identity, whatever metric, discount and time step are, and
the few steep directions of a large model are what L-BFGS finds first. Controls are better variables
than positions here: for those it is the many flat directions that are ill-conditioned. An
evaluation is one batch of T points, in memory O(T d).

Where J is convex it is so strongly, of modulus 1: it exceeds its least value by 1/2 |dJ/dv|^2 at
the most, which is the residual that is reported (for other losses, an estimate).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from landscape_gym.control.paths.trajectory import PathProblem, Paths, times, transposed_times
from landscape_gym.landscapes.base import Array
from landscape_gym.refusal import Refusal

MAX_ITERATIONS = 1000
"""Iterations after which a row counts as not converged."""
TOLERANCE = 1e-6
"""Residual, relative to J, at which a row has converged."""
MEMORY = 20
"""Pairs that L-BFGS keeps."""
OVERFLOW = 1e100
"""J of paths that overflow: finite, so that the line search can interpolate its way back."""
JACOBIAN_LIMIT = 100
"""The most parameters for which default dynamics are differentiated numerically."""


def direct(
    path: PathProblem,
    start: Array,
    u: Array,
    *,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> Paths:
    """Locally optimal paths from some starts, one after another, each from a guess of its controls.

    Args:
        path: The problem.
        start: Known parameters, (rows, d).
        u: Initial controls, (T, rows, m).
        max_iterations: Iterations after which a row counts as not converged.
        tolerance: Of ``1/2 |dJ/dv|^2``, relative to J.

    Raises:
        Refusal: where default dynamics are a function of more than `JACOBIAN_LIMIT` parameters.

    Example:
        >>> from landscape_gym.problem import NavigationProblem
        >>> path = PathProblem.of(NavigationProblem(landscape="double_well", horizon=50))
        >>> still = direct(path, np.array([[-0.6, 0.55]]), np.zeros((50, 1, 2)))
        >>> still.converged[0], still.x[30, 0].round(3)  # stays in the left well
        (np.True_, array([-0.93 ,  0.009]))
    """
    if path.f is not None and path.d > JACOBIAN_LIMIT:
        raise Refusal(
            f"default_dynamics is a function of {path.d} parameters, too many to differentiate "
            f"numerically (at most {JACOBIAN_LIMIT}): give the matrix F of f = F theta."
        )
    return Paths.joined(
        [
            _row(path, start[row, None], u[:, row, None], max_iterations, tolerance)
            for row in range(len(start))
        ]
    )


class _Variables:
    """The change of variables between u and v."""

    def __init__(self, path: PathProblem) -> None:
        self.scale = np.sqrt(2 * path.discounts)[:, None, None]
        self.shape = (path.T, 1, path.m)
        self.C = np.linalg.cholesky(path.R) if path.R.ndim == 2 else np.sqrt(path.R)
        self.C_inverse = np.linalg.inv(self.C) if path.R.ndim == 2 else 1 / self.C

    def v(self, u: Array) -> Array:
        return (self.scale * transposed_times(self.C, u)).ravel()

    def u(self, v: Array) -> Array:
        return transposed_times(self.C_inverse, v.reshape(self.shape)) / self.scale

    def gradient(self, du: Array) -> Array:
        """dJ/dv from dJ/du."""
        return (times(self.C_inverse, du) / self.scale).ravel()


def _row(path: PathProblem, start: Array, u: Array, max_iterations: int, tolerance: float) -> Paths:
    """One path, from one guess."""
    variables = _Variables(path)
    residual = np.inf  # of the last point that was evaluated

    def cost_and_grad(v: Array) -> tuple[float, Array]:
        nonlocal residual
        J, du = path.cost_and_grad(start, variables.u(v))
        cost, grad = float(J[0]), variables.gradient(du)
        if not (np.isfinite(cost) and np.isfinite(grad).all()):
            return OVERFLOW, np.zeros_like(v)
        gap = 0.5 * float(grad @ grad)
        residual = gap / abs(cost) if gap > path.rounding else 0.0
        return cost, grad

    def stop(intermediate_result: OptimizeResult) -> None:  # scipy looks at the argument's name
        if residual <= tolerance:
            raise StopIteration

    found = minimize(
        cost_and_grad,
        variables.v(u),
        jac=True,
        method="L-BFGS-B",
        callback=stop,
        options={
            "maxiter": max_iterations,
            "maxfun": 2 * max_iterations + 20,
            "maxcor": MEMORY,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    cost, _ = cost_and_grad(found.x)  # so that the residual is that of the point returned
    best = variables.u(found.x)
    return Paths(
        x=path.rollout(start, best),
        u=best,
        gains=None,
        cost=np.array([cost]),
        residual=np.array([residual]),
        converged=np.array([residual <= tolerance]),
        iterations=np.array([found.nit]),
    )
