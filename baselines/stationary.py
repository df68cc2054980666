"""What the best rule of each form costs where a target drifts for ever, exactly (theory 11).

Coordinates are of curvatures h about 1, and of equal weight; gradients carry noise of variance h;
the target of a coordinate drifts by a variance of eps^2 h^-p a step, so that eps is the filter's
speed where h = 1, and p = 0 is drift that is alike everywhere. Motion costs u^2 / (2 eta), or
h u^2 / (2 eta) in the metric of the curvature, with eta such that the optimum goes the part `speed`
to an estimate in a step where h = 1. There is no discount: costs are means per step.

Each rule's second moments obey a linear recursion, so that its cost is a linear solve (a Lyapunov
equation), and its constants are searched for. LQG, told each h, is a heavy ball for each (4(d)).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from landscape_gym.control import HiddenCurvature, best_linear_rule, diagonal_gain
from landscape_gym.control.hidden_target.kalman import stationary_gain
from landscape_gym.derivation.linear_rule import linear_rule_cost
from landscape_gym.landscapes.base import Array

DECADES = np.geomspace(0.1, 10.0, 16)
"""Curvatures, from the middles of whose intervals costs are averaged."""
FREE = 0.9999
"""The speed of a control that costs nothing."""


class Form(NamedTuple):
    """``u_t = -a h^-power y_t + b u_{t-1}``, where noise of variance h tells h."""

    power: float
    momentum: bool


FORMS = {
    "gradient descent": Form(0.0, False),
    "heavy ball": Form(0.0, True),
    "RMSprop": Form(0.5, False),
    "Adam": Form(0.5, True),
    "natural gradient": Form(1.0, False),
}
"""Simpler ones first, of each power."""


def drifting(
    eps: float, speed: float = FREE, p: float = 0.0, *, h: Array = DECADES, shaped: bool = False
) -> HiddenCurvature:
    """The setting at the head of this file.

    Args:
        eps: Speed of the filter where h = 1: the part of the way to a new gradient's estimate.
        speed: The same of the control, in (0, 1).
        p: The drift's variance falls as h^-p.
        h: Curvatures, (n,).
        shaped: Whether the metric is the curvature, so that control has one speed.
    """
    return HiddenCurvature(
        curvatures=h,
        weights=np.full(len(h), 1 / len(h)),
        eta=speed**2 / (1 - speed),  # for which the optimum goes so far
        dt=1.0,
        metric=h if shaped else 1.0,
        noise=h,
        drift=eps**2 * h**-p,
    )


def told(setting: HiddenCurvature) -> float:
    """Cost of LQG, told each curvature."""
    s, h = setting, setting.curvatures
    metric, r, q = (s.of_curvature(each) for each in (s.metric, s.noise, s.drift))
    kappa = diagonal_gain(h, metric=metric, eta=s.eta, k=s.k, gamma=s.gamma, dt=s.dt).gain
    l = np.array([stationary_gain(*each) for each in zip(h, r, q, strict=True)])
    costs = []
    for i in range(len(h)):
        one = slice(i, i + 1)
        alone = replace(
            s, curvatures=h[one], weights=np.ones(1), metric=metric[one], noise=r[one], drift=q[one]
        )
        b = (1 - l[i] * h[i]) * (1 - s.dt * kappa[i])
        costs.append(float(linear_rule_cost(alone, kappa[i] * l[i], b)))
    return float(s.weights @ costs)


def over_told(setting: HiddenCurvature, form: Form) -> float:
    """Cost of the best rule of a form over that of LQG, told each curvature."""
    best = best_linear_rule(setting, momentum=form.momentum, power=form.power)
    return best.cost / told(setting)
