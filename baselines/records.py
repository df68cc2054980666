"""A comparison as plain records, for files and tables: the same seed, the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from baselines import files
from baselines.contest import Contest
from landscape_gym.configuration import plain
from landscape_gym.evaluation import Estimate

COLUMNS: tuple[str, ...] = (
    "regime",
    "policy",
    "group",
    "privileged",
    "cost",
    "ratio",
    "ratio_low",
    "ratio_high",
    "regret",
    "regret_low",
    "regret_high",
    "final_excess",
    "diverged",
    "episodes",
    "seed",
    "constants",
)
"""Of CSV and Parquet. Intervals are 95 %; `constants` is a JSON object."""


def record(contest: Contest, name: str) -> dict[str, Any]:
    """What the tables say of one policy, by the names in `COLUMNS`; None where nothing is known."""
    result, entrant = contest.comparison[name], contest.entrants[name]
    return {
        "regime": contest.name,
        "policy": name,
        "group": entrant.group,
        "privileged": result.privileged,
        "cost": result.cost,
        **_bounds("ratio", result.ratio),
        **_bounds("regret", result.regret),
        "final_excess": result.final_excess,
        "diverged": result.diverged,
        "episodes": contest.comparison.episodes,
        "seed": contest.settings.seed,
        "constants": entrant.constants,
    }


def lines(contests: Sequence[Contest]) -> list[dict[str, Any]]:
    """A line of the table for each policy in each regime, by the names in `COLUMNS`."""
    records = (record(contest, name) for contest in contests for name in contest.entrants)
    return [{**line, "constants": json.dumps(line["constants"])} for line in records]


def as_csv(contests: Sequence[Contest]) -> str:
    """The lines as CSV."""
    return files.as_csv(COLUMNS, lines(contests))


def as_json(contests: Sequence[Contest], revision: str) -> str:
    """Everything: problems, results, how policies were found, and what was refused."""
    regimes = [
        {
            "regime": contest.name,
            "sentence": contest.sentence,
            "problem": plain(contest.problem),
            "optimum": contest.comparison.reference,
            "results": [record(contest, name) for name in contest.entrants],
            "remarks": contest.remarks,
            "refusals": contest.refusals,
        }
        for contest in contests
    ]
    return json.dumps({"revision": revision, "regimes": regimes}, indent=2, allow_nan=False) + "\n"


def footnotes(contest: Contest) -> list[str]:
    """What a table cannot say: how policies were found, and why others are missing."""
    reference = contest.comparison.reference
    floor = "No optimum is known: regret is the fraction of the cost of doing nothing."
    return [
        *([] if reference else [floor]),
        *contest.remarks,
        *(f"Without {', '.join(names)}: {why}" for why, names in _by_reason(contest).items()),
    ]


def _by_reason(contest: Contest) -> dict[str, list[str]]:
    """What is missing, by the reason."""
    missing: dict[str, list[str]] = {}
    for name, why in contest.refusals.items():
        missing.setdefault(why, []).append(name)
    return missing


def _bounds(name: str, given: Estimate | None) -> dict[str, float | None]:
    """A figure and the ends of its interval, None where unknown."""
    if given is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    numbers = {name: given.value, f"{name}_low": given.low, f"{name}_high": given.high}
    return {key: x if math.isfinite(x) else None for key, x in numbers.items()}
