"""What the derivations of rules assume of a problem, and the refusals where it does not hold."""

from __future__ import annotations

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
    if isinstance(problem.metric, str):
        raise Refusal(
            f"{rule} assumes a constant metric, but metric is {problem.metric!r}: use a natural "
            "gradient, or give the metric's values."
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
