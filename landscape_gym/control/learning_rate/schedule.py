"""Learning-rate schedules: what is best for a learner who sees nothing but the time.

The mean square S of the distance moves by S+ = (1 - a h)^2 S + a^2 d r, whatever happens, so that
Pontryagin's conditions tell the best a. With w_t what a unit of S after step t costs from there on,

    w_t = q/2 + beta (1 - a_{t+1} h)^2 w_{t+1},    a_t = h S_t w_t / (c/2 + w_t (h^2 S_t + d r)).

Where the rate is free (c = 0) that is a Kalman filter's gain, 1/S+ = 1/S + h^2 / (d r), and rates
fall as 1/t: annealing comes of noise. Notation as in `bowl`.
"""

from __future__ import annotations

import math

import numpy as np

from landscape_gym.control.learning_rate.bowl import Bowl
from landscape_gym.landscapes.base import Array

SWEEPS = 2000
"""Forward and backward, at the most."""
DAMPING = 0.5
"""Part of the new schedule that a sweep takes."""
NEGLIGIBLE = 1e-8
"""Discount beyond which nothing is planned."""


def derived_schedule(bowl: Bowl) -> Array:
    """The best learning rate at every step, (T,), T as far as the discount matters.

    Raises:
        ArithmeticError: if sweeps forward and backward do not come to rest.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> derived_schedule(Bowl.of(REGIMES["learning-speed"].problem))[[0, 50, 199]].round(2)
        array([2.23, 0.17, 0.04])
    """
    a = np.full(math.ceil(math.log(NEGLIGIBLE) / math.log(bowl.beta)), 0.0)
    w, change = np.empty_like(a), math.inf
    for _ in range(SWEEPS):
        S = mean_squares(bowl, a)[:-1]
        w[-1] = bowl.q / 2 / (1 - bowl.beta)
        for t in range(len(a) - 2, -1, -1):
            w[t] = bowl.q / 2 + bowl.beta * (1 - a[t + 1] * bowl.h) ** 2 * w[t + 1]
        best = bowl.h * S * w / (bowl.c / 2 + w * (bowl.h**2 * S + bowl.dim * bowl.r))
        change = np.abs(best - a).max()
        a = a + DAMPING * (best - a)
        if change < 1e-12:
            return a / bowl.dt
    raise ArithmeticError(f"after {SWEEPS} sweeps the schedule still changes by {change:.1e}.")


def mean_squares(bowl: Bowl, a: Array) -> Array:
    """Mean square of the distance before each step and after the last, (T + 1,)."""
    S = np.empty(len(a) + 1)
    S[0] = bowl.mean_square
    for t, each in enumerate(a):
        S[t + 1] = (1 - each * bowl.h) ** 2 * S[t] + each**2 * bowl.dim * bowl.r
    return S


def schedule_cost(bowl: Bowl, rates: Array) -> float:
    """Expected discounted cost of learning rates (T,), over their T steps."""
    a = bowl.dt * rates
    paid = bowl.c / 2 * a**2 + bowl.q / 2 * mean_squares(bowl, a)[1:]
    return float(bowl.beta ** np.arange(len(a)) @ paid)
