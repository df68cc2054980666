"""How much more than full information a learner must pay that sees neither curvature nor target."""

from __future__ import annotations

from baselines.pages import markdown
from docs.generate.effort import Effort
from landscape_gym.control import LinearQuadraticPolicy, bracket
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import LogUniform, Quadratic
from landscape_gym.problem import CurvatureNoise, NavigationProblem, NormalStart
from landscape_gym.registration import REGIMES

SEED = 2_000_000
"""Of the first episode."""
HEAD = (
    "problem",
    "curvature known",
    "at least",
    "at most [95 %]",
    "gap",
    "by",
    "best linear rule",
)


def settings() -> dict[str, NavigationProblem]:
    """The registered regimes, their twins along the axes, and three levels of noise."""
    problems = {}
    for name in ("landscape-nav", "hidden-curvature"):
        problems[name] = REGIMES[name].problem
        problems[f"{name}, along the axes"] = problems[name].replace(landscape={"rotated": False})
    still = NavigationProblem(
        landscape=Quadratic(dim=10, curvature=LogUniform(0.05, 5.0), optimum_std=1.0),
        start=NormalStart(0.0, 0.0),
    )
    for std in (0.3, 1.0, 3.0):
        problems[f"from the prior's mean, noise {std:g}"] = still.replace(noise=CurvatureNoise(std))
    return problems


def brackets_table(effort: Effort) -> str:
    """A row for each setting, and how to read it."""
    some = list(settings().items())[:: effort.brackets]
    rows = [bracket_row(name, problem, effort) for name, problem in some]
    return (
        "Costs of an episode's steps relative to full information; `at least` and `curvature "
        f"known` are exact sums, `at most` is simulated in {effort.learners} episodes from seed "
        f"{SEED}, with the policy of known curvature as control variate. `best linear rule` "
        f"remembers two gradients and updates.\n\n{markdown(HEAD, rows)}"
    )


def bracket_row(name: str, problem: NavigationProblem, effort: Effort) -> tuple[str, ...]:
    """The bounds of a setting, relative to the cost of full information."""
    found = bracket(
        problem,
        lambda policy: rollout(problem, policy, episodes=effort.learners, seed=SEED).cost,
        points=effort.bank,
    )
    full = LinearQuadraticPolicy(problem.replace(horizon=problem.steps)).expected_cost()
    low, high = found.interval
    return (
        name,
        f"{found.known / full:.4f}",
        f"{found.lower / full:.4f}",
        f"{found.upper / full:.4f} [{low / full:.4f}, {high / full:.4f}]",
        f"{found.gap:.1%}",
        found.policy.name,
        f"{found.linear / full:.4f}",
    )
