"""Adam in closed form, where it is the optimum: a slow filter behind a drifting target (theory 11).

Problem, one coordinate, of curvature h; z is the target, and y the gradient that is seen:

    y_t = h (x_t - z_t) + sigma h^(1/2) n_t,     z_{t+1} = z_t + q^(1/2) w_t

Notation:

    eps      (q h)^(1/2) / sigma: by what part an estimate of z moves to a new gradient's
    kappa    speed of the control, so that x moves by the part dt kappa to the estimate

The Kalman filter's weight on y settles at l = q^(1/2) / (sigma h^(1/2)) for small eps, and sigma
h^(1/2) is the noise's standard deviation: l y = q^(1/2) y / v^(1/2). So the estimate moves as
RMSprop does whose steps are q^(1/2) long, **whatever the curvature**. Control that is free follows
it. Control of one speed kappa for all coordinates makes heavy balls of b = (1 - l h) (1 - dt kappa)
and a = kappa l (theory 4(d)), with l h = eps small: that is Adam,

    dt lr = q^(1/2),    b1 = 1 - dt kappa

Its cost over that of LQG, told h, is 1 + eps^2 / 8 where control is free.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from landscape_gym.derivation.assumptions import check_free_motion, check_single_task
from landscape_gym.derivation.diagonal import diagonal_gain
from landscape_gym.derivation.prior import start_moments, target_moments
from landscape_gym.derivation.structure import diagonal_metric, fixed_curvature, on_the_axes
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

SLOW = 0.3
"""Largest eps: the form then loses one per cent where control is free."""
LEFT_OUT = 0.05
"""Largest part of dt kappa that eps (1 - dt kappa) may be, which is left out of 1 - b."""
ALIKE = 0.2
"""Largest difference of dt kappa between curvatures."""
SETTLED = 0.25
"""Part of the time that counts after which filters have to have settled."""
NEAR = 2.0
"""Largest mean square distance at the start, in variances of a settled filter."""


class SlowFilter(NamedTuple):
    """Constants of the rule."""

    lr: float
    """Velocity per gradient over its standard deviation."""
    b1: float
    """Decay of the gradient's mean per step."""


def slow_filter(problem: NavigationProblem) -> SlowFilter | None:
    """The closed form; None where an assumption at the head of this file fails.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> found = slow_filter(REGIMES["drifting-target"].problem)
        >>> round(0.1 * found.lr, 4), round((0.03 * 0.1) ** 0.5, 4), round(found.b1, 3)
        (0.0548, 0.0548, 0.036)
    """
    landscape = problem.landscape
    sigma = 0.0 if problem.noise is None else problem.noise.curvature_std(landscape)
    if not (isinstance(landscape, Quadratic) and on_the_axes(landscape) and sigma > 0):
        return None
    try:
        check_free_motion(problem, "Adam")
        check_single_task(problem, "Adam")
    except Refusal:
        return None
    q, metric = problem.drift * problem.dt, diagonal_metric(problem)
    if q == 0 or metric is None or problem.horizon is not None:
        return None
    paired = _curvatures(landscape, metric)
    if paired is None:
        return None
    h, weights = paired
    eps = np.sqrt(q * h) / sigma
    p = problem
    gain = diagonal_gain(h, metric=metric, eta=p.eta, k=p.k, gamma=p.gamma, dt=p.dt).gain
    speed = p.dt * gain
    counts = min(p.steps, 1 / (p.gamma * p.dt) if p.gamma > 0 else math.inf)
    distance = start_moments(p).minus(target_moments(landscape))
    far = float(np.mean(distance.mean**2) + distance.variance)
    applies = (
        eps.max() <= SLOW
        and np.max(eps * (1 - speed) / speed) <= LEFT_OUT
        and np.ptp(speed) <= ALIKE
        and 1 / eps.min() <= SETTLED * counts
        and far <= NEAR * float(weights @ (sigma * np.sqrt(q / h)))
    )
    if not applies:
        return None
    return SlowFilter(math.sqrt(q) / p.dt, float(1 - weights @ speed))


def _curvatures(landscape: Quadratic, metric: Array) -> tuple[Array, Array] | None:
    """Curvatures > 0 that go with the entries of the metric, and weights; None if they do not."""
    if np.ptp(metric) == 0:
        h, weights = landscape.curvature_quadrature()
    else:
        known = fixed_curvature(landscape)
        if known is None:  # hidden curvatures do not know which coordinate they are of
            return None
        h = known if known.ndim == 1 else np.diag(known)
        weights = np.full(len(h), 1 / len(h))
    return (h, weights) if h.min() > 0 else None
