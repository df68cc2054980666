"""Which policies a problem has: one for each rule that can be derived, and the optimum if known."""

from __future__ import annotations

from dataclasses import dataclass

from landscape_gym.control import optimum
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules import RULES

OPTIMUM = "optimum"


@dataclass(frozen=True)
class LineUp:
    """Policies by name, and what could not be derived."""

    rules: dict[str, Policy]
    """Learning rules with derived constants."""
    optimum: Policy | None
    """The optimal policy under full information, where it is known."""
    refusals: dict[str, str]
    """Why a rule or the optimum is missing: the assumption that fails."""

    def with_learned(self, learned: Policy) -> dict[str, Policy]:
        """All policies in the order of the table, a learned one before the optimum."""
        last = {} if self.optimum is None else {OPTIMUM: self.optimum}
        return {**self.rules, "learned": learned, **last}


def line_up(problem: NavigationProblem) -> LineUp:
    """Derive every rule, and solve for the optimum, as far as the problem allows it.

    Example:
        >>> from landscape_gym import REGIMES
        >>> lineup = line_up(REGIMES["long-horizon"].problem)
        >>> list(lineup.rules), lineup.optimum is not None
        (['gradient descent', 'momentum'], True)
    """
    rules: dict[str, Policy] = {}
    refusals: dict[str, str] = {}
    for kind, rule in RULES.items():
        name = kind.replace("_", " ")
        try:
            rules[name] = RulePolicy(rule.derive(problem))
        except ValueError as refusal:
            refusals[name] = str(refusal)
    best = None
    try:
        best = optimum(problem)
    except ValueError as refusal:
        refusals[OPTIMUM] = str(refusal)
    return LineUp(rules, best, refusals)
