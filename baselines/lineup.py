"""Which policies a problem has: one for each rule that can be derived, and the best there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from landscape_gym.configuration import one_of
from landscape_gym.control import Solution, optimum
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules import RULES

OPTIMUM = "optimum"
LOCAL_OPTIMUM = "local optimum"
BEST_BELIEF = "LQG"


@dataclass(frozen=True)
class LineUp:
    """Policies by name, and what could not be derived."""

    rules: dict[str, Policy]
    """Learning rules with derived constants."""
    optimum: Solution | None
    """The optimum under full information, or the best path that is known; None if neither is."""
    belief: Solution | None
    """The optimum, or a bound, for a learner's channels, if it sees noisy gradients."""
    refusals: dict[str, str]
    """Why a rule or the optimum is missing: the assumption that fails."""

    @property
    def reference(self) -> str | None:
        """Name of the policy that no learner can beat, if it is known."""
        return OPTIMUM if self.optimum is not None and self.optimum.bound == "exact" else None

    def with_learned(self, learned: Policy) -> dict[str, Policy]:
        """All policies in the order of the table, a learned one before the optima."""
        policies = {**self.rules, "learned": learned}
        if self.belief is not None:
            policies[BEST_BELIEF] = self.belief.policy
        if self.optimum is not None:
            policies[self.reference or LOCAL_OPTIMUM] = self.optimum.policy
        return policies


def line_up(
    problem: NavigationProblem,
    observation: ObservationConfig | None = None,
    *,
    plan_paths: bool = False,
    kinds: Iterable[str] | None = None,
) -> LineUp:
    """Derive every rule, and solve for the optimum, as far as the problem allows it.

    Args:
        problem: What is navigated.
        observation: What the learner sees; None leaves out what is best for its channels.
        plan_paths: Whether to plan whole paths where nothing faster gives the optimum: seconds for
            each episode that is then compared.
        kinds: Which rules, by their names in `landscape_gym.rules.RULES`; None takes all.

    Raises:
        ValueError: for a rule that is not known, naming the nearest.

    Example:
        >>> from landscape_gym import REGIMES
        >>> lineup = line_up(REGIMES["long-horizon"].problem)
        >>> list(lineup.rules)[:3], lineup.reference
        (['gradient descent', 'momentum', 'nesterov'], 'optimum')
    """
    rules: dict[str, Policy] = {}
    refusals: dict[str, str] = {}
    for kind in RULES if kinds is None else kinds:
        name = rule_name(kind)
        rule = RULES[one_of("rule", kind, RULES)]
        try:
            rules[name] = RulePolicy(rule.derive(problem), problem)
        except Refusal as refusal:
            refusals[name] = str(refusal)
    best = None
    try:
        best = optimum(problem, plan_paths=plan_paths)
    except Refusal as refusal:
        refusals[OPTIMUM] = str(refusal)
    return LineUp(rules, best, _best_belief(problem, observation), refusals)


def rule_name(kind: str) -> str:
    """What a rule is called in tables."""
    return kind.replace("_", " ")


def _best_belief(
    problem: NavigationProblem, observation: ObservationConfig | None
) -> Solution | None:
    """What is best for a learner that has to infer the target, if this one has to."""
    if observation is None or problem.noise is None:
        return None
    try:
        best = optimum(problem, observation, plan_paths=False)
    except Refusal:  # said of the optimum already
        return None
    return best if "gradient" in best.policy.observation.channels else None
