"""baselines/README.md: the tables of all regimes, with what it takes to make them again."""

from __future__ import annotations

from collections.abc import Sequence

from baselines.contest import BEST_LEARNER, PLANNED_EPISODES, Contest, Entrant, Settings
from baselines.cross import cross_table
from baselines.lineup import BEST_BELIEF
from baselines.pages import markdown, source
from baselines.records import footnotes
from baselines.search import POINTS, ROUNDS
from baselines.tuning import MINIBATCH_EPISODES, SPACES, TRAINING_EPISODES, TRAINING_SEED
from landscape_gym.evaluation import HEAD, STAR

INTRODUCTION = f"""\
# Baselines

What a learned policy is compared with: learning rules whose constants are derived from the problem,
the same rules with constants that are tuned, and what bounds them all. Every policy of a regime
meets the same test episodes.

    python -m baselines --regime long-horizon              # a table on the screen
    python -m baselines --regime long-horizon --out FOLDER # and CSV, JSON and pictures
    python -m baselines --run runs/FOLDER                  # with the policy that a run has learned
    python -m baselines --write                            # this page
    python -m baselines sweep --out FOLDER                 # cell by cell, on processes or a cluster
    python -m baselines record --regime long-horizon --policy momentum  # episodes, for Minari

- **derived** rules know the problem, and need no search.
- **tuned** rules know nothing of it but the costs of training episodes: random search on
  logarithmic scales, {ROUNDS} rounds of {POINTS} candidates (in the first {POINTS} for each
  constant), each on {TRAINING_EPISODES} episodes ({MINIBATCH_EPISODES} where gradients are of
  minibatches) with seeds from {TRAINING_SEED} on; ranges are extended where the best lies at their
  edge (baselines/search.py, baselines/tuning.py).
- **{BEST_LEARNER}**: the best policy that is known where curvature is hidden and only gradients are
  seen (`landscape_gym.control.bracket`).
- **{BEST_BELIEF}**: the optimum, or a bound, of a learner that infers the target from noisy
  gradients.
- **optimum**: nobody does better, whatever they see.

J is the mean discounted cost of an episode, J* that of the optimum; regret is
(J - J*) / (J_null - J*), with J_null the cost of doing nothing. In brackets: 95 % intervals, by a
bootstrap over episodes. {STAR}.
"""


def readme(contests: Sequence[Contest], command: str, revision: str) -> str:
    """The page."""
    return "\n".join(
        [
            INTRODUCTION,
            _source(contests[0].settings, command, revision),
            "",
            "## Derived rules in every regime",
            "",
            "J / J* of each rule with the constants that are derived for that regime; - where the",
            "derivation does not hold (the reasons are below), bold where the regime is there for",
            "the rule.",
            "",
            cross_table(contests),
            "",
            "## Where tuning began",
            "",
            _spaces(),
            "",
            *(line for contest in contests for line in _section(contest)),
        ]
    )


def _source(settings: Settings, command: str, revision: str) -> str:
    """Where the figures come from."""
    return (
        f"{source(command, revision)}: {settings.episodes} test episodes "
        f"({min(PLANNED_EPISODES, settings.episodes)} where the optimum plans whole paths) from "
        f"seed {settings.seed}."
    )


def _spaces() -> str:
    """The first ranges of the search, as a table."""
    rows = [
        (
            kind.replace("_", " "),
            c.name,
            f"{c.low:g} to {c.high:g}",
            _meaning(c.complement, c.memory),
        )
        for kind, space in SPACES.items()
        for c in space
    ]
    return markdown(("rule", "constant", "log-uniform in", "which is"), rows)


def _meaning(complement: bool, memory: str | None) -> str:
    """What a range is the range of."""
    if complement:
        return "1 - value"
    return f"value / (1 - {memory})" if memory else "value"


def _constants(entrant: Entrant) -> str:
    """A rule's constants: those that are tuned, or all if none are."""
    names = [c.name for c in SPACES.get(entrant.kind or "", ())] or list(entrant.constants)
    known = {name: x for name, x in entrant.constants.items() if name in names}
    return ", ".join(f"{name} {x:.4g}" for name, x in known.items())


def _section(contest: Contest) -> list[str]:
    """One regime."""
    head = (*HEAD, "constants")
    rows = [
        (*result.row, _constants(contest.entrants[result.name]))
        for result in contest.comparison.results
    ]
    title = [f"## {contest.name}", "", contest.sentence, "", markdown(head, rows), ""]
    return [*title, *(f"- {line}" for line in footnotes(contest)), ""]
