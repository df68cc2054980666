"""Fairly tuned rules: constants by search on training episodes, to be tested on fresh ones.

The fewer episodes diverge the better, and where as many do the least mean cost decides: the cost of
an episode that diverges says only when, and how far, it was stopped. Where all do, those are better
that last longer, which leads to rates as small as it takes.

A derived rule needs no search. What that is worth shows beside the same rule with the best
constants that a search finds, which is told nothing of the problem but the costs of episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np

from baselines.batch import Outcomes, outcomes
from baselines.search import POINTS, ROUNDS, Constant, Found, search
from landscape_gym.configuration import unknown
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules import RULES

TRAINING_SEED = 0
"""Seed of the first training episode; tests begin at a million (`evaluation.compare`)."""
TRAINING_EPISODES = 64
"""Training episodes of each candidate, the same for all."""
MINIBATCH_EPISODES = 8
"""The same where the loss is a sum over data: an episode takes twenty times as long there."""
MOST_TRAINING_EPISODES = 1_000
"""As many seeds as training may use; tests begin beyond them."""

NONE_FOUND = "no constants were found that do not diverge"
"""What is said in place of tuned ones."""

LR = Constant("lr", 1e-2, 1e2)
LR_OF_MOMENTUM = Constant("lr", 1e-2, 1e2, memory="momentum")
MOMENTUM = Constant("momentum", 1e-2, 1.0, complement=True, limits=(False, True))
B1 = Constant("b1", 1e-2, 1.0, complement=True, limits=(False, True))
B2 = Constant("b2", 1e-4, 1.0, complement=True, limits=(True, True))
"""Down to a memory so long that in an episode of 200 steps nothing is forgotten."""
WEIGHT_DECAY = Constant("weight_decay", 1e-2, 1e1, limits=(True, False))

PULL = Constant("pull", 1e-2, 1e1, limits=(True, False))

SPACES: dict[str, tuple[Constant, ...]] = {
    "gradient_descent": (LR,),
    "momentum": (LR_OF_MOMENTUM, MOMENTUM),
    "nesterov": (LR_OF_MOMENTUM, MOMENTUM),
    "sign_descent": (LR,),
    "rmsprop": (LR, B2),
    "adam": (LR, B1, B2),
    "centred_adam": (LR, B1, B2),
    "adamw": (LR, B1, B2, WEIGHT_DECAY),
    "soft_reset": (LR, PULL),
}
"""What is searched, by the rule's kind; other constants keep their defaults. Kinds that are not in
`landscape_gym.rules.RULES` are left out; rules that are not here are derived only."""


@dataclass(frozen=True)
class Tuned:
    """A rule with the best constants that a search found."""

    policy: Policy
    found: Found
    episodes: int
    """Training episodes of each candidate."""
    first_seed: int
    """Seed of the first of them."""

    @property
    def status(self) -> str:
        """What was found, and whether the search was wide enough, as a sentence."""
        found = self.found
        constants = ", ".join(f"{name} = {value:.4g}" for name, value in found.constants.items())
        parts = [
            f"{constants}, the best of {found.evaluations} on {self.episodes} training episodes"
        ]
        if found.extended:
            parts.append(f"the range of {', '.join(found.extended)} was extended")
        if found.at_edge:
            parts.append(f"{', '.join(found.at_edge)} still at the edge of what was tried")
        return "; ".join(parts) + "."


def tunable(kind: str) -> bool:
    """Whether the rule of that kind is registered and has a search space."""
    return kind in SPACES and kind in RULES


def tune(
    problem: NavigationProblem,
    kind: str,
    *,
    episodes: int | None = None,
    rounds: int = ROUNDS,
    points: int = POINTS,
    seed: int = 0,
) -> Tuned:
    """Search for the constants with which a rule does best on training episodes.

    Args:
        problem: What is navigated.
        kind: The rule's name in `RULES` and `SPACES`.
        episodes: Training episodes of each candidate, from `TRAINING_SEED` on; None takes
            `TRAINING_EPISODES`, and `MINIBATCH_EPISODES` where gradients are of minibatches.
        rounds: Rounds of the search.
        points: Candidates a round; in the first round for each constant.
        seed: Of the search's draws.

    Raises:
        ValueError: for a rule that has no search space, naming those that do, or for too many
            training episodes, whose seeds would meet those of tests.
        Refusal: for a problem with a control matrix, through which no rule reaches all parameters;
            or if all episodes diverged with all constants that were tried.

    Example:
        >>> from landscape_gym import REGIMES
        >>> tuned = tune(REGIMES["short-horizon"].problem, "gradient_descent", episodes=8)
        >>> 0.05 < tuned.found.constants["lr"] < 0.2  # derived: 0.1
        True
    """
    if not tunable(kind):
        raise ValueError(unknown("tunable rule", kind, filter(tunable, SPACES)))
    if problem.control_matrix is not None:
        raise Refusal(
            f"{kind} moves every parameter, but control_matrix lets {problem.control_dim} controls "
            "act: leave it out, or use landscape_gym.control.optimum."
        )
    if episodes is None:
        dear = problem.noise is not None and problem.noise.of_data
        episodes = MINIBATCH_EPISODES if dear else TRAINING_EPISODES
    if episodes > MOST_TRAINING_EPISODES:
        raise ValueError(
            f"at most {MOST_TRAINING_EPISODES} training episodes have seeds that no test uses, got "
            f"{episodes}."
        )
    make = _maker(problem, kind)
    found = search(
        lambda tried: _ranked(
            outcomes(problem, [make(c) for c in tried], episodes=episodes, seed=TRAINING_SEED)
        ),
        SPACES[kind],
        rounds=rounds,
        points=points,
        seed=seed,
    )
    if found.score[0] == episodes:
        longest = ", ".join(f"{name} = {value:.3g}" for name, value in found.constants.items())
        raise Refusal(
            f"{NONE_FOUND}: with each of {found.evaluations} that were tried all {episodes} "
            f"training episodes did, with {longest} last."
        )
    return Tuned(make(found.constants), found, episodes, TRAINING_SEED)


def _ranked(given: Outcomes) -> Array:
    """What counts of each candidate, first things first, (candidates, 3); less is better."""
    endured = np.where(np.isfinite(given.lasted), -given.lasted, 0.0)
    return np.stack([given.diverged, endured, given.cost], axis=1)


def _maker(problem: NavigationProblem, kind: str) -> Callable[[dict[str, float]], Policy]:
    """What makes the policy of a rule from its constants."""
    rule = RULES[kind]
    known = [field.name for field in fields(cast(Any, rule))]
    for constant in SPACES[kind]:
        if constant.name not in known:
            raise ValueError(unknown(f"{kind}: constant", constant.name, known))
    return lambda constants: RulePolicy(rule(**constants), problem)
