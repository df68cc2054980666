"""What derived rules are linear in, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from landscape_gym.channels import CHANNELS
from landscape_gym.configuration import number, unknown
from landscape_gym.derivation.prior import target_moments
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.readout.walk import Walk
from landscape_gym.refusal import Refusal


@dataclass(frozen=True)
class Quantity:
    """Something that a rule's control may be made of."""

    values: Callable[[Walk, NavigationProblem], Array]
    """(steps, episodes, size)"""
    coefficient: str
    """What its coefficient is called."""
    sign: int = -1
    """Of the coefficient in u."""
    needs: str | None = None
    """The hidden channel that it is made of."""


def _previous_update(walk: Walk, problem: NavigationProblem) -> Array:
    return np.concatenate([np.zeros_like(walk.control[:1]), walk.control[:-1]])


def _to_prior(walk: Walk, problem: NavigationProblem) -> Array:
    landscape = problem.landscape
    if not isinstance(landscape, Quadratic):
        raise Refusal(
            "quantity 'to_prior' needs the mean of the target's prior, which Quadratic tells and "
            f"{type(landscape).__name__} does not."
        )
    return walk.theta - target_moments(landscape).mean


def _preconditioned(power: float) -> Callable[[Walk, NavigationProblem], Array]:
    """``H^power g``."""

    def values(walk: Walk, problem: NavigationProblem) -> Array:
        hessian = walk.hidden["hessian"].reshape(*walk.gradient.shape, problem.dim)
        eigenvalues, basis = np.linalg.eigh(hessian)
        if eigenvalues.min() <= 1e-12 * eigenvalues.max():
            raise Refusal(
                f"H^{power:g} g needs positive definite Hessians, and along these episodes one has "
                f"the eigenvalue {eigenvalues.min():.3g}: leave this quantity out."
            )
        return np.matvec(basis, eigenvalues**power * np.vecmat(walk.gradient, basis))

    return values


def _average(rate: float) -> Quantity:
    """The exponential average of the gradient, as `landscape_gym.memory` has it."""
    if number("averaging rate", rate, low=0.0) >= 1:
        raise ValueError(f"an averaging rate is below 1, got {rate!r}.")

    def values(walk: Walk, problem: NavigationProblem) -> Array:
        average = walk.gradient.copy()
        for step in range(1, len(average)):
            weight = (1 - rate) / (1 - rate ** (step + 1))
            average[step] = average[step - 1] + weight * (average[step] - average[step - 1])
        return average

    return Quantity(values, f"step size on the average of g, decay {rate:g}")


QUANTITIES: dict[str, Quantity] = {
    "gradient": Quantity(lambda walk, problem: walk.gradient, "step size on g"),
    "previous_update": Quantity(_previous_update, "momentum", sign=1),
    "to_target": Quantity(
        lambda walk, problem: walk.theta - walk.hidden["target"],
        "gain on theta - z",
        needs="target",
    ),
    "to_prior": Quantity(_to_prior, "gain on theta - mu"),
    "newton": Quantity(_preconditioned(-1.0), "step size on H^-1 g", needs="hessian"),
    "root_newton": Quantity(_preconditioned(-0.5), "step size on H^(-1/2) g", needs="hessian"),
}
"""The observed gradient g, the last control, the displacements from the target z as it is now and
from the mean mu of its prior, and the gradient preconditioned by the Hessian."""
AVERAGES = "averages"
"""The name that stands for one quantity per rate: an exponential average of the gradient."""


def quantities(
    problem: NavigationProblem, basis: Sequence[str], rates: Sequence[float]
) -> dict[str, Quantity]:
    """The quantities of a basis; averages are named by their rates, such as ``"average 0.9"``.

    Raises:
        ValueError: for an unknown name, with the nearest; for an empty basis, or a rate outside
            [0, 1).
        Refusal: for a quantity that needs what the landscape does not offer.
    """
    found = {}
    for name in (basis,) if isinstance(basis, str) else basis:
        if name == AVERAGES:
            found.update((f"average {rate:g}", _average(rate)) for rate in rates)
        elif name in QUANTITIES:
            found[name] = QUANTITIES[name]
        else:
            raise ValueError(unknown("quantity", name, [*QUANTITIES, AVERAGES]))
    if not found:
        raise ValueError("a basis names at least one quantity, and rates where it has averages.")
    for name, quantity in found.items():
        offered = quantity.needs and cast(str, CHANNELS[quantity.needs].needs)
        if offered and not problem.landscape.offers(offered):
            raise Refusal(
                f"quantity {name!r} needs a landscape that offers {offered}, and "
                f"{type(problem.landscape).__name__} does not."
            )
    return found
