"""What was learned beside what the theory says, as text."""

from __future__ import annotations

import numpy as np

from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.readout.reading import Coefficient, Reading

NEARLY_DIAGONAL = 0.03
"""Largest entry off the diagonal, over the largest on it, of a matrix shown by its diagonal."""
LARGE = 4
"""Matrices of more rows than this are shown by their diagonals in any case."""
PULLS = ("to_prior", "to_target")
"""The quantities of the reset weight."""
LEARNED, NEARLY = 0.02, 0.1
"""How far, relatively, gains may be from the theory's to be called learned, and nearly learned."""


def optimal_basis(problem: NavigationProblem) -> tuple[str, ...]:
    """The quantities in which the optimum of a linear-quadratic problem is linear.

    The displacement from the target; and that from the prior's mean where targets vary and will be
    redrawn, or where default dynamics make it matter where the origin is.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> optimal_basis(REGIMES["task-switching"].problem)
        ('to_target', 'to_prior')
    """
    landscape = problem.landscape
    varies = isinstance(landscape, Quadratic) and landscape.optimum_std > 0
    absolute = problem.hazard > 0 or problem.default_dynamics is not None
    return ("to_target", "to_prior") if varies and absolute else ("to_target",)


def side_by_side(learned: Reading, theory: Reading) -> str:
    """Two readings on one basis, a line for each coefficient.

    Matrices that are nearly diagonal, and large ones, are shown by their diagonals. With both
    displacements in the basis there is a line for the weight of the prior's mean.

    Example:
        >>> from landscape_gym.policy import RulePolicy
        >>> from landscape_gym.readout.reading import read_rule
        >>> from landscape_gym.rules import Momentum
        >>> rules = RulePolicy(Momentum(0.5, 0.2)), RulePolicy(Momentum(0.6, 0.3))
        >>> basis = ("gradient", "previous_update")
        >>> readings = (read_rule(NavigationProblem(), r, basis, shared=True) for r in rules)
        >>> print(side_by_side(*readings))
        learned step size on g 0.500 ± 0.000, theory 0.600
        learned momentum 0.200 ± 0.000, theory 0.300
        learned constant 0.000 ± 0.000, theory 0.000
        R^2 of the law: learned 1.0000, theory 1.0000
        Not learned: its gains are 21 % away from the theory's.
    """
    ours, theirs = learned.coefficients, theory.coefficients
    lines = [_line(learned.called[name], ours[name], theirs[name]) for name in ours]
    if all(name in ours for name in PULLS):
        lines.append(_line("weight w of mu", learned.share(*PULLS), theory.share(*PULLS)))
    lines.append(_line("constant", learned.constant, theory.constant))
    lines.append(f"R^2 of the law: learned {learned.r2:.4f}, theory {theory.r2:.4f}")
    return "\n".join([*lines, verdict(learned, theory)])


def verdict(learned: Reading, theory: Reading) -> str:
    """Whether the theory's law was learned, in a sentence: R^2 only says that it is a law.

    Told by ``|C - C*| / |C*|`` over all coefficients at once, C* those of the theory. Constants
    have other units and take no part.
    """
    ours, theirs = (
        np.concatenate([np.ravel(each.value) for each in reading.coefficients.values()])
        for reading in (learned, theory)
    )
    size = np.linalg.norm(theirs)
    if size == 0:
        return "Nothing to compare: all gains of the theory are 0."
    away = float(np.linalg.norm(ours - theirs) / size)
    if away <= LEARNED:
        return f"Learned: its gains are within {100 * LEARNED:.0f} % of the theory's."
    said = f"its gains are {100 * away:.0f} % away from the theory's."
    return f"Nearly learned: {said}" if away <= NEARLY else f"Not learned: {said}"


def _line(called: str, learned: Coefficient, theory: Coefficient) -> str:
    """One coefficient of both policies."""
    shown = (learned.value, learned.half_width, theory.value)
    remark = ""
    if all(_shown_by_diagonal(part.value) for part in (learned, theory)):
        if learned.value.size > 1:
            remark = f" (off the diagonal at most {_largest_off(learned.value):.3f})"
        shown = tuple(np.diag(values) for values in shown)
    value, half_width, best = (_text(values) for values in shown)
    return f"learned {called} {value} ± {half_width}, theory {best}{remark}"


def _shown_by_diagonal(matrix: Array) -> bool:
    if matrix.ndim < 2 or matrix.shape[0] != matrix.shape[1]:
        return False
    largest = np.abs(np.diag(matrix)).max()
    return len(matrix) > LARGE or _largest_off(matrix) <= NEARLY_DIAGONAL * largest


def _largest_off(matrix: Array) -> float:
    """The largest entry off the diagonal, in magnitude."""
    return float(np.abs(matrix - np.diag(np.diag(matrix))).max())


def _text(values: Array) -> str:
    """Three decimals: a number, a vector in parentheses, rows of a matrix in brackets."""
    rounded = np.round(values, 3) + 0.0  # no negative zeros
    if values.ndim == 0:
        return f"{rounded:.3f}"
    if values.ndim == 1:
        return "(" + ", ".join(f"{x:.3f}" for x in rounded) + ")"
    return "[" + "; ".join(", ".join(f"{x:.3f}" for x in row) for row in rounded) + "]"
