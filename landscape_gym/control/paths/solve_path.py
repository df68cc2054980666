"""The optimum of a smooth landscape that is known, by optimising whole paths; how good it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_gym.control.paths.planner import Method, Plan, PlanOptions, chosen_method, plan
from landscape_gym.control.paths.policies import PlannedPath
from landscape_gym.control.solution import Bound, Solution
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.streams import RowDraws

STARTS: dict[Method, int] = {"ilqr": 8, "direct": 1}
"""How many starts are drawn to judge by, where starts are random and none are given."""
LEFT_OPEN = 1e-3
"""Part of the cost that holding still after the path may have where a solution counts as exact."""


def solve_path(
    problem: NavigationProblem,
    *,
    starts: Any = None,
    steps: int | None = None,
    options: PlanOptions | None = None,
) -> Solution:
    """Plan from each start, by iterative LQR or by L-BFGS on the whole path.

    The result is exact where the loss is convex and the default dynamics linear; otherwise it is a
    local optimum, the best of those that several guesses lead to, and bounds the least cost from
    above. A path that goes on after its last step pays for holding still (`trajectory.py`).

    Args:
        problem: A problem whose landscape is known and does not change. Noise does not matter: the
            policy sees the parameters.
        starts: Parameters (n, d) by which to judge convergence; None: the problem's own start if
            that is always the same, else some that are drawn.
        steps: Steps to plan; all of an episode's if None.
        options: How to plan.

    Returns:
        The solution, with a `PlannedPath`; its `value` plans from the observations it is given.
        `cost` is None where the start is random, or `starts` are given.

    Raises:
        Refusal: where the future cannot be computed, naming the assumption that fails and what
            to use instead.

    Example:
        >>> start = {"kind": "normal", "mean": (-0.6, 0.55), "std": 0.0}
        >>> problem = NavigationProblem(landscape="double_well", gamma=0.5, start=start)
        >>> solution = solve_path(problem)
        >>> solution.bound, round(solution.cost, 3)
        ('upper', 1.928)
    """
    options = options or PlanOptions()
    policy = PlannedPath(problem, steps=steps, options=options)
    known = known_start(problem) if starts is None else None
    if starts is None:
        rows = STARTS[chosen_method(policy.path, options)]
        starts = draw_starts(problem, rows) if known is None else known
    found = plan(problem, starts, steps=steps, options=options)
    left_open, converged = _left_open(found), bool(found.best.converged.all())
    bound: Bound = "upper"
    if found.path.convex and found.path.complete and left_open <= LEFT_OPEN and converged:
        bound = "exact"
    return Solution(
        status=_status(found, options, bound, left_open),
        bound=bound,
        converged=converged,
        residual=max(float(found.best.residual.max()), left_open),
        policy=policy,
        value=policy.value,
        cost=None if known is None else float(found.best.cost[0]),
    )


def known_start(problem: NavigationProblem) -> Array | None:
    """The start of every episode, (1, d), where all start alike, else None."""
    first, second = draw_starts(problem, 2)
    return first[None] if np.array_equal(first, second) else None


def draw_starts(problem: NavigationProblem, rows: int) -> Array:
    """Some starts, (rows, d)."""
    generators = [np.random.default_rng(seed) for seed in range(rows)]
    draw = RowDraws(generators, np.dtype(np.float64))
    if problem.start is None:
        return problem.landscape.default_start(draw)
    return problem.start.sample(problem.landscape, draw)


def _left_open(found: Plan) -> float:
    """What part of the cost is that of holding still after the path, which might be done better."""
    cost, end = found.best.cost, found.path.end_cost(found.best.x)
    return float(np.divide(end, cost, out=np.zeros_like(cost), where=cost > 0).max())


def _status(found: Plan, options: PlanOptions, bound: Bound, left_open: float) -> str:
    best, path = found.best, found.path
    how = {"ilqr": "iterative LQR", "direct": "L-BFGS on the whole path"}
    rows = len(best.cost)
    parts = [
        f"Planned {path.T} steps from {rows} start{'s' if rows > 1 else ''} by "
        f"{how[chosen_method(path, options)]}, in at most {best.iterations.max()} iterations"
    ]
    if not best.converged.all():
        parts.append(
            f"not converged from {np.count_nonzero(~best.converged)} of them (relative residual "
            f"{best.residual.max():.1e}): raise max_iterations"
        )
    if not path.complete:
        parts.append(
            "the cost leaves out what comes after the path, for want of a finite cost of holding "
            "still there: plan more steps, or set a horizon or gamma > 0"
        )
    elif left_open > 0:
        parts.append(
            f"holding still after the path is {left_open:.1e} of the cost, which more steps lower"
        )
    if bound == "exact":
        parts.append("global: the path's cost is convex")
    elif not path.convex:
        parts.append(
            "local: the path's cost is not known to be convex, so other guesses may lead to better "
            "paths; in one or two dimensions landscape_gym.control.solve_grid tells whether it is "
            "global"
        )
    return "; ".join(parts) + "."
