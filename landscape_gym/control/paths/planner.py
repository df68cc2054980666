"""The best path from a known start that several guesses lead to, and all the local ones.

Which solver: `ilqr` up to `ILQR_LIMIT` parameters, where d x d matrices at every step of the path
are cheap; `direct` beyond. Which guesses are optimised: all, each to its own local optimum; but the
cheapest alone where the path's cost is convex (all would end in one path) or the solver is `direct`
(each takes long).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from landscape_gym.configuration import count, one_of
from landscape_gym.control.paths.direct import direct
from landscape_gym.control.paths.ilqr import ilqr
from landscape_gym.control.paths.initial_paths import Guess, cheapest_of, descent, still, towards
from landscape_gym.control.paths.trajectory import PathProblem, Paths
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem

Method = Literal["ilqr", "direct"]
METHODS: dict[Method, Any] = {"ilqr": ilqr, "direct": direct}
ILQR_LIMIT = 100
"""The most parameters for which `ilqr` is chosen."""
DIFFERENCES_LIMIT = 20
"""The same where the landscape offers no Hessian, and gradients are differentiated instead."""
CHUNK_NUMBERS = 2**23
"""About how many entries of Hessians `ilqr` works on at a time."""


@dataclass(frozen=True)
class PlanOptions:
    """How to plan."""

    guesses: Mapping[str, Guess] | None = None
    """Paths to start from, by name; None: do nothing, go straight to the known minimum, gradient
    descent."""
    method: Method | None = None
    """The solver; None chooses by the number of parameters."""
    max_iterations: int | None = None
    """Most iterations of the solver; its own default if None."""

    def __post_init__(self) -> None:
        """Validate."""
        if self.method is not None:
            one_of("method", self.method, METHODS)
        if self.max_iterations is not None:
            count("max_iterations", self.max_iterations)
        if self.guesses is not None and not self.guesses:
            raise ValueError("guesses must name at least one; leave it out for the usual ones.")


@dataclass(frozen=True)
class Plan:
    """Optimised paths from some starts."""

    path: PathProblem
    """What was optimised."""
    local: dict[str, Paths]
    """The path that each guess led to, by the guess's name."""
    best: Paths
    """For each row, the cheapest of them."""
    origin: tuple[str, ...]
    """For each row, the guess that led to it."""


def plan(
    problem: NavigationProblem,
    start: Any,
    *,
    steps: int | None = None,
    options: PlanOptions | None = None,
) -> Plan:
    """Optimise paths from known parameters, and keep the best.

    Args:
        problem: What is navigated; its landscape is known, and nothing changes it.
        start: Parameters, (rows, d) or (d,).
        steps: Steps of the paths; all of an episode's if None.
        options: How to plan.

    Raises:
        Refusal: where the future cannot be computed (`PathProblem.of`).

    Example:
        >>> problem = NavigationProblem(landscape="double_well", gamma=0.5)
        >>> found = plan(problem, [-0.6, 0.0])
        >>> {name: paths.cost[0].round(3).item() for name, paths in found.local.items()}
        {'do nothing': 2.146, 'to the minimum': 1.757, 'gradient descent': 2.146}
        >>> found.origin, found.best.x[-1, 0, 0].round(3).item()  # the global well
        (('to the minimum',), 1.057)
    """
    path = PathProblem.of(problem, steps)
    theta = np.atleast_2d(np.asarray(start, np.float64))
    if theta.ndim != 2 or theta.shape[1] != path.d or not np.isfinite(theta).all():
        raise ValueError(
            f"start must be finite parameters (rows, {path.d}), got an array of {theta.shape}."
        )
    options = options or PlanOptions()
    return refine(path, theta, initial_guesses(path, options), options)


def refine(
    path: PathProblem, start: Array, guesses: Mapping[str, Guess], options: PlanOptions
) -> Plan:
    """Optimise every guess, and keep the best path of each row (the first of equals)."""
    names, rows = list(guesses), np.arange(len(start))
    u = np.concatenate([guess(path, start) for guess in guesses.values()], axis=1)
    found = _optimise(path, np.tile(start, (len(names), 1)), u, options)
    which = found.cost.reshape(len(names), -1).argmin(axis=0)
    return Plan(
        path=path,
        local={name: found.take(i * len(rows) + rows) for i, name in enumerate(names)},
        best=found.take(which * len(rows) + rows),
        origin=tuple(names[i] for i in which),
    )


def _optimise(path: PathProblem, start: Array, u: Array, options: PlanOptions) -> Paths:
    """Optimise controls (T, rows, m), as many rows at a time as memory should hold."""
    method = METHODS[chosen_method(path, options)]
    settings = {"max_iterations": options.max_iterations} if options.max_iterations else {}
    chunk = max(CHUNK_NUMBERS // (path.T * path.d**2), 1)
    parts = (slice(i, i + chunk) for i in range(0, len(start), chunk))
    return Paths.joined([method(path, start[rows], u[:, rows], **settings) for rows in parts])


def initial_guesses(path: PathProblem, options: PlanOptions) -> Mapping[str, Guess]:
    """Those that the options give, or the usual ones as far as they are worth optimising."""
    if options.guesses is not None:
        return options.guesses
    usual: dict[str, Guess] = {"do nothing": still}
    minimum = path.landscape.minimum(path.instances)
    if minimum is not None:
        usual["to the minimum"] = towards(minimum.location[0])
    if minimum is None or not path.convex:
        usual["gradient descent"] = descent
    if path.convex or chosen_method(path, options) == "direct":
        return {"cheapest guess": cheapest_of(usual.values())}
    return usual


def chosen_method(path: PathProblem, options: PlanOptions) -> Method:
    """The solver that the options name, or the one for this number of parameters."""
    if options.method is not None:
        return options.method
    limit = ILQR_LIMIT if path.landscape.offers("hessian") else DIFFERENCES_LIMIT
    return "ilqr" if path.d <= limit else "direct"
