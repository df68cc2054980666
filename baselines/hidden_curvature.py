"""The best policy that is known for a learner that does not see curvature."""

from __future__ import annotations

from landscape_gym.control import Bracket, bracket
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Conditioned, LogUniform, Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem

EPISODES = 64
"""Episodes by which the better of two kinds of policy is picked; its cost is measured anew."""
SEED = 0
"""Of the first of them, which are not those of the comparison."""


def best_learner(problem: NavigationProblem, observation: ObservationConfig) -> Bracket | None:
    """The bracket of what a learner must pay; None where its curvature is not hidden at random.

    Args:
        problem: What is navigated.
        observation: What the learner sees. Unless that is its parameters, it is taken to know how
            far it went, which is the sum of its updates.

    Raises:
        Refusal: where no bracket is known, naming the assumption that fails.

    Example:
        >>> from landscape_gym import REGIMES
        >>> regime = REGIMES["hidden-curvature"]
        >>> best_learner(regime.problem, regime.observation).policy.name
        'quasi-Newton'
    """
    landscape = problem.landscape
    if not isinstance(landscape, Quadratic):
        return None
    if not isinstance(landscape.curvature, LogUniform | Conditioned):
        return None

    def simulate(policy: Policy) -> Array:
        return rollout(problem, policy, episodes=EPISODES, seed=SEED).cost

    place = "parameters" if "parameters" in observation.channels else "displacement"
    return bracket(problem, simulate, place)
