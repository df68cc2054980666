"""Which policies a problem has: one for each rule that can be derived, and the best there is.

Where no optimum is known there is nothing that a learned rule has to come near, and of the derived
rules few may be left, or those alone that diverge. Then one rule is tuned, as a mark to beat.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from baselines.tuning import Tuned, tune
from landscape_gym.configuration import one_of
from landscape_gym.control import PlannedPath, Solution, optimum
from landscape_gym.control.paths.solve_path import known_start
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules import RULES

OPTIMUM = "optimum"
LOCAL_OPTIMUM = "local optimum"
BEST_BELIEF = "LQG"

TUNED_KIND = "adam"
"""The rule that is tuned where no optimum is known: it serves most landscapes."""
TUNING = {"episodes": 8, "rounds": 3, "points": 12}
"""How: the budget of a yardstick, a tenth of that of a fair contest (`baselines.tuning`)."""
FEW_EPISODES = 16
"""So many paths are planned without being asked for; one takes a fraction of a second."""
DEAR = 50_000
"""Parameters times steps, beyond which nothing is tuned or planned without being asked for."""


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
    notes: tuple[str, ...] = ()
    """How the tuned rule was found, and how to get what is missing, as sentences."""

    @property
    def reference(self) -> str | None:
        """Name of the policy that no learner can beat, if it is known."""
        return OPTIMUM if self.optimum is not None and self.optimum.bound == "exact" else None

    @property
    def remarks(self) -> list[str]:
        """How the optima were found and how far they can be trusted, and what is missing."""
        named = {self.reference or LOCAL_OPTIMUM: self.optimum, BEST_BELIEF: self.belief}
        lines = [f"{name}: {best.status}" for name, best in named.items() if best is not None]
        if self.optimum is None:
            lines.append(f"{OPTIMUM}: {self.refusals[OPTIMUM]}")
        lines += self.notes
        if underivable := [name for name in self.refusals if name != OPTIMUM]:
            lines.append(f"Not derived, their assumptions fail: {', '.join(underivable)}.")
        return lines

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
    plan_paths: bool | None = False,
    kinds: Iterable[str] | None = None,
    episodes: int | None = None,
    tune_one: bool = True,
) -> LineUp:
    """Derive every rule, and solve for the optimum, as far as the problem allows it.

    Args:
        problem: What is navigated.
        observation: What the learner sees; None leaves out what is best for its channels.
        plan_paths: Whether to plan whole paths where nothing faster gives the optimum: seconds for
            each episode that is then compared. None plans where that takes little time: for at
            most `FEW_EPISODES`, or where all episodes start alike.
        kinds: Which rules, by their names in `landscape_gym.rules.RULES`; None takes all.
        episodes: How many will be compared, if that is known.
        tune_one: Whether to tune a rule where no optimum is known.

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
    if plan_paths is None:
        plan_paths = _planned_soon(problem, episodes)
    try:
        best = optimum(problem, plan_paths=plan_paths)
    except Refusal as refusal:
        refusals[OPTIMUM] = str(refusal)
    lineup = LineUp(rules, best, _best_belief(problem, observation), refusals)
    if lineup.reference is not None or not tune_one:
        return lineup
    return _with_marks(lineup, problem)


def _with_marks(lineup: LineUp, problem: NavigationProblem) -> LineUp:
    """The line-up with a tuned rule, and what is said of it and of a bound that is missing."""
    rules, notes = lineup.rules, []
    if lineup.optimum is None and _can_be_planned(problem):
        notes.append(
            "A bound is to be had by planning a path for each episode, which takes minutes: "
            "--plan-paths, or RunConfig(plan_paths=True)."
        )
    title, tuned = f"{rule_name(TUNED_KIND)}, tuned", _tuned(problem)
    if isinstance(tuned, Tuned):
        rules = {**rules, title: tuned.policy}
        notes.append(f"{title}: {tuned.status}")
    else:
        notes.append(f"Without {title}: {tuned}")
    return replace(lineup, rules=rules, notes=tuple(notes))


def _tuned(problem: NavigationProblem) -> Tuned | str:
    """The tuned rule, or why there is none."""
    if problem.dim * problem.steps > DEAR:
        return (
            f"{problem.dim} parameters and {problem.steps} steps make tuning long; "
            f"baselines.tuning.tune(problem, {TUNED_KIND!r}) does it."
        )
    try:
        return tune(problem, TUNED_KIND, **TUNING)
    except Refusal as refusal:
        return str(refusal)


def _planned_soon(problem: NavigationProblem, episodes: int | None) -> bool:
    """Whether planning a path for each episode takes little time."""
    if problem.dim * problem.steps > DEAR or not _can_be_planned(problem):
        return False
    few = episodes is not None and episodes <= FEW_EPISODES
    return few or known_start(problem) is not None


def _can_be_planned(problem: NavigationProblem) -> bool:
    """Whether the future can be computed, and so a path be planned."""
    try:
        PlannedPath(problem)
    except Refusal:
        return False
    return True


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
