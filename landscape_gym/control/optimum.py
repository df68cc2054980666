"""The best that is known of a problem: which solver, or which bound and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from landscape_gym.control.grid.policy import solve_grid
from landscape_gym.control.hidden_target.lqg import solve_lqg
from landscape_gym.control.learning_rate.policy import solve_learning_rate
from landscape_gym.control.linear_quadratic.policy import solve_linear_quadratic
from landscape_gym.control.paths.solve_path import solve_path
from landscape_gym.control.solution import Solution
from landscape_gym.landscapes.fixed import Fixed
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal


@dataclass(frozen=True)
class Solver:
    """A way to an optimum, and when it is asked."""

    what: str
    """What it does, as the subject of a sentence."""
    solve: Callable[..., Solution]
    """``solve(problem)``, or ``solve(problem, observation)`` if `hidden`; raises `Refusal` where an
    assumption fails, naming it."""
    hidden: bool = False
    """Whether it is for learners from whom something is hidden; else for who sees everything."""
    slow: bool = False
    """Whether it takes seconds for each start, and is asked only with ``plan_paths``."""


SOLVERS: list[Solver] = [
    Solver("the law of a learning rate (solve_learning_rate)", solve_learning_rate),
    Solver("closed forms and Riccati equations (LinearQuadraticPolicy)", solve_linear_quadratic),
    Solver("dynamic programming (solve_grid)", solve_grid),
    Solver("planning whole paths (solve_path)", solve_path, slow=True),
    Solver("the law of a learning rate (solve_learning_rate)", solve_learning_rate, hidden=True),
    Solver("a Kalman filter (LQGPolicy)", solve_lqg, hidden=True),
]
"""Asked in this order; the first that does not refuse answers. Put your own where it belongs."""


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
        Refusal: where not even a bound is known, naming the assumption that fails and what
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
    if observation is None or _sees_all(problem, observation):
        return _first_answer(False, plan_paths, problem)
    try:
        return _first_answer(True, plan_paths, problem, observation)
    except Refusal as why:
        return _as_bound(_first_answer(False, plan_paths, problem), str(why))


def _first_answer(
    hidden: bool, plan_paths: bool, problem: NavigationProblem, *seen: ObservationConfig
) -> Solution:
    """What the first solver of a kind that does not refuse finds."""
    refusals = []
    for solver in SOLVERS:
        if solver.hidden != hidden:
            continue
        if solver.slow and not plan_paths:
            refusals.append(f"{solver.what} takes long and was not asked for.")
            continue
        try:
            return solver.solve(problem, *seen)
        except Refusal as refusal:
            refusals.append(str(refusal))
    raise Refusal(("" if hidden else "no optimum: ") + " Nor: ".join(refusals))


def _sees_all(problem: NavigationProblem, seen: ObservationConfig) -> bool:
    """Whether nothing that matters is hidden from who sees these channels."""
    if problem.sets_learning_rate:  # where the next gradient errs matters, too
        return {"error", "gradient"} <= set(seen.channels)
    if {"target", "error"}.intersection(seen.channels):
        return True
    return isinstance(problem.landscape, Fixed) and "parameters" in seen.channels


def _as_bound(found: Solution, why: str) -> Solution:
    """The optimum of full information, which a learner that sees less cannot beat."""
    if found.bound != "exact":
        raise Refusal(f"no bound: {why} And of full information: {found.status}")
    status = f"Lower bound, by full information, because {why} {found.status}"
    return replace(found, bound="lower", status=status)
