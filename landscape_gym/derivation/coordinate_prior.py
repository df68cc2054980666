"""What is known of coordinates whose curvature and target are hidden, before a gradient is seen.

Each coordinate by itself (theory 7(e)): its curvature h is drawn from a prior, of which a few
values of equal probability stand for the whole; its target is Gaussian and may drift; gradients
carry noise of a known variance r(h); and parameters stay when left alone.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from landscape_gym.derivation.assumptions import (
    check_free_motion,
    check_single_task,
    diagonal_metric,
)
from landscape_gym.derivation.prior import noise_variance, start_moments, target_moments
from landscape_gym.derivation.structure import check_linear_quadratic, fixed_curvature
from landscape_gym.landscapes import LogUniform, Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem, UniformStart
from landscape_gym.refusal import Refusal

Place = Literal["parameters", "displacement"]
"""The channel that tells where the learner is: theta itself, or theta minus the start."""
FINE = 2**14
"""Points from whose quantiles a bank's curvatures are taken."""


class CoordinatePrior(NamedTuple):
    """What is known beforehand of every coordinate; arrays broadcast to (d, M)."""

    h: Array
    """Curvatures of equal probability, (d or 1, M), ascending."""
    r: Array
    """Variance of the gradient noise, like h."""
    w: float
    """Variance of the target's random walk per step."""
    mu: Array
    """Mean of the target in the frame of the channel, (d, 1)."""
    s2: float
    """Variance of the target in that frame."""
    metric: Array
    """Diagonal of the metric, (d or 1, 1)."""

    @property
    def reveals(self) -> bool:
        """Whether two gradients tell a curvature that one does not."""
        return self.w == 0 and not self.r.any() and self.h.shape[1] > 1


def coordinate_prior(
    problem: NavigationProblem, points: int, place: Place = "parameters"
) -> CoordinatePrior:
    """What is known beforehand of each coordinate.

    Raises:
        Refusal: if coordinates do not have the form at the head of this file.
        ValueError: for fewer points than 1.
    """
    landscape = check_linear_quadratic(problem)
    metric = free_metric(problem)
    if points < 1:
        raise ValueError(f"a bank has at least 1 point, got {points}.")
    target = target_moments(landscape)
    if place == "displacement":
        if isinstance(problem.start, UniformStart):
            raise Refusal(
                "where only the displacement is seen the start has to be Gaussian, for the target "
                "to be so relative to it: let the policy see the parameters, or use NormalStart."
            )
        target = target.minus(start_moments(problem))
    h = curvature_prior(landscape, points)
    return CoordinatePrior(
        h=h,
        r=noise_variance(problem, h),
        w=problem.drift * problem.dt,
        mu=target.mean[:, None],
        s2=target.variance,
        metric=metric[:, None],
    )


def curvature_prior(landscape: Quadratic, points: int) -> Array:
    """Curvatures of equal probability for each coordinate, (d or 1, points); (d, 1) if known."""
    known = fixed_curvature(landscape)
    if known is not None:
        if known.ndim == 2:
            raise Refusal(
                "the landscape's Hessian is given and couples coordinates, so no curvature is "
                "hidden: use the optimal controller of noisy gradients, or landscape_gym.control."
                "optimum."
            )
        return known[:, None].astype(np.float64)
    middles = (np.arange(points) + 0.5) / points
    logarithms = np.log(fine_curvatures(landscape))
    return np.exp(np.quantile(logarithms, middles, axis=0, method="hazen")).T


def fine_curvatures(landscape: Quadratic) -> Array:
    """Many curvatures of equal probability, a column for each coordinate, (n, d or 1)."""
    spectrum = landscape.curvature
    if isinstance(spectrum, tuple):  # known but for the directions
        return np.asarray(spectrum, np.float64)[:, None]
    if isinstance(spectrum, LogUniform):
        return spectrum.sample(EvenDraws(), 1)
    values = spectrum.sample(EvenDraws(), landscape.dim)
    return values.reshape(-1, 1) if landscape.rotated else values


class EvenDraws:
    """Uniform numbers that fill the cube evenly, in place of random ones: a Sobol sequence."""

    rows = FINE
    dtype = np.dtype(np.float64)

    def uniform(self, *shape: int) -> Array:
        """Numbers in (0, 1), (rows, *shape)."""
        sequence = qmc.Sobol(math.prod(shape), scramble=False).random(self.rows)
        return (sequence + 0.5 / self.rows).reshape(self.rows, *shape)

    def normal(self, *shape: int) -> Array:
        """Standard normal numbers, (rows, *shape)."""
        return ndtri(self.uniform(*shape))


def free_metric(problem: NavigationProblem) -> Array:
    """The metric's diagonal, (d or 1,), of a problem whose coordinates go each its own way.

    Raises:
        Refusal: for another problem.
    """
    check_free_motion(problem, "the self-tuning rule")
    check_single_task(problem, "the self-tuning rule")
    return diagonal_metric(problem, "the self-tuning rule")
