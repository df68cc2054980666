"""What every solver returns: the policy, its value, and how far both can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy
from landscape_gym.refusal import Refusal

Bound = Literal["exact", "lower", "upper"]
"""How a policy's cost compares with the least that is possible.

exact   it is the least possible, up to `Solution.residual`
lower   no learner can do better: the policy sees what a learner does not
upper   the least possible is at most this: the policy may be improved on
"""


@dataclass(frozen=True)
class Solution:
    """The best that is known of a problem."""

    status: str
    """What was solved and how, as a sentence; of a bound, which assumption fails, and what to use
    instead."""
    bound: Bound
    """How the policy's cost compares with the least possible."""
    converged: bool
    """Whether the solver reached its own tolerance."""
    residual: float
    """Relative error that the solver leaves or estimates, >= 0."""
    policy: Policy
    """What acts so; it reads exactly the channels in ``policy.observation``."""
    value: Callable[[Array], Array] | None
    """Expected discounted cost from the policy's observations (batch, size) on, (batch,): at any
    time if it sees everything, else from the first of an episode; None if only simulation tells."""
    cost: float | None = None
    """Expected discounted cost over the problem's starts and instances; None if only simulation
    tells."""


class KnowsItsCost(Protocol):
    """A policy whose expected cost is a finite sum, at least in some problems."""

    def expected_cost(self) -> float:
        """Expected discounted cost; raises `Refusal` where only simulation tells."""
        ...


def cost_if_known(policy: KnowsItsCost) -> float | None:
    """The expected cost where it is a finite sum."""
    try:
        return policy.expected_cost()
    except Refusal:
        return None
