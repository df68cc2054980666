"""What rotation costs a learner: eigenvectors that have to be found out, by what it sees."""

from __future__ import annotations

import math
from typing import NamedTuple

from baselines.pages import markdown
from docs.generate.brackets import SEED
from docs.generate.effort import Effort
from landscape_gym.artifact import load_rule
from landscape_gym.control import (
    LinearQuadraticPolicy,
    LQGPolicy,
    bracket,
    price_of_hidden_axes,
)
from landscape_gym.derivation.coordinate_prior import Place
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES

REGIME = "landscape-nav"
LEARNED: dict[Place, str] = {
    "displacement": "landscape-nav",
    "parameters": "landscape-nav-parameters",
}
"""The shipped rule, by what it sees of where it is."""
NORMAL = 1.96
HEAD = (
    "channels",
    "curvature known",
    "along the axes, at least",
    "along the axes, at most",
    "rotated, at least",
    "rotated, derived",
    "rotated, learned",
    "price of rotation",
)


class Mean(NamedTuple):
    """A cost, and half of its 95 % interval."""

    value: float
    half: float

    def over(self, full: float) -> str:
        """Relative to full information."""
        return f"{self.value / full:.4f} +- {self.half / full:.4f}"


def rotation_table(effort: Effort) -> str:
    """A row for each way to see where one is, and how to read it."""
    rows = [_row(place, effort) for place in LEARNED]
    return (
        "Costs relative to full information; `curvature known`, with or without rotation, and "
        "`along the axes, at least` are exact; `rotated, at least` is a mean over landscapes that "
        "are drawn (`control.price_of_hidden_axes`); the others are simulated in "
        f"{_episodes(effort)} episodes from seed {SEED}, with the policy of known curvature as "
        "control variate, and a learned rule is one that is shipped. The price is the better of "
        "both that are rotated over the cost along the axes, with 95 % intervals."
        f"\n\n{markdown(HEAD, rows)}"
    )


def _row(place: Place, effort: Effort) -> tuple[str, ...]:
    rotated = REGIMES[REGIME].problem
    axes = rotated.replace(landscape={"rotated": False})
    episode = rotated.replace(horizon=rotated.steps)
    full = LinearQuadraticPolicy(episode).expected_cost()
    hidden = price_of_hidden_axes(episode, place)
    # Both brackets have the same lower side, in which eigenvectors are given away.
    found, straight_found = (
        bracket(each, lambda policy, each=each: _costs(each, policy, effort), place, effort.bank)
        for each in (rotated, axes)
    )
    derived, straight = (
        Mean(each.upper, (each.interval[1] - each.interval[0]) / 2)
        for each in (found, straight_found)
    )
    learned = _cost(rotated, load_rule(LEARNED[place]), place, effort)
    best = min(derived, learned)
    price = best.value / straight.value
    half = price * math.hypot(best.half / best.value, straight.half / straight.value)
    return (
        f"gradient, {place}",
        f"{found.known / full:.4f}",
        f"{found.lower / full:.4f}",
        straight.over(full),
        Mean(found.known + hidden.value, hidden.half).over(full),
        derived.over(full),
        learned.over(full),
        f"{price:.4f} +- {half:.4f}",
    )


def _episodes(effort: Effort) -> int:
    return 2 * effort.learners


def _costs(problem: NavigationProblem, policy: Policy, effort: Effort) -> Array:
    return rollout(problem, policy, episodes=_episodes(effort), seed=SEED).cost


def _cost(problem: NavigationProblem, policy: Policy, place: Place, effort: Effort) -> Mean:
    """Of a policy, by what it pays beyond the one that is told the curvature."""
    told = LQGPolicy(problem.replace(horizon=problem.steps), place=place)
    more = _costs(problem, policy, effort) - _costs(problem, told, effort)
    half = NORMAL * float(more.std(ddof=1)) / math.sqrt(len(more))
    return Mean(told.expected_cost() + float(more.mean()), half)
