"""What the derivations of rules assume of a problem, and the refusals where it does not hold."""

from __future__ import annotations

import math

import numpy as np

from landscape_gym.derivation import structure
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import Decay, NavigationProblem, Rotation
from landscape_gym.refusal import Refusal


def check_free_motion(problem: NavigationProblem, rule: str) -> None:
    """Require that parameters move by the control alone, and by each coordinate's own.

    Raises:
        Refusal: for a control matrix, or default dynamics that are not zero.
    """
    if problem.control_matrix is not None:
        raise Refusal(
            f"{rule} sets the velocity of every parameter, but control_matrix lets controls act "
            "through B; use landscape_gym.control.optimum, or leave control_matrix out."
        )
    if not _is_zero(problem):
        raise Refusal(
            f"{rule} assumes that parameters stay when left alone, but default_dynamics is "
            f"{problem.default_dynamics!r}; use landscape_gym.control.optimum, whose law is not a "
            "gradient's."
        )


def time_that_counts(problem: NavigationProblem, rule: str) -> float:
    """The discounted length of the planning horizon, for rules of short ones.

    Without horizon it is 1/gamma, that of continuous time. The sum over steps, which is
    dt / (1 - exp(-gamma dt)), exceeds it by the fraction gamma dt / 2.

    Raises:
        Refusal: for an endless horizon.
    """
    if problem.horizon is not None:
        rate = problem.gamma * problem.dt
        if rate == 0:
            return problem.dt * problem.horizon
        return problem.dt * math.expm1(-rate * problem.horizon) / math.expm1(-rate)
    if problem.gamma == 0:
        raise Refusal(
            f"{rule} is the optimum of a short horizon, but gamma = 0 without horizon plans for "
            "ever: raise gamma, set a horizon, or use landscape_gym.control.optimum."
        )
    return 1 / problem.gamma


def check_single_task(problem: NavigationProblem, rule: str) -> None:
    """Require that the task is not redrawn.

    Raises:
        Refusal: for hazard > 0.
    """
    if problem.hazard > 0:
        raise Refusal(
            f"{rule} is derived for one task, but hazard > 0 redraws it: derive it for "
            "problem.replace(hazard=0.0), or use a rule that resets."
        )


def diagonal_metric(problem: NavigationProblem, rule: str) -> Array:
    """The diagonal of a constant diagonal metric, (1,) if it is the same for all, else (d,).

    Raises:
        Refusal: for another metric.
    """
    if (why := structure.why_no_matrix(problem)) is not None:
        raise Refusal(
            f"{rule} assumes a constant metric, but {why}: use that, or give the metric's values."
        )
    metric = structure.diagonal_metric(problem)
    if metric is None:
        raise Refusal(
            f"{rule} scales coordinates separately, but the metric couples them: use "
            "landscape_gym.control.optimum, or a diagonal metric."
        )
    return metric[:1] if np.ptp(metric) == 0 else metric


def _is_zero(problem: NavigationProblem) -> bool:
    """Whether the default dynamics vanish."""
    f = problem.default_dynamics
    if f is None:
        return True
    if isinstance(f, Decay | Rotation):
        return f.rate == 0
    return isinstance(f, tuple) and not np.any(f)
