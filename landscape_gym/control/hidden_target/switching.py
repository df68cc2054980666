"""The exact belief when tasks are redrawn unseen: a bank of Kalman filters over the last redraw.

Problem: that of kalman.py. Given how many steps ago the last redraw was, the age a, the
target is Gaussian and the Kalman filter exact; what is not known is the age. So

    z | gradients  ~  sum_a w_a N(m_a, p_a)

    a step later   age 0 begins at the prior with weight 1 - rho, the others grow older by one and
                   keep rho of theirs
    a gradient     moves each m_a by the gain of its age, and w_a gains the likelihood
                   N(y; h (x - m_a), h^2 p_a + r), over all directions together

p_a depends on the age alone. The posterior mean is sum_a w_a m_a, and certainty equivalence with it
is optimal: the cost is quadratic, and the target does not depend on what is done. (This is Bayesian
changepoint detection, Adams and MacKay, arXiv:0710.3742, with Gaussian observations.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.control.hidden_target.kalman import SMALLEST, Frame, TargetModel, update
from landscape_gym.landscapes.base import Array

EXACT = 1e-100
"""Least variance of a predicted gradient: without noise an age that is right is certain."""


class SwitchingBelief(NamedTuple):
    """What rows know of their targets, in a frame."""

    mean: Array
    """Posterior mean, (rows, d)."""
    means: Array
    """m_a, (ages, rows, d)."""
    log_weights: Array
    """Logarithms of w_a, (ages, rows)."""


class SwitchingFilter:
    """The filter, for a batch of rows that share a Hessian.

    Args:
        model: How the target begins and changes, ``model.rho < 1``.
        frame: The Hessian's directions.
        ages: Ages told apart; older ones count as the oldest.
        rounding: Least variance of a predicted gradient over that of a task's first one.
    """

    def __init__(
        self, model: TargetModel, frame: Frame, ages: int = 128, rounding: float = 0.0
    ) -> None:
        """Tabulate gains and variances by age."""
        self.model = model
        gains, spreads = [], []
        p = np.full(frame.h.shape, model.prior.variance)
        for _ in range(ages):
            spreads.append(np.maximum(frame.h**2 * p + frame.r, EXACT))
            gain, p = update(p, frame.h, frame.r)
            gains.append(gain)
            p = p + model.q
        self._gains, self._spreads = np.stack(gains), np.stack(spreads)  # (ages, 1, d)
        self._spreads = np.maximum(self._spreads, rounding * self._spreads[0])
        self.ages = ages

    def prior(self, frame: Frame, rows: int) -> SwitchingBelief:
        """The belief before anything is seen."""
        mean = frame.into(np.repeat(self.model.prior.mean[None], rows, axis=0))
        return SwitchingBelief(mean, mean[None], np.zeros((1, rows)))

    def later(self, belief: SwitchingBelief, prior: SwitchingBelief) -> SwitchingBelief:
        """The belief a step later, before its gradient."""
        rho, means, log_weights = self.model.rho, belief.means, belief.log_weights
        if len(means) == self.ages:
            means, log_weights = merged_oldest(means, log_weights)
        means = np.concatenate([prior.mean[None], means])
        new = np.full((1, means.shape[1]), np.log1p(-rho))
        log_weights = np.concatenate([new, np.log(max(rho, SMALLEST)) + log_weights])
        return SwitchingBelief(belief.mean, means, log_weights)

    def restart(
        self, belief: SwitchingBelief, rows: Array, prior: SwitchingBelief
    ) -> SwitchingBelief:
        """The belief in which some rows, a mask (rows,), know nothing again."""
        means = np.where(rows[:, None], prior.mean, belief.means)
        log_weights = np.where(rows, -np.inf, belief.log_weights)
        log_weights[0, rows] = 0.0
        return SwitchingBelief(belief.mean, means, log_weights)

    def observe(self, belief: SwitchingBelief, frame: Frame, y: Array, x: Array) -> SwitchingBelief:
        """The belief after the gradients y, seen at the parameters x (rows, d), in the frame."""
        means, likelihood = self.seen(belief.means, frame, y, x)
        log_weights = belief.log_weights + likelihood
        log_weights -= np.logaddexp.reduce(log_weights, axis=0)
        mean = np.einsum("ar,ard->rd", np.exp(log_weights), means)
        return SwitchingBelief(mean, means, log_weights)

    def seen(self, means: Array, frame: Frame, y: Array, x: Array) -> tuple[Array, Array]:
        """m_a after the gradient, and its log likelihood by age, (ages, rows), up to a constant."""
        ages = len(means)
        spread = self._spreads[:ages]
        surprise = y - frame.h * (x - means)
        likelihood = -0.5 * np.sum(surprise**2 / spread + np.log(spread), axis=-1)
        return means - self._gains[:ages] * surprise, likelihood


def merged_oldest(means: Array, log_weights: Array) -> tuple[Array, Array]:
    """The two oldest ages as one, with the weights' mean.

    Args:
        means: (ages, rows, d)
        log_weights: (ages, rows); or (hazards, ages, rows), of filters that hazards share.
    """
    both = log_weights[..., -2:, :]
    total = np.logaddexp.reduce(both, axis=-2, keepdims=True)
    if log_weights.ndim == 3:
        both = np.logaddexp.reduce(both, axis=0)
    all_ = np.logaddexp.reduce(both, axis=0)
    share = np.exp(both - np.where(np.isfinite(all_), all_, 0.0))
    merged = np.einsum("ar,ard->rd", share, means[-2:])
    return (
        np.concatenate([means[:-2], merged[None]]),
        np.concatenate([log_weights[..., :-2, :], total], axis=-2),
    )
