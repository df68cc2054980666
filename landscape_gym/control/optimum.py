"""The optimum of a problem, where it is known."""

from __future__ import annotations

from landscape_gym.control.linear_quadratic_policy import LinearQuadraticPolicy
from landscape_gym.problem import NavigationProblem


def optimum(problem: NavigationProblem) -> LinearQuadraticPolicy:
    """The optimal policy under full information; no learner can do better.

    It sees parameters, target and curvature (privileged channels), so that with hidden information
    its cost is a lower bound: the distance to it includes the price of partial observability.

    Raises:
        ValueError: where the optimum is not known, naming the assumption that fails and what would
            be needed.

    Example:
        >>> optimum(NavigationProblem()).observation.channels
        ('parameters', 'target', 'curvature')
        >>> optimum(NavigationProblem(landscape="double_well"))
        Traceback (most recent call last):
        ...
        ValueError: no optimum: the landscape DoubleWell is not quadratic, so its optimum is not ...
    """
    try:
        return LinearQuadraticPolicy(problem)
    except ValueError as error:
        raise ValueError(f"no optimum: {error}") from error
