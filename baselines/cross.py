"""The cross table: every derived rule in every regime."""

from __future__ import annotations

from collections.abc import Sequence

from baselines.contest import Contest
from baselines.lineup import rule_name
from baselines.pages import markdown
from landscape_gym.evaluation import figure

HOMES: dict[str, tuple[str, ...]] = {
    "short-horizon": ("gradient_descent",),
    "long-horizon": ("ballistic",),
    "hidden-curvature": ("momentum", "nesterov"),
    "noisy-gradient": ("momentum", "heavy_ball"),
    "drifting-target": ("rmsprop", "adam"),
    "geometry": ("natural_gradient",),
    "partial-control": ("partial_control",),
    "task-switching": ("soft_reset", "hard_reset", "l2_init", "shrink_and_perturb"),
    "hidden-task-switching": ("soft_reset", "hard_reset", "l2_init", "shrink_and_perturb"),
    "landscape-nav": ("adam", "rmsprop", "adamw", "self_tuning"),
}
"""Which rules each regime's sentence is about: the diagonal of the table."""


def cross_table(contests: Sequence[Contest]) -> str:
    """J / J* of derived rules (columns: regimes), in Markdown; the diagonal is bold.

    Without a known optimum there is no ratio, and the cell says so.
    """
    kinds = dict.fromkeys(kind for contest in contests for kind in contest.settings.kinds)
    rows = [(rule_name(kind), *(_cell(kind, contest) for contest in contests)) for kind in kinds]
    return markdown(("rule", *(contest.name for contest in contests)), rows)


def _cell(kind: str, contest: Contest) -> str:
    """One rule in one regime: its ratio, or that it is not derived there."""
    name = rule_name(kind)
    if name not in contest.entrants:
        return "-"
    result = contest.comparison[name]
    text = "no J*" if result.ratio is None else figure(result.ratio.value)
    if result.diverged:
        text = f"diverges ({result.diverged / contest.comparison.episodes:.0%})"
    if result.privileged:
        text += " *"
    return f"**{text}**" if kind in HOMES.get(contest.name, ()) else text
