"""With which power of the curvature a rule's steps shrink: the exponent of its preconditioner.

Along the axes of a landscape each coordinate has a curvature h. What a rule does there is read as

    u = -lr g + b u_prev,        effective rate  a = lr / (1 - b)

by least squares over the later half of an episode, when what it estimates has settled. The exponent
p is that of a = c h^-p, by least squares of log a on log h over coordinates and episodes: 0 is
gradient descent's; 1/2 that of RMSprop and Adam where noise tells the curvature; 1 Newton's.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from landscape_gym.configuration import count
from landscape_gym.derivation.structure import check_linear_quadratic, on_the_axes
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.readout.least_squares import COLLINEAR, fit
from landscape_gym.readout.reading import CONFIDENCE, Coefficient
from landscape_gym.readout.walk import Walk, walk
from landscape_gym.refusal import Refusal


def read_exponent(
    problem: NavigationProblem, policy: Policy, *, episodes: int = 64, seed: int = 0
) -> Coefficient:
    """Fit the exponent of a policy as it acts without exploration.

    Args:
        problem: A quadratic one on the axes, whose curvatures differ and whose gradients are noisy.
        policy: What acts.
        episodes: Number of whole episodes, at least 2, one per row; row i is seeded with seed + i.
        seed: Of the first row.

    Raises:
        Refusal: for a landscape that is not on the axes, and where no exponent shows: curvatures
            are all alike, gradients are not noisy, an episode diverges, or steps go uphill.

    Example:
        >>> from landscape_gym.policy import RulePolicy
        >>> from landscape_gym.registration import REGIMES
        >>> from landscape_gym.rules import RMSprop
        >>> problem = REGIMES["drifting-target"].problem
        >>> found = read_exponent(problem, RulePolicy(RMSprop.derive(problem)), episodes=8)
        >>> round(float(found.value), 2)
        0.51
    """
    if not on_the_axes(check_linear_quadratic(problem)):
        raise Refusal("an exponent is read coordinate by coordinate: set rotated=False.")
    walked = walk(
        problem,
        policy,
        {"curvature"},
        episodes=count("episodes", episodes, low=2),
        steps=problem.steps,
        seed=seed,
    )
    if not walked.counted.all():
        raise Refusal("an episode diverged, and so has no steps to read at its end.")
    rates, h = _effective_rates(walked), walked.hidden["curvature"][0]
    if np.ptp(h) == 0:
        raise Refusal("all curvatures are alike, so that no power of them shows.")
    found = fit(
        np.log(rates).T[..., None],
        {"the curvature's logarithm": np.log(h).T[..., None]},
        np.ones(h.T.shape, dtype=bool),
    )
    critical = student.ppf((1 + CONFIDENCE) / 2, episodes - 1)
    half_width = critical * np.sqrt(found.covariance[0, 0, 0])
    return Coefficient(-found.coefficients[0, 0], half_width)


def _effective_rates(walked: Walk) -> Array:
    """Effective rates of each coordinate of each episode, (episodes, d)."""
    half = len(walked.control) // 2
    g, u, u_prev = walked.gradient[half:], walked.control[half:], walked.control[half - 1 : -1]
    gg, gp, pp = ((x * y).sum(axis=0) for x, y in ((g, g), (g, u_prev), (u_prev, u_prev)))
    gu, pu = (g * u).sum(axis=0), (u_prev * u).sum(axis=0)
    determinant = gg * pp - gp**2
    if np.any(determinant <= COLLINEAR * gg * pp):
        raise Refusal("in some coordinate the last step follows from the gradient, or is 0.")
    rates = (pu * gp - gu * pp) / (determinant + gu * gp - pu * gg)
    if np.any(rates <= 0):
        raise Refusal("in some coordinate the policy goes uphill, and no power of h does that.")
    return rates
