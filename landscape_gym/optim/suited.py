"""Whether a rule was found for so many parameters as it is given; a warning where it was not."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from landscape_gym import registration
from landscape_gym.landscapes import Quadratic
from landscape_gym.optim.coordinate_rule import CoordinateRule
from landscape_gym.optim.frame_rule import FrameRule
from landscape_gym.policy import Rule
from landscape_gym.problem import NavigationProblem

SERVE_NETWORKS = (
    "the learned rule 'networks', and FilterBank, SelfScaledAdam and SelfScaledSOAP of "
    "landscape_gym.optim, which are optimizers without a learning rate"
)

MANY = 4
"""How many times as many parameters as it was found on a rule is given without a word."""


class Home(NamedTuple):
    """The quadratic landscapes that a rule was found on."""

    how: str
    """"learned" or "derived"."""
    dim: int


def warn_where_unsuited(rule: Rule, problem: NavigationProblem | str | None, size: int) -> None:
    """Warn of a rule of quadratics in few dimensions that is given many more parameters.

    Its steps were chosen where coordinates do not interact, or few do. In a network many move the
    same outputs, so that steps which are right for each are too long for all together.

    Args:
        rule: The rule for tensors.
        problem: What it was derived from, or the name of a regime; None if it was not.
        size: How many parameters it is to move.

    Example:
        >>> from landscape_gym.rules import Momentum
        >>> with warnings.catch_warnings(record=True, action="always") as caught:
        ...     warn_where_unsuited(Momentum(), "hidden-curvature", size=6)
        ...     warn_where_unsuited(Momentum(), "hidden-curvature", size=600)
        >>> [str(each.message)[:57] for each in caught]
        ['this rule was derived for quadratic landscapes of 6 param']
    """
    home = _learned(rule) if problem is None else _derived(problem)
    if home is None or size <= MANY * home.dim:
        return
    warnings.warn(
        f"this rule was {home.how} for quadratic landscapes of {home.dim} parameters, and is given "
        f"{size}: on a network it may diverge. Rules that serve networks: {SERVE_NETWORKS}.",
        UserWarning,
        stacklevel=3,  # whoever makes the optimizer
    )


def _derived(problem: NavigationProblem | str) -> Home | None:
    if isinstance(problem, str):
        problem = registration.regime(problem).problem
    if not isinstance(problem.landscape, Quadratic):
        return None
    return Home("derived", problem.dim)


def _learned(rule: Rule) -> Home | None:
    """As far as the rule's file says; what a stranger's says may be anything."""
    if not isinstance(rule, CoordinateRule | FrameRule):
        return None
    landscape = part(part(rule.learned.about, "problem"), "landscape")
    dim = part(landscape, "dim")
    if part(landscape, "kind") != Quadratic.kind or not isinstance(dim, int):
        return None
    return Home("learned", dim)


def part(given: Any, name: str) -> Any:
    """What a mapping has by a name; None if it has nothing there, or is no mapping."""
    return given.get(name) if isinstance(given, Mapping) else None
