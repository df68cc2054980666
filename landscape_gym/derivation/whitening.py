"""Constants of rules that take the curvature from the size of the gradient's noise (theory 7).

Problem, one coordinate, whose curvature h is drawn per episode; the gradient's noise has variance
sigma^2 h, and so tells h:

    y_t = h e_t + sigma h^(1/2) n_t,       w_t = y_t / (sigma h^(1/2))        the whitened gradient
    m_t = b m_{t-1} + (1 - b) w_t,         u_t = -alpha m_t
    minimise over alpha and b the expected cost of derivation/linear_rule.py

The root of a running mean of y^2 or of (y - m)^2 stands for sigma h^(1/2), so this is what RMSprop
(b = 0) and Adam tend to where noise is most of the gradient and v has settled. Then they are linear
in w, whose slope in e is h^(1/2) / sigma, and the expected cost is exact. Its limits are theory 7:

    alpha = sigma (eta k)^(1/2), b = 0     for sigma -> 0, gamma = 0, dt -> 0: u is ballistic (4(a))
    b = 1 - K, K the steady Kalman gain    where the target drifts and the learner hardly moves
    u is heavy-ball momentum (4(d))        where the curvature is known

Not in it: the part of v that is the gradient's own square, which slows the first steps; that v
fluctuates; that m is corrected for starting at 0. On a rotated landscape v is not the curvature
along an eigenvector but near the mean of all, and so it is here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from landscape_gym.derivation.linear_rule import HiddenCurvature, linear_rule_cost
from landscape_gym.derivation.setting import check_lasting, linear_setting
from landscape_gym.derivation.structure import on_the_axes
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

FREE = math.inf
"""An eta for which motion costs nothing."""


class Whitening(NamedTuple):
    """Constants of a rule that whitens gradients."""

    alpha: float
    """Velocity per whitened and averaged gradient."""
    b: float
    """Decay of the average; 0 without one."""
    cost: float
    """Expected cost per coordinate, were the noise's size known."""


def noise_scale(problem: NavigationProblem, rule: str) -> float:
    """sigma: the noise's standard deviation where the curvature is 1.

    Raises:
        Refusal: for noise that does not tell the curvature.
    """
    noise = problem.noise
    sigma = 0.0 if noise is None else noise.curvature_std(problem.landscape)
    if sigma > 0:
        return sigma
    raise Refusal(
        f"{rule} takes the curvature from the gradient's noise, but noise {noise!r} does not grow "
        "with the curvature: use momentum, which is best for a curvature that does not show, or "
        "'curvature' noise, or 'minibatch' noise of a log-likelihood."
    )


def best_whitening(
    problem: NavigationProblem, rule: str, *, averaged: bool = True, inflation: float = 1.0
) -> Whitening:
    """The constants of least expected cost.

    Args:
        problem: The problem.
        rule: Who asks, for error messages.
        averaged: Whether gradients are averaged; False fixes b = 0.
        inflation: By what factor the rule makes the noise's variance larger.

    Raises:
        Refusal: for noise that does not tell the curvature, a control matrix, default dynamics,
            a metric that is not a multiple of the identity, task switching, unknown curvatures, or
            planning for ever where nothing changes.
    """
    sigma = noise_scale(problem, rule)
    setting = linear_setting(problem, rule)
    check_lasting(setting, rule)
    if not np.any(setting.curvatures):
        return Whitening(0.0, 0.0, 0.0)
    averaged = averaged and setting.horizon != 1  # one step has one gradient
    control, loss = _whiten(setting, _shown(problem, setting), inflation)
    limit = 2 / (setting.dt * float(np.max(control.curvatures)))  # of stability, for b = 0

    def cost(a: Array | float, b: Array | float) -> Array:
        return linear_rule_cost(control, a, b) + linear_rule_cost(loss, a, b)

    b = np.linspace(0.0, 0.98, 15)[:, None] if averaged else np.zeros((1, 1))
    a = limit * (1 + b) * np.geomspace(1e-4, 0.9, 20)
    costs = cost(a, b)
    row, column = np.unravel_index(np.argmin(costs), costs.shape)
    scale, least = a[row, column], costs[row, column]

    def relative(point: Array) -> float:
        return float(cost(scale * point[0], point[1] if averaged else 0.0) / least)

    start = [1.0, b[row, 0]] if averaged else [1.0]
    found = minimize(
        relative,
        start,
        method="Nelder-Mead",
        bounds=[(0.0, None), (0.0, 1.0)][: len(start)],
        options={"xatol": 1e-7, "fatol": 1e-13, "initial_simplex": _simplex(start)},
    )
    decay = float(found.x[1]) if averaged else 0.0
    alpha = sigma * float(scale * found.x[0]) / (1 - decay)
    return Whitening(alpha, decay, float(found.fun * least))


def _shown(problem: NavigationProblem, setting: HiddenCurvature) -> Array:
    """The curvature that v shows along directions of each curvature."""
    h, landscape = setting.curvatures, problem.landscape
    if isinstance(landscape, Quadratic) and on_the_axes(landscape):
        return h
    return np.full_like(h, h @ setting.weights)


def _whiten(
    setting: HiddenCurvature, shown: Array, inflation: float
) -> tuple[HiddenCurvature, HiddenCurvature]:
    """The setting for gradients divided by the root of `shown`: control alone, and loss alone.

    `linear_rule` has one number h for the gradient's slope, here h / shown^(1/2), and the loss,
    here h: the loss is a problem of its own, where motion is free, with other weights.
    """
    kept = shown > 0
    h, root = setting.curvatures[kept], np.sqrt(shown[kept])
    weights = setting.weights[kept]
    noise = np.broadcast_to(setting.noise, setting.curvatures.shape)[kept]
    whitened = replace(setting, curvatures=h / root, noise=inflation * noise / root**2)
    return (
        replace(whitened, weights=weights, k=0.0),
        replace(whitened, weights=weights * root, eta=FREE),
    )


def _simplex(start: list[float]) -> Array:
    """Where Nelder and Mead's method begins: `start`, and a step along each axis."""
    steps = np.diag([0.05] * len(start))
    if len(start) > 1 and start[1] > 0.9:
        steps[1, 1] = -0.05
    return np.vstack([start, start + steps])
