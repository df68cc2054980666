"""Heavy-ball momentum as the optimal controller of noisy gradients and a drifting target.

Theory 4(d), per coordinate: y_t = h (theta_t - z_t) + e_t, z_{t+1} = z_t + w_t. With the stationary
Kalman gain l and the optimal gain kappa the estimate of theta - z obeys

    E_t = (1 - l h) (1 - dt kappa) E_{t-1} + l y_t,       u_t = -kappa E_t,

and E is -u / kappa, so the controller needs no memory but its last update:

    u_t = b u_{t-1} - a y_t,      b = (1 - l h) (1 - dt kappa),      a = kappa l
"""

from __future__ import annotations

from typing import NamedTuple

from landscape_gym.control.hidden_target.kalman import stationary_gain
from landscape_gym.derivation.diagonal import diagonal_gain
from landscape_gym.derivation.prior import noise_variance
from landscape_gym.derivation.structure import (
    check_linear_quadratic,
    diagonal_drift,
    diagonal_metric,
    fixed_curvature,
)
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal


class HeavyBall(NamedTuple):
    """``u_t = b u_{t-1} - a y_t``, elementwise."""

    a: Array
    """Step size: velocity per gradient."""
    b: Array
    """Momentum."""
    kalman_gain: Array
    """Gain l of the filter, in parameters per gradient."""
    gain: Array
    """Gain kappa of the controller."""


def heavy_ball(problem: NavigationProblem) -> HeavyBall:
    """The stationary LQG controller of a problem as momentum, (d,) each.

    Raises:
        Refusal: unless the curvature is known and diagonal, the target drifts, and parameters
            stay when left alone; naming what to use instead.

    Example:
        >>> landscape = {"kind": "quadratic", "dim": 1, "curvature": (0.3,)}
        >>> noise = {"kind": "isotropic", "std": 0.3}
        >>> problem = NavigationProblem(landscape=landscape, noise=noise, drift=0.01, gamma=1.0)
        >>> [float(value.round(6)[0]) for value in heavy_ball(problem)[:2]]
        [0.025797, 0.944784]
    """
    h = fixed_curvature(check_linear_quadratic(problem))
    metric, drift = diagonal_metric(problem), diagonal_drift(problem)
    instead = "; use landscape_gym.control.LQGPolicy."
    if h is None or h.ndim == 2:
        raise Refusal(f"heavy_ball needs a known, diagonal curvature{instead}")
    if metric is None or problem.control_matrix is not None or drift is None or drift.any():
        raise Refusal(
            "heavy_ball needs a diagonal metric, and neither default dynamics nor a control matrix"
            + instead
        )
    if problem.drift == 0 or problem.hazard > 0 or problem.horizon is not None:
        raise Refusal(
            "heavy_ball is the stationary controller of a drifting target: it needs drift > 0, "
            f"hazard = 0 and no finite horizon{instead}"
        )
    p = problem
    kappa = diagonal_gain(h, metric=metric, eta=p.eta, k=p.k, gamma=p.gamma, dt=p.dt).gain
    l = stationary_gain(h, noise_variance(p, h), p.drift * p.dt)
    return HeavyBall(kappa * l, (1 - l * h) * (1 - p.dt * kappa), l, kappa)
