"""One regime's comparison: rules derived and tuned, a learned policy, and what bounds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Literal

from baselines.hidden_curvature import best_learner
from baselines.lineup import BEST_BELIEF, LOCAL_OPTIMUM, OPTIMUM, LineUp, line_up, rule_name
from baselines.tuning import MOST_TRAINING_EPISODES, NONE_FOUND, TRAINING_SEED, tunable, tune
from landscape_gym.control import PlannedPath, optimum
from landscape_gym.evaluation import (
    DO_NOTHING,
    Comparison,
    Rollout,
    judge,
    rollout,
    with_nothing,
)
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import Regime
from landscape_gym.rules import RULES

LEARNED = "learned"
BEST_LEARNER = "best learner"
BEST_SCHEDULE, BEST_RATE = "best schedule", "best rate for the loss"
"""Where the control is a learning rate: of who sees the time, or the loss."""
PLANNED_EPISODES = 64
"""Episodes where the optimum plans each path, which takes a fifth of a second each."""

Group = Literal["nothing", "derived", "tuned", "learned", "bound"]


@dataclass(frozen=True)
class Settings:
    """What is compared, and on which episodes."""

    kinds: tuple[str, ...] = field(default_factory=lambda: tuple(RULES))
    """Rules, by their names in `landscape_gym.rules.RULES`."""
    tuned: bool = True
    """Whether to tune the rules that have a search space, too."""
    plan_paths: bool = True
    """Whether to plan whole paths where nothing faster gives the optimum."""
    episodes: int = 256
    """Test episodes; where paths are planned at most `PLANNED_EPISODES`."""
    seed: int = 1_000_000
    """Of the first test episode."""

    def __post_init__(self) -> None:
        """Refuse what would test on training episodes.

        Raises:
            ValueError: for too few episodes, or seeds that meet those of training.
        """
        if self.episodes < 2:
            raise ValueError(f"an interval needs at least 2 episodes, got {self.episodes}.")
        if self.seed < TRAINING_SEED + MOST_TRAINING_EPISODES:
            raise ValueError(
                f"seeds below {TRAINING_SEED + MOST_TRAINING_EPISODES} are those of training "
                f"episodes: test from a larger one on, got {self.seed}."
            )


@dataclass(frozen=True)
class Entrant:
    """A policy and where it comes from."""

    policy: Policy
    group: Group
    kind: str | None = None
    """Of a rule: its name in `RULES`."""
    remark: str | None = None
    """How it was found, as a sentence."""

    @property
    def constants(self) -> dict[str, float]:
        """A rule's constants that are single numbers."""
        if not isinstance(self.policy, RulePolicy) or self.kind is None:
            return {}
        values = asdict(self.policy.rule)  # type: ignore[arg-type]
        return {name: x for name, x in values.items() if type(x) in (int, float)}


@dataclass(frozen=True)
class Contest:
    """A regime's comparison with all that is known of its entrants."""

    name: str
    """The regime's."""
    problem: NavigationProblem
    sentence: str
    settings: Settings
    entrants: dict[str, Entrant]
    """By the name in the table, in its order."""
    runs: dict[str, Rollout]
    """Each one's episodes."""
    comparison: Comparison
    refusals: dict[str, str]
    """Why a rule or a bound is missing: the assumption that fails."""

    @property
    def remarks(self) -> list[str]:
        """How policies were found, line by line."""
        return [f"{name}: {e.remark}" for name, e in self.entrants.items() if e.remark]


def cells(settings: Settings) -> int:
    """How often a contest calls `watch`: for each rule, and for what bounds them."""
    return len(settings.kinds) + 1


def contest(
    name: str,
    regime: Regime,
    settings: Settings,
    *,
    learned: Policy | None = None,
    watch: Callable[[str], None] = lambda cell: None,
) -> Contest:
    """Compare all policies of a regime on the same test episodes.

    Args:
        name: Of the regime.
        regime: The problem, and what a learner sees of it.
        settings: What is compared, and on which episodes.
        learned: A learned policy that takes part.
        watch: Told the name of each cell, a rule or the bounds, before it is computed.
    """
    problem, refusals = regime.problem, {}
    lineup = line_up(
        problem,
        regime.observation,
        plan_paths=settings.plan_paths,
        kinds=settings.kinds,
        tune_one=False,
    )
    planned = lineup.optimum is not None and isinstance(lineup.optimum.policy, PlannedPath)
    episodes = min(settings.episodes, PLANNED_EPISODES) if planned else settings.episodes
    entrants: dict[str, Entrant] = {}
    runs: dict[str, Rollout] = {}

    def enter(title: str, entrant: Entrant) -> None:
        run = rollout(problem, entrant.policy, episodes=episodes, seed=settings.seed, keep_paths=1)
        if entrant.group == "tuned" and run.diverged == episodes:
            refusals[title] = f"{NONE_FOUND}: the best in training do so in all test episodes."
            return
        entrants[title], runs[title] = entrant, run

    enter(DO_NOTHING, Entrant(with_nothing(problem, {})[DO_NOTHING], "nothing"))
    for kind in settings.kinds:
        watch(rule_name(kind))
        for title, entrant in _of_a_rule(problem, kind, lineup, settings, refusals):
            enter(title, entrant)
    watch("bounds")
    if learned is not None:
        enter(LEARNED, Entrant(learned, "learned"))
    for title, entrant in _bounds(regime, lineup, refusals):
        enter(title, entrant)
    return Contest(
        name=name,
        problem=problem,
        sentence=regime.sentence,
        settings=settings,
        entrants=entrants,
        runs=runs,
        comparison=judge(problem, runs, optimum=lineup.reference),
        refusals={**lineup.refusals, **refusals},
    )


def _of_a_rule(
    problem: NavigationProblem,
    kind: str,
    lineup: LineUp,
    settings: Settings,
    refusals: dict[str, str],
) -> Iterator[tuple[str, Entrant]]:
    """The rule with derived and with tuned constants, as far as there are any."""
    name = rule_name(kind)
    if name in lineup.rules:
        yield name, Entrant(lineup.rules[name], "derived", kind)
    if settings.tuned and tunable(kind):
        title = f"{name}, tuned"
        try:
            tuned = tune(problem, kind)
        except Refusal as refusal:
            refusals[title] = str(refusal)
        else:
            yield title, Entrant(tuned.policy, "tuned", kind, tuned.status)


def _bounds(
    regime: Regime, lineup: LineUp, refusals: dict[str, str]
) -> Iterator[tuple[str, Entrant]]:
    """The best learner that is known where curvature is hidden, and the optima."""
    try:
        hidden = best_learner(regime.problem, regime.observation)
    except Refusal as refusal:
        hidden, refusals[BEST_LEARNER] = None, str(refusal)
    if hidden is not None:
        remark = f"No learner costs less than {hidden.lower:.5g} in the mean of all episodes."
        yield (
            f"{BEST_LEARNER}: {hidden.policy.name}",
            Entrant(hidden.policy, "bound", remark=remark),
        )
    if regime.problem.sets_learning_rate:
        for title, seen in ((BEST_SCHEDULE, "elapsed"), (BEST_RATE, "loss")):
            best = optimum(regime.problem, ObservationConfig((seen,)))
            yield title, Entrant(best.policy, "bound", remark=best.status)
    for title, best in (
        (BEST_BELIEF, lineup.belief),
        (OPTIMUM if lineup.reference else LOCAL_OPTIMUM, lineup.optimum),
    ):
        if best is not None:
            yield title, Entrant(best.policy, "bound", remark=best.status)
