"""The optimum of a learner who is not told how often tasks change: the hazard is believed, too.

Problem: that of switching.py, with a hazard that is drawn once, from a grid with a prior weight for
each value, and hidden. Notation as there; c_j is the chance per step of a redraw by the j-th
hazard. Given the age of the task the target's posterior does not depend on the hazard, so the exact
belief shares its filters between hazards, and is a weight for each pair:

    w_ja                    chance of hazard j and age a together
    a step later            w_j0 <- c_j sum_a w_ja,    w_j,a+1 <- (1 - c_j) w_ja
    a gradient              w_ja gains the likelihood by age alone
    hazard, target          p_j = sum_a w_ja,    E[z | j] = sum_a w_ja m_a / p_j

This is Bayesian changepoint detection with a hierarchical hazard. (Adams, MacKay, arXiv:0710.3742;
Wilson, Nassar, Gold, "Bayesian online learning of the hazard rate in change-point problems", Neural
Computation 22, 2010, whose count of changes a Beta prior needs and a grid does not.)

Acting on it is exact as well. The cost is quadratic and the target is exogenous, so the optimum is
linear in what is expected of the target at every later step. The gain K on the parameters does not
depend on the hazard, and what is expected is a mean over hazards:

    u = -( K x + sum_j p_j [ K_z(j) E[z | j] + K_m(j) m ] )

It is the mean of what the learners would do who are told a hazard each and know what this one does.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from landscape_gym.control.hidden_target.kalman import Frame, TargetModel
from landscape_gym.control.hidden_target.lqg import Filtered, LQGPolicy
from landscape_gym.control.hidden_target.switching import SwitchingFilter, merged_oldest
from landscape_gym.control.linear_quadratic.controller import Controller
from landscape_gym.derivation.gains import control_in_basis
from landscape_gym.derivation.hazards import chances, check_hazards, spaced_hazards
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

ROUNDING = 1e-10
"""Least variance of a predicted gradient over that of a task's first one."""


class HazardBelief(NamedTuple):
    """What rows know of their targets and of the hazard, in a frame."""

    mean: Array
    """Posterior mean of the target, (rows, d)."""
    means: Array
    """m_a, (ages, rows, d)."""
    log_weights: Array
    """Logarithms of w_ja, (hazards, ages, rows)."""

    @property
    def probabilities(self) -> Array:
        """p_j, (hazards, rows)."""
        return np.exp(np.logaddexp.reduce(self.log_weights, axis=1))


class HazardFilter:
    """The filter, for a batch of rows that share a Hessian.

    Args:
        model: As of `SwitchingFilter`, and so are frame and ages.
        frame: Likewise.
        ages: Likewise.
        chances: c_j, (hazards,), of equal prior weight.
    """

    def __init__(self, model: TargetModel, frame: Frame, ages: int, chances: Array) -> None:
        """Tabulate gains and variances by age."""
        # Of exact gradients rounding is no evidence: a task that stayed must not look redrawn.
        self._by_age = SwitchingFilter(model, frame, ages, ROUNDING)
        self._new, self._kept = np.log(chances)[:, None], np.log1p(-chances)[:, None, None]

    def prior(self, frame: Frame, rows: int) -> HazardBelief:
        """The belief before anything is seen."""
        before = self._by_age.prior(frame, rows)
        weights = np.full((len(self._new), 1, rows), -math.log(len(self._new)))
        return HazardBelief(before.mean, before.means, weights)

    def later(self, belief: HazardBelief, prior: HazardBelief) -> HazardBelief:
        """The belief a step later, before its gradient."""
        means, log_weights = belief.means, belief.log_weights
        if len(means) == self._by_age.ages:
            means, log_weights = merged_oldest(means, log_weights)
        new = self._new + np.logaddexp.reduce(log_weights, axis=1)
        log_weights = np.concatenate([new[:, None], self._kept + log_weights], axis=1)
        return HazardBelief(belief.mean, np.concatenate([prior.mean[None], means]), log_weights)

    def restart(self, belief: HazardBelief, rows: Array, prior: HazardBelief) -> HazardBelief:
        """The belief in which some rows, a mask (rows,), know nothing again."""
        means = np.where(rows[:, None], prior.mean, belief.means)
        log_weights = np.where(rows, -np.inf, belief.log_weights)
        log_weights[:, 0, rows] = -math.log(len(self._new))
        return HazardBelief(belief.mean, means, log_weights)

    def observe(self, belief: HazardBelief, frame: Frame, y: Array, x: Array) -> HazardBelief:
        """The belief after the gradients y, seen at the parameters x (rows, d), in the frame."""
        means, likelihood = self._by_age.seen(belief.means, frame, y, x)
        log_weights = belief.log_weights + likelihood
        log_weights -= np.logaddexp.reduce(log_weights, axis=(0, 1))
        by_age = np.exp(np.logaddexp.reduce(log_weights, axis=0))
        return HazardBelief(np.einsum("ar,ard->rd", by_age, means), means, log_weights)


class InferredHazardPolicy(LQGPolicy):
    """`LQGPolicy` that is not told the problem's hazard, and finds it out while it learns.

    Args:
        problem: As of `LQGPolicy`, with tasks that are redrawn unseen at whatever rate.
        hazards: Rates per unit time, > 0, one of which is the true one, or near it, each as likely
            as the others; by default `spaced_hazards` of the problem.
        ages: As of `SwitchingFilter`.

    Raises:
        Refusal: for another problem, naming the assumption that fails.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> policy = InferredHazardPolicy(REGIMES["hidden-task-switching"].problem)
        >>> len(policy.hazards), policy.observation.channels
        (25, ('gradient', 'parameters'))
    """

    def __init__(
        self,
        problem: NavigationProblem,
        hazards: tuple[float, ...] | None = None,
        *,
        ages: int = 128,
    ) -> None:
        """Solve for the gains by each hazard, and set up the filter."""
        if problem.hazard == 0 or problem.signalled:
            raise Refusal(
                "what is to be found out is how often tasks change unseen, but hazard is 0, or "
                "signalled is True: use landscape_gym.control.LQGPolicy."
            )
        super().__init__(problem)
        self.name = "LQG (hazard inferred)"
        self.hazards = spaced_hazards(problem) if hazards is None else check_hazards(hazards)
        shared = self._controller.shared
        assert shared is not None  # as for LQGPolicy
        self._gains = [
            Controller(problem.replace(hazard=hazard), ("gradient", "parameters")).shared
            for hazard in self.hazards
        ]
        frame = self._frame_of(shared)
        told = np.array(chances(self.hazards, problem.dt))
        self._filter = HazardFilter(self.target, frame, ages, told)

    def act(self, observation: Array, state: Filtered) -> tuple[Array, Filtered]:
        """Take in a gradient, and act by the mean over hazards."""
        after, x = self._observe(observation, state)
        frame, prior, belief = after.frame, after.prior, after.belief
        assert isinstance(belief, HazardBelief)
        step, u = self._controller.step(observation), np.zeros(())
        for gains, weights in zip(self._gains, np.exp(belief.log_weights), strict=True):
            assert gains is not None
            p = weights.sum(axis=0)[:, None]
            z = np.einsum("ar,ard->rd", weights, belief.means)
            m = p * prior.mean
            place = p * x
            if gains.law.K.ndim == 4:  # gain matrices, which act on parameters as they are
                u = u + control_in_basis(gains, step, *map(frame.back, (place, z, m)))
            else:
                u = u + frame.back(control_in_basis(gains, step, place, z, m))
        return self.action_of(u, observation), after

    def hazard(self, state: Filtered) -> Array:
        """What is believed of the hazard: its posterior mean, (rows,)."""
        belief = state.belief or state.prior
        assert isinstance(belief, HazardBelief)
        return np.array(self.hazards) @ belief.probabilities
