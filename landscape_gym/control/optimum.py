"""The best that is known of a problem: which solver, or which bound and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from landscape_gym.control.grid.policy import solve_grid
from landscape_gym.control.hidden_target.lqg import LQGPolicy
from landscape_gym.control.linear_quadratic.policy import LinearQuadraticPolicy
from landscape_gym.control.paths.solve_path import solve_path
from landscape_gym.control.solution import Bound, Solution
from landscape_gym.landscapes.fixed import Fixed
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem, UniformStart
from landscape_gym.refusal import Refusal


def optimum(
    problem: NavigationProblem,
    observation: ObservationConfig | None = None,
    *,
    plan_paths: bool = True,
) -> Solution:
    """The optimum of a problem, or the best bound that is known.

    Args:
        problem: What is navigated.
        observation: What the learner sees. None: everything, target and curvature too; no learner
            can do better, and the distance to it includes the price of partial observability.
        plan_paths: Whether to plan whole paths where nothing faster is known, which takes seconds
            for each start; False refuses instead.

    Raises:
        ValueError: where not even a bound is known, naming the assumption that fails and what
            would be needed.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> regime = REGIMES["noisy-gradient"]
        >>> best = optimum(regime.problem)
        >>> best.bound, best.policy.observation.channels, round(best.cost, 4)
        ('exact', ('parameters', 'target'), 1.1901)
        >>> best = optimum(regime.problem, regime.observation)
        >>> best.bound, best.policy.observation.channels, round(best.cost, 4)
        ('exact', ('gradient', 'displacement'), 1.4429)
    """
    if observation is None or {"target", "error"}.intersection(observation.channels):
        return _full_information(problem, plan_paths)
    return _partial_information(problem, observation, plan_paths)


def _full_information(problem: NavigationProblem, plan_paths: bool) -> Solution:
    """The optimum of whoever sees everything."""
    try:
        policy = LinearQuadraticPolicy(problem)
    except ValueError as refusal:
        return _not_linear_quadratic(problem, str(refusal), plan_paths)
    found = policy.solution
    return Solution(
        status="Solved in closed form, coordinate by coordinate."
        if found is None
        else found.status,
        bound="exact",
        converged=found is None or found.converged,
        residual=0.0 if found is None else found.residual,
        policy=policy,
        value=policy.value,
        cost=_if_known(policy.expected_cost),
    )


def _not_linear_quadratic(problem: NavigationProblem, why: str, plan_paths: bool) -> Solution:
    """By dynamic programming where that is possible, else by optimising paths."""
    refusals = [why]
    for solve in (solve_grid, solve_path if plan_paths else _not_planned):
        try:
            return solve(problem)
        except ValueError as refusal:
            refusals.append(str(refusal))
    raise Refusal("no optimum: " + " Nor: ".join(refusals))


def _not_planned(problem: NavigationProblem) -> Solution:
    raise Refusal("planning whole paths (solve_path) takes long and was not asked for.")


def _partial_information(
    problem: NavigationProblem, seen: ObservationConfig, plan_paths: bool
) -> Solution:
    """The optimum of a learner, or what bounds it."""
    if isinstance(problem.landscape, Fixed) and "parameters" in seen.channels:
        return _full_information(problem, plan_paths)  # nothing is hidden
    relative = "parameters" not in seen.channels and _only_distance_matters(problem)
    try:
        if "gradient" not in seen.channels:
            raise Refusal("the learner sees no gradient.")
        policy = LQGPolicy(problem, place="displacement" if relative else "parameters")
    except ValueError as refusal:
        return _bound_by_full_information(problem, str(refusal), plan_paths)
    bound, remarks = _judged(policy, seen)
    return Solution(
        status=" ".join(["Solved by Kalman filter and certainty equivalence.", *remarks]),
        bound=bound,
        converged=True,
        residual=0.0,
        policy=policy,
        value=policy.value if policy.linear else None,
        cost=_if_known(policy.expected_cost),
    )


def _judged(policy: LQGPolicy, seen: ObservationConfig) -> tuple[Bound, list[str]]:
    """Whether the policy sees more than the learner, or might do better; and how."""
    more = [name for name in policy.observation.channels if name not in seen.channels]
    more = [name for name in more if name not in ("displacement", "elapsed")]
    if policy.privileged:
        return "lower", [
            f"The learner does not see the {more[0]}, and this policy does: "
            "landscape_gym.control.bracket bounds what a learner must pay from both sides, and "
            "names the policy that attains the upper bound."
        ]
    if more:
        return "lower", [f"This policy sees what the learner does not: {', '.join(more)}."]
    if seen.scaled:
        return "lower", ["The learner sees the gradient only relative to its running scale."]
    if policy.place == "displacement" and isinstance(policy.problem.start, UniformStart):
        why = "The start is not Gaussian, so that the filter is only the best linear one."
        return "upper", [why + " Where the start is seen, the filter is exact."]
    if not policy.linear:
        return "exact", ["Redraws are not signalled: the belief runs over when the last one was."]
    return "exact", []


def _bound_by_full_information(problem: NavigationProblem, why: str, plan_paths: bool) -> Solution:
    """The optimum of full information, which a learner that sees less cannot beat."""
    solution = _full_information(problem, plan_paths)
    if solution.bound != "exact":
        raise Refusal(f"no bound: {why} And of full information: {solution.status}")
    status = f"Lower bound, by full information, because {why} {solution.status}"
    return replace(solution, bound="lower", status=status)


def _only_distance_matters(problem: NavigationProblem) -> bool:
    """Whether the optimum depends on parameters and target by their difference alone."""
    return problem.default_dynamics is None and problem.hazard == 0


def _if_known(expected_cost: Callable[[], float]) -> float | None:
    """The expected cost where it is a finite sum."""
    try:
        return expected_cost()
    except ValueError:
        return None
