"""What rules of Adam's form lose to the optimum that is told the curvature (theory 7(d), 11).

The rule divides gradients by the noise's standard deviation, as RMSprop and Adam do once v has
settled where noise is most of the gradient; the optimum, told each coordinate's curvature, filters
and controls as is best for it (LQG). Both costs are exact sums over an episode's steps.
"""

from __future__ import annotations

from dataclasses import replace

from landscape_gym.control.hidden_target.lqg import LQGPolicy
from landscape_gym.derivation.linear_rule import linear_rule_cost
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.derivation.structure import check_linear_quadratic, on_the_axes
from landscape_gym.derivation.whitening import noise_scale
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal


def price_of_form(problem: NavigationProblem, lr: float, b1: float = 0.0) -> float:
    """Expected cost of ``u = -lr m / noise's deviation`` over that of LQG, told the curvature.

    Near 1 where the target drifts and the filter is slow. Where the target rests, a filter's
    weight should fall as it settles, and that of a constant rule does not.

    Args:
        problem: A quadratic one on the axes, whose noise tells the curvature.
        lr: Velocity per mean gradient over the noise's standard deviation.
        b1: Decay of the mean per step; 0 is RMSprop.

    Raises:
        Refusal: for another problem, naming the assumption that fails.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> from landscape_gym.rules import RMSprop
        >>> drifting = REGIMES["drifting-target"].problem
        >>> round(price_of_form(drifting, RMSprop.derive(drifting).lr), 3)
        1.002
        >>> resting = drifting.replace(drift=0.0)
        >>> round(price_of_form(resting, RMSprop.derive(resting).lr), 3)
        1.858
    """
    if not on_the_axes(check_linear_quadratic(problem)):
        raise Refusal(
            "on a rotated landscape a coordinate's noise does not tell an eigenvalue: simulate "
            "(landscape_gym.evaluation.compare), or set rotated=False."
        )
    setting = replace(linear_setting(problem), horizon=problem.steps)
    a = lr * (1 - b1) / noise_scale(problem, "a rule of Adam's form")
    cost = problem.dim * float(linear_rule_cost(setting, a, b1, power=0.5))
    return cost / LQGPolicy(problem).expected_cost(problem.steps)
