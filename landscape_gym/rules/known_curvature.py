"""What rules use that know the curvature: the Hessian, and the optimum's law as matrices."""

from __future__ import annotations

import numpy as np

from landscape_gym.derivation.gains import control, gain_solver, shared_gains
from landscape_gym.derivation.model import Law
from landscape_gym.derivation.structure import (
    Structure,
    check_linear_quadratic,
    fixed_curvature,
)
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal


def known_hessian(problem: NavigationProblem, rule: str) -> Array:
    """The Hessian that every instance has, (d, d).

    Raises:
        Refusal: where the problem is not linear-quadratic, or instances differ in their Hessian.
    """
    curvature = fixed_curvature(check_linear_quadratic(problem))
    if curvature is None:
        raise Refusal(
            f"{rule} is derived from a known curvature, and here it is drawn for each episode: use "
            "RMSprop or Adam, which put what the gradient's noise tells of it in its place, or "
            "momentum, which is best without knowing it."
        )
    return curvature if curvature.ndim == 2 else np.diag(curvature)


def check_exact_gradients(problem: NavigationProblem, rule: str) -> None:
    """Require that a gradient tells where the target is.

    Raises:
        Refusal: for noise.
    """
    if problem.noise is not None:
        raise Refusal(
            f"{rule} reads the distance to the target off a single gradient, but these are noisy: "
            "use landscape_gym.control.LQGPolicy, which estimates it from all of them, or derive "
            "the rule for problem.replace(noise=None)."
        )


def check_endless(problem: NavigationProblem, rule: str) -> None:
    """Require that planning has no end.

    Raises:
        Refusal: for a finite horizon.
    """
    if problem.horizon is not None:
        raise Refusal(
            f"{rule} acts alike at every step, but with horizon={problem.horizon} the optimum "
            "depends on the steps that are left: use landscape_gym.control.optimum, or leave the "
            "horizon out."
        )


def law_of_the_optimum(problem: NavigationProblem) -> Law:
    """The stationary law as matrices (m, d), in whatever form its solver found it.

    Args:
        problem: Linear-quadratic, without horizon, and with one Hessian for all instances.
    """
    structure = Structure.of(problem)
    gains = shared_gains(structure, gain_solver(structure))
    assert gains is not None  # there is one Hessian
    unit, zero = np.eye(problem.dim), np.zeros((problem.dim, problem.dim))
    points = ((unit, zero, zero), (zero, unit, zero), (zero, zero, unit))
    return Law(*(-control(gains, None, *point).T for point in points))
