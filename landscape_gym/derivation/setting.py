"""How a navigation problem looks to a rule that is linear and the same in every coordinate."""

from __future__ import annotations

import numpy as np

from landscape_gym.derivation.assumptions import (
    check_free_motion,
    check_single_task,
    diagonal_metric,
)
from landscape_gym.derivation.linear_rule import HiddenCurvature
from landscape_gym.derivation.prior import (
    noise_variance,
    start_moments,
    target_moments,
)
from landscape_gym.dynamics import initial
from landscape_gym.landscapes import Quadratic
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.streams import RowDraws

SAMPLES = 256
"""Starts from which their distance to the minimum is estimated where no formula gives it."""


def linear_setting(problem: NavigationProblem, rule: str = "a linear rule") -> HiddenCurvature:
    """One coordinate of the problem as a linear rule meets it (theory 4(c)).

    A linear rule with the same constants in every coordinate does not see the basis, so the average
    over the Hessian's eigenvalues is exact for rotated landscapes too.

    Args:
        problem: The problem.
        rule: Who asks, for error messages.

    Raises:
        Refusal: for a control matrix, default dynamics, a metric that is not a multiple of the
            identity, task switching, unknown curvatures, or noise that is not additive.
    """
    check_free_motion(problem, rule)
    metric = diagonal_metric(problem, rule)
    if len(metric) > 1:
        raise Refusal(
            f"{rule} has one step size for all coordinates, but the metric differs between them: "
            "use landscape_gym.control.optimum, or a metric that is a multiple of the identity."
        )
    check_single_task(problem, rule)
    quadrature = problem.landscape.curvature_quadrature()
    if quadrature is None:
        raise Refusal(
            f"{rule} needs the distribution of curvatures (curvature_quadrature), which "
            f"{type(problem.landscape).__name__} does not tell: give the constants yourself."
        )
    curvatures, weights = quadrature
    noise, drift = noise_variance(problem, curvatures), problem.drift * problem.dt
    scaled = drift == 0 and not np.any(noise)  # then the start only scales the cost
    return HiddenCurvature(
        curvatures,
        weights,
        eta=problem.eta,
        k=problem.k,
        gamma=problem.gamma,
        dt=problem.dt,
        horizon=problem.horizon,
        metric=float(metric[0]),
        second_moment=_second_moment(problem, scaled, rule),
        noise=noise,
        drift=drift,
    )


def check_lasting(setting: HiddenCurvature, rule: str) -> None:
    """Require that some rule is better than ever slower ones.

    Raises:
        Refusal: for noisy gradients without discount, end or drift.
    """
    endless = setting.horizon is None and setting.gamma == 0 and not np.any(setting.drift)
    if endless and np.any(setting.noise):
        raise Refusal(
            f"{rule} would come to rest: with gamma = 0, no horizon and no drift only the last "
            "steps count, where noise is best not followed at all: raise gamma, or set a horizon."
        )


def _second_moment(problem: NavigationProblem, scaled: bool, rule: str) -> float:
    """Mean square of ``theta_0 - z`` per coordinate; 1 where that is not known nor matters."""
    landscape = problem.landscape
    if isinstance(landscape, Quadratic):
        distance = start_moments(problem).minus(target_moments(landscape))
        return float(np.mean(distance.mean**2) + distance.variance)
    if scaled:
        return 1.0
    generators = [np.random.default_rng(row) for row in range(SAMPLES)]
    instances, theta = initial(problem, RowDraws(generators, np.dtype(np.float64)))
    minimum = landscape.minimum(instances)
    if minimum is None:
        raise Refusal(
            f"{rule} with noise or drift needs to know how far starts are from the minimum, and "
            f"{type(landscape).__name__} does not know its minimum: derive it for "
            "problem.replace(noise=None, drift=0.0)."
        )
    return float(np.mean((theta - minimum.location) ** 2))
