"""The sentences on which rule is optimal in a setting, and why."""

from __future__ import annotations

import math

import numpy as np

from landscape_gym.evaluation import DO_NOTHING, Result, figure
from landscape_gym.explorer.answer import OPTIMUM, Answer
from landscape_gym.explorer.setting import LEARNED
from landscape_gym.landscapes import DoubleWell, Quadratic
from landscape_gym.problem import NavigationProblem

OPTIMAL = 0.01
"""A rule counts as optimal that costs no more than this above J*, relatively."""
SHORT, LONG = 1.0, 4.0
"""What 2 (eta k h)^(1/2) / gamma is below where a horizon is short, and above where it is long."""


def verdict(found: Answer) -> str:
    """Which rule is optimal among those shown, or comes nearest, and why.

    Example:
        >>> from landscape_gym.explorer.answer import answer
        >>> from landscape_gym.explorer.setting import Setting
        >>> found = answer(Setting.of("short-horizon"), ["gradient_descent", "ballistic"])
        >>> verdict(found).partition(",")[0]
        'Optimal here: gradient descent'
    """
    return f"{_who(found)} {why(found.setting.problem)}"


def _who(found: Answer) -> str:
    shown = [r for r in found.comparison.results if r.name not in (DO_NOTHING, OPTIMUM)]
    if OPTIMUM in found.refusals:
        return f"The optimum is not known here ({found.refusals[OPTIMUM]})"
    if not shown:
        return "Pick a rule, and see how near it comes to the optimum."
    best = min(_ratio(result) for result in shown)
    equal = [r for r in shown if _ratio(r) <= best + OPTIMAL]
    equal.sort(key=lambda result: result.name == LEARNED)  # what has been derived comes first
    names = " and ".join(result.name for result in equal)
    if best <= 1 + OPTIMAL:
        return f"Optimal here: {names}, at {figure(best)} of the least cost J*."
    if best >= _ratio(found.comparison[DO_NOTHING]):
        return "No rule shown is better here than doing nothing."
    return (
        f"No rule shown is optimal here; nearest: {names}, at {figure(best)} of the least cost J*."
    )


def _ratio(result: Result) -> float:
    assert result.ratio is not None
    return result.ratio.value


def why(problem: NavigationProblem) -> str:
    """What the theory says of a problem, by what is special about it."""
    if isinstance(problem.landscape, DoubleWell):
        return _of_wells(problem)
    assert isinstance(problem.landscape, Quadratic)
    curvature = problem.landscape.curvature_quadrature()[0]
    horizon = _of_horizon(problem, curvature)
    if problem.default_dynamics is not None:
        return (
            "Parameters move by themselves, so the optimal rule is no gradient's: it fights the "
            f"motion only as far as that pays, and stops short of the minimum. {horizon}"
        )
    if problem.hazard > 0:
        return _of_tasks(problem, curvature)
    if problem.noise is not None:
        return (
            "Gradients are noisy, so the best learner averages them into a belief and acts on "
            f"that; momentum is such a belief, and the optimum knows what it guesses. {horizon}"
        )
    if not isinstance(problem.landscape.curvature, tuple):
        return (
            "Curvature is hidden, and shows only in how gradients change: momentum is what a "
            f"horizon buys then, the more the longer. {horizon}"
        )
    return horizon


def _of_horizon(problem: NavigationProblem, curvature: np.ndarray) -> str:
    steepest = float(curvature.max())
    metric = problem.metric
    if metric is not None and np.ndim(metric) == 1:
        steepest /= float(np.min(np.asarray(metric, float)))
    rate = math.sqrt(problem.eta * problem.k * steepest)
    if problem.gamma == 0 or 2 * rate / problem.gamma > LONG:
        return (
            "The horizon is long: what is saved later counts, and the optimal rate of "
            "convergence grows with the root of the curvature, not with the curvature itself."
        )
    if 2 * rate / problem.gamma < SHORT:
        step = problem.eta * problem.k / problem.gamma
        rule = "natural gradient" if metric is not None else "gradient descent"
        return (
            "The horizon is short: only the next step counts, and the optimal rule is "
            f"{rule} with learning rate eta k / gamma = {step:.3g}."
        )
    return (
        "The horizon is neither short nor long: the optimal rate lies between gradient "
        "descent's, which grows with the curvature, and the ballistic one, which grows with its "
        "root."
    )


def _of_tasks(problem: NavigationProblem, curvature: np.ndarray) -> str:
    middle = float(np.exp(np.log(curvature).mean()))
    gamma = problem.gamma
    rate = math.sqrt(gamma**2 / 4 + problem.eta * problem.k * middle) - gamma / 2
    part = problem.hazard / (problem.hazard + gamma + rate)
    return (
        f"Tasks change at the rate {problem.hazard:g}: the optimal rule aims not at the minimum "
        f"but {part:.0%} of the way back to where tasks come from."
    )


def _of_wells(problem: NavigationProblem) -> str:
    if problem.gamma == 0 or 1 / problem.gamma >= 2:
        return (
            "The horizon is long: it pays to climb out of the local minimum, which no rule that "
            "follows the gradient does."
        )
    return (
        "The horizon is short: the way out of the local minimum costs more than it brings soon, "
        "and the optimum stays unless it begins near the ridge."
    )
