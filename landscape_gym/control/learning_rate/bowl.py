"""Gradient descent in a round bowl, whose learning rate is the control.

    y = h e + n, n ~ N(0, r I);    e+ = e - a y,  a = dt u;    cost c/2 a^2 + q/2 |e+|^2

Nothing distinguishes directions, so that the distance x = |e| is all of the state:

    |e+|^2 = (x - a along)^2 + a^2 across,    along = h x + n_1,  across = n_2^2 + ... + n_d^2

Notation: x distance to the minimum; h curvature; r variance of the gradient's noise per
coordinate; c = 1 / (eta dt) price of a; q = k dt h; beta discount per step; a rate times dt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import roots_genlaguerre, roots_hermitenorm

from landscape_gym.derivation.prior import noise_variance, start_moments, target_moments
from landscape_gym.derivation.structure import fixed_curvature
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem, UniformStart
from landscape_gym.refusal import Refusal

ALONG, ACROSS = 12, 8
"""Nodes for the noise along the error, and for the square of what is across."""
STARTS = (64, 48)
"""The same for the distance at the start."""
FAR = 5.0
"""Standard deviations beyond which no episode starts."""


class Nodes(NamedTuple):
    """Values of a normal vector of variance 1 that stand for all: a quadrature, (n,) each."""

    along: Array
    """First component."""
    across: Array
    """Sum of the squares of the others."""
    weights: Array

    @classmethod
    def of(cls, dim: int, along: int = ALONG, across: int = ACROSS) -> Nodes:
        """Gauss-Hermite nodes times Gauss-Laguerre nodes, of a chi-square of dim - 1."""
        n, v = roots_hermitenorm(along)
        s, w = (np.zeros(1), np.ones(1))
        if dim > 1:
            s, w = roots_genlaguerre(across, (dim - 1) / 2 - 1)
        pairs = np.meshgrid(n, 2 * s, indexing="ij")
        weights = np.outer(v / v.sum(), w / w.sum()).ravel()
        return cls(pairs[0].ravel(), pairs[1].ravel(), weights)

    @classmethod
    def mean(cls, dim: int) -> Nodes:
        """One node, for which squares come to their means."""
        return cls(np.zeros(1), np.full(1, float(dim)), np.ones(1))


@dataclass(frozen=True, eq=False)
class Bowl:
    """What the problem is made of."""

    dim: int
    h: float
    r: float
    c: float
    q: float
    beta: float
    dt: float
    offset: float
    """Distance between the means of start and target."""
    spread: float
    """Standard deviation of their difference, in a coordinate."""

    @classmethod
    def of(cls, problem: NavigationProblem) -> Bowl:
        """Read a problem.

        Raises:
            Refusal: naming the assumption that fails.
        """
        h = _round_curvature(problem)
        start, target = start_moments(problem), target_moments(problem.landscape)  # pyright: ignore[reportArgumentType]
        difference = start.minus(target)
        return cls(
            dim=problem.dim,
            h=h,
            r=float(noise_variance(problem, np.array(h))),
            c=1 / (problem.eta * problem.dt),
            q=problem.k * problem.dt * h,
            beta=problem.discount,
            dt=problem.dt,
            offset=float(np.linalg.norm(difference.mean)),
            spread=math.sqrt(difference.variance),
        )

    @property
    def mean_square(self) -> float:
        """Of the distance at the start."""
        return self.offset**2 + self.dim * self.spread**2

    @property
    def farthest(self) -> float:
        """A distance that episodes hardly ever exceed."""
        return self.offset + self.spread * (math.sqrt(self.dim) + FAR)

    def starts(self) -> tuple[Array, Array]:
        """Distances at the start and their weights, (n,) each."""
        nodes = Nodes.of(self.dim, *STARTS)
        square = (self.offset + self.spread * nodes.along) ** 2 + self.spread**2 * nodes.across
        return np.sqrt(square), nodes.weights

    def moved(self, x: Array, a: Array, nodes: Nodes) -> Array:
        """Distances after a step, for distances x and a that broadcast with the nodes (..., n)."""
        along = self.h * x + math.sqrt(self.r) * nodes.along
        return np.sqrt((x - a * along) ** 2 + a**2 * self.r * nodes.across)


def _round_curvature(problem: NavigationProblem) -> float:
    """The one curvature of a bowl that nothing moves or redraws."""
    wanted = "the law of a learning rate is known for gradient descent in a round bowl"
    if not problem.sets_learning_rate:
        raise Refusal(f'{wanted}: set control_matrix="gradient", or use `optimum`.')
    landscape = problem.landscape
    values = fixed_curvature(landscape) if isinstance(landscape, Quadratic) else None
    if values is None or values.ndim != 1 or np.ptp(values) > 0:
        raise Refusal(f"{wanted}: give a quadratic landscape with one curvature in all directions.")
    for name in ("default_dynamics", "metric", "horizon"):
        if getattr(problem, name) is not None:
            raise Refusal(f"{wanted} and without end: leave {name} out.")
    for name in ("drift", "hazard"):
        if getattr(problem, name) > 0:
            raise Refusal(f"{wanted} that stays where it is: set {name} to 0.")
    if problem.gamma == 0:
        raise Refusal(f"{wanted} that is discounted: noise costs for ever. Raise gamma.")
    if isinstance(problem.start, UniformStart):
        raise Refusal(f"{wanted} entered from all sides alike: give a normal start.")
    return float(values[0])
