"""A policy's law: coefficients, their intervals, and how much of the controls they explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from landscape_gym.configuration import count, unknown
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.readout.least_squares import fit
from landscape_gym.readout.quantities import quantities
from landscape_gym.readout.walk import walk

CONFIDENCE = 0.95


class Coefficient(NamedTuple):
    """An estimate, and how far its 95 % interval reaches to either side; both of one shape."""

    value: Array
    half_width: Array

    @property
    def low(self) -> Array:
        """Lower end of the interval."""
        return self.value - self.half_width

    @property
    def high(self) -> Array:
        """Upper end of the interval."""
        return self.value + self.half_width


@dataclass(frozen=True)
class Reading:
    """The law that was read off a policy.

    Intervals treat episodes as independent and nothing else (see `least_squares`). They tell how
    well the form fits along the policy's episodes, not how training scatters: a policy that is
    exactly such a law has intervals of width 0.
    """

    coefficients: dict[str, Coefficient]
    """By quantity: a matrix (m, size), or a number, (), in the shared form."""
    called: dict[str, str]
    """What each coefficient is called."""
    constant: Coefficient
    """The control where all quantities are 0: (m,), or () in the shared form."""
    r2: float
    """Fraction of the controls' variance that the law explains; NaN where they do not vary."""
    covariance: Array
    """Of each output's coefficients, quantity by quantity, the constant last: (m or 1, k, k)."""
    critical: float
    """How many standard errors an interval reaches to either side."""

    def share(self, part: str, rest: str) -> Coefficient:
        """What part of two pulls is the one, ``C_part / (C_part + C_rest)``, by coordinate.

        ``share("to_prior", "to_target")`` is the reset weight w of
        ``u = -r (theta - [(1 - w) z + w mu])``. The interval is by the delta method.

        Args:
            part: A quantity that was read, with as many numbers as there are controls.
            rest: Another.

        Raises:
            ValueError: for a quantity that was not read, or one of another size.
        """
        (p, at_p), (q, at_q) = self._own(part), self._own(rest)
        slopes = np.stack([q, -p], axis=-1) / (p + q)[:, None] ** 2
        both = np.stack([at_p, at_q], axis=-1)
        output = np.arange(len(p))[:, None, None]
        covariance = self.covariance[output, both[:, :, None], both[:, None, :]]
        variance = np.vecdot(slopes, np.matvec(covariance, slopes))
        shape = self.constant.value.shape
        half_width = self.critical * np.sqrt(variance)
        return Coefficient((p / (p + q)).reshape(shape), half_width.reshape(shape))

    def _own(self, name: str) -> tuple[Array, Array]:
        """Each output's coefficient of its own coordinate of a quantity, and its column, (m,)."""
        if name not in self.coefficients:
            raise ValueError(unknown("quantity", name, self.coefficients))
        matrices = {key: np.atleast_2d(part.value) for key, part in self.coefficients.items()}
        matrix = matrices[name]
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(
                f"a share is by coordinate: {name!r} has {matrix.shape[1]} numbers for "
                f"{matrix.shape[0]} controls."
            )
        before = list(matrices)[: list(matrices).index(name)]
        first = sum(matrices[key].shape[1] for key in before)
        return np.diag(matrix), first + np.arange(len(matrix))


def read_rule(
    problem: NavigationProblem,
    policy: Policy,
    basis: Sequence[str],
    *,
    shared: bool = False,
    rates: Sequence[float] = (0.9,),
    episodes: int = 256,
    steps: int = 50,
    seed: int = 0,
) -> Reading:
    """Fit a policy's controls, as it acts without exploration, to quantities along its episodes.

    Args:
        problem: What is navigated.
        policy: What acts.
        basis: Names from `QUANTITIES`; ``"averages"`` stands for one quantity per rate.
        shared: Whether a quantity has one coefficient for all coordinates instead of a matrix.
        rates: Decays per step of the averages.
        episodes: Number of episodes, at least 2, one per row; row i is seeded with seed + i.
        steps: Steps to read of each, fewer if episodes are shorter.
        seed: Of the first row.

    Raises:
        ValueError: for an unknown quantity, naming the nearest; and in the shared form for one that
            does not have one number per control.
        Refusal: for a quantity that needs what the landscape does not offer, and where quantities
            are collinear along these episodes: the law cannot be read.

    Example:
        >>> from landscape_gym.control import optimum
        >>> from landscape_gym.registration import REGIMES
        >>> problem = REGIMES["long-horizon"].problem
        >>> law = read_rule(problem, optimum(problem).policy, ["to_target"])
        >>> np.diag(law.coefficients["to_target"].value).round(4)
        array([0.2838, 0.9093])
    """
    terms = quantities(problem, basis, rates)
    walked = walk(
        problem,
        policy,
        {term.needs for term in terms.values() if term.needs},
        episodes=count("episodes", episodes, low=2),
        steps=count("steps", steps),
        seed=seed,
    )
    values = {name: term.values(walked, problem) for name, term in terms.items()}
    outputs, counted = walked.control, walked.counted
    if shared:
        _check_one_per_control(values, problem.control_dim)
        # A coordinate counts as a step of its own; it stays in its episode.
        counted = np.tile(counted, (problem.control_dim, 1))
        outputs = _coordinates_as_steps(outputs)
        values = {name: _coordinates_as_steps(value) for name, value in values.items()}
    found = fit(outputs, values, counted)
    signs = np.array([*(terms[name].sign for name in found.columns[:-1]), 1])
    critical = float(student.ppf((1 + CONFIDENCE) / 2, episodes - 1))
    half_widths = critical * np.sqrt(np.einsum("mkk->mk", found.covariance))

    def coefficient(name: str, shape: tuple[int, ...]) -> Coefficient:
        where = np.array(found.columns) == name
        parts = (signs * found.coefficients)[:, where], half_widths[:, where]
        return Coefficient(*(part.reshape(() if shared else shape) for part in parts))

    m = len(found.coefficients)
    return Reading(
        coefficients={name: coefficient(name, (m, -1)) for name in terms},
        called={name: term.coefficient for name, term in terms.items()},
        constant=coefficient(found.columns[-1], (m,)),
        r2=found.r2,
        covariance=signs[:, None] * signs * found.covariance,
        critical=critical,
    )


def _coordinates_as_steps(values: Array) -> Array:
    """(steps, episodes, m) as (m * steps, episodes, 1)."""
    return np.moveaxis(values, -1, 0).reshape(-1, values.shape[1], 1)


def _check_one_per_control(values: dict[str, Array], controls: int) -> None:
    """ValueError for quantities that coordinates cannot share a coefficient of."""
    for name, value in values.items():
        if value.shape[-1] != controls:
            raise ValueError(
                f"the shared form needs one number per control, but {name!r} has "
                f"{value.shape[-1]} for {controls} controls: read matrices, shared=False."
            )
