"""What it costs, at least, that neither curvatures nor their axes are known before the first move.

Problem: a rotated landscape whose axes have no preferred direction, with the notation of
`self_tuning`; y is the first gradient, and delta the mean distance from the target before it is
seen, 0 unless the learner sees where it starts.

A learner who is told the whole Hessian H right after its first move does not do worse than one who
is told nothing. From then on it is the LQG controller, so that given H a first move v costs, up to
what it does not change,

    Q_H(v) = c/2 v'v + 1/2 (m + v)' S (m + v),

m the mean distance given H and y, and S the weight of the point moved to, a matrix with the axes of
H. Against LQG, who is told H before that move, it pays in addition

    E [ min_v E [Q_H(v) | y, delta]  -  min_v Q_H(v) ]

`bracket.price_of_the_first_move` is the same of a learner who is told the axes at once. Who is not
has few moves that could be best. Let O be orthogonal and leave y and delta as they are. As axes
have no preferred direction, O H O' is as likely as H given y and delta, and has O m and O S O' in
the place of m and S. So E [S m] = O E [S m], which therefore lies in the span of y and delta, and
E [S], which commutes with every such O, maps that span to itself: the best move lies in it,

    v = a1 y + a2 delta,

with a1, a2 functions of the lengths of y and delta and of the angle between them. Here they are
polynomials, whose coefficients are those of least mean Q_H in landscapes that are drawn. What
better functions could still gain is taken off: where p is the mean gradient of Q_H at v, given y
and delta, no move gains more than p'p / (2 c), as Q_H curves by c at the least; p lies in the span,
too, and is a mean over landscapes whose lengths and angle are alike.

The bound ends with the first move. Who is not told H after it may move aside to find out, and what
the second gradient then tells depends on how far; no such move is in the span.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from landscape_gym.control.hidden_curvature.self_tuning import gains
from landscape_gym.control.hidden_target import kalman
from landscape_gym.derivation.coordinate_prior import (
    CoordinatePrior,
    EvenDraws,
    Place,
    coordinate_prior,
)
from landscape_gym.derivation.prior import noise_variance, start_moments, target_moments
from landscape_gym.derivation.structure import check_linear_quadratic
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem, UniformStart
from landscape_gym.refusal import Refusal

DRAWS = 8
"""Gradients that are drawn in each of the spectra."""
DEGREE = 2
"""Of the polynomials."""
HALVINGS = 10
"""Draws are halved so often, to say which are alike."""
CHUNK = 512
"""Spectra that are solved for at a time: memory stays bounded."""
NORMAL = 1.96
"""Half width of a 95 % interval in standard errors."""


class Price(NamedTuple):
    """A cost beyond that of LQG, told the Hessian; by simulation."""

    value: float
    half: float
    """Half of its 95 % interval."""


class Moves(NamedTuple):
    """What a first move costs in some landscapes, all along their axes."""

    y: Array
    """(n, d)"""
    delta: Array
    """(n, d)"""
    m: Array
    """(n, d)"""
    c: float
    S: Array
    """(n, d)"""

    def cost(self, v: Array) -> Array:
        """Q_H of moves (n, d), (n,)."""
        return 0.5 * (self.c * v**2 + self.S * (self.m + v) ** 2).sum(axis=1)

    def slope(self, v: Array) -> Array:
        """The gradient of Q_H at moves (n, d), (n, d)."""
        return self.c * v + self.S * (self.m + v)

    @property
    def vectors(self) -> tuple[Array, ...]:
        """What a learner can move along."""
        return (self.y, self.delta) if self.delta.any() else (self.y,)

    @property
    def told(self) -> Array:
        """Q_H of the best moves if H is known, (n,)."""
        return self.cost(-self.S / (self.c + self.S) * self.m)


def price_of_hidden_axes(
    problem: NavigationProblem, place: Place = "parameters", seed: int = 0
) -> Price:
    """What it costs in the mean, at least, that nothing of the Hessian is known at first.

    Args:
        problem: A rotated quadratic problem of the form at the head of this file; its horizon, if
            it has one, is the number of steps that count.
        place: What the learner sees of where it is.
        seed: Of what is drawn.

    Raises:
        Refusal: on the axes, where starts or targets prefer a direction, and where coordinates do
            not have the form of `coordinate_prior`.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> problem = REGIMES["landscape-nav"].problem.replace(landscape={"dim": 2}, horizon=50)
        >>> round(price_of_hidden_axes(problem).value, 4)
        0.0059
    """
    moves = _first_moves(problem, place, seed)
    alike = _alike(moves)
    v = _best(moves, _polynomials(alike))
    slope, cells = moves.slope(v), _cells(alike)
    along = (np.vecdot(slope, each) / np.linalg.norm(each, axis=1) for each in _span(moves))
    means = [np.bincount(cells, each) / np.bincount(cells) for each in along]
    unused = float(sum(np.mean(mean**2) for mean in means)) / (2 * moves.c)
    more = moves.cost(v) - moves.told
    half = NORMAL * float(more.std(ddof=1)) / math.sqrt(len(more))
    return Price(float(more.mean()) - unused, half)


def _first_moves(problem: NavigationProblem, place: Place, seed: int) -> Moves:
    """Landscapes that are drawn, and what first moves cost in them."""
    landscape, prior = _isotropic(problem, place)
    rng = np.random.default_rng(seed)
    spectra = _spectra(landscape)
    c, metric = float(prior.metric.flat[0]) / (problem.eta * problem.dt), prior.metric[0]
    g = problem.dt * np.concatenate(
        [gains(problem, metric, h)[0] for h in np.array_split(spectra, len(spectra) // CHUNK)]
    )
    h, S = (np.tile(each, (DRAWS, 1)) for each in (spectra, c * g / (1 - g)))
    delta = np.zeros(h.shape)
    if place == "parameters":
        delta = math.sqrt(start_moments(problem).variance) * rng.standard_normal(h.shape)
    r = noise_variance(problem, h)
    surprise = np.sqrt(h * h * prior.s2 + r) * rng.standard_normal(h.shape)
    seen = kalman.update(np.full(h.shape, prior.s2), h, r)
    return Moves(h * delta + surprise, delta, delta + seen.gain * surprise, c, S)


def _isotropic(problem: NavigationProblem, place: Place) -> tuple[Quadratic, CoordinatePrior]:
    """The landscape, and what is known of each of its coordinates beforehand."""
    landscape = check_linear_quadratic(problem)
    if not landscape.rotated:
        raise Refusal("on the axes nobody has to find them: bracket has the bound there.")
    mean = start_moments(problem).mean - target_moments(landscape).mean
    if mean.any() or isinstance(problem.start, UniformStart):
        raise Refusal(
            "starts or targets prefer a direction: let both be Gaussian about the same point."
        )
    prior = coordinate_prior(problem, 1, place)
    if np.ptp(prior.metric):
        raise Refusal("the metric prefers a direction: give a multiple of the identity.")
    return landscape, prior


def _spectra(landscape: Quadratic) -> Array:
    """Spectra of equal probability, (n, d)."""
    even = EvenDraws()
    shape = (even.rows, landscape.dim)
    if isinstance(landscape.curvature, tuple):
        return np.broadcast_to(np.asarray(landscape.curvature, np.float64), shape)
    return np.broadcast_to(landscape.curvature.sample(even, landscape.dim), shape)


def _span(moves: Moves) -> list[Array]:
    """Vectors that are orthogonal to one another, of y and delta's span, (n, d) each."""
    y, *others = moves.vectors
    return [y, *(each - (np.vecdot(y, each) / np.vecdot(y, y))[:, None] * y for each in others)]


def _alike(moves: Moves) -> Array:
    """What is the same wherever axes point, standardised: of 0 mean and variance 1, (1 or 3, n)."""
    sizes = [np.linalg.norm(each, axis=1) for each in moves.vectors]
    found = [np.log(each) for each in sizes]
    if len(sizes) > 1:
        found.append(np.vecdot(moves.y, moves.delta) / np.prod(sizes, axis=0))
    values = np.stack(found)
    return (values - values.mean(axis=1)[:, None]) / values.std(axis=1)[:, None]


def _polynomials(alike: Array) -> Array:
    """All products of what is alike up to `DEGREE`, (terms, n)."""
    powers = itertools.product(range(DEGREE + 1), repeat=len(alike))
    return np.stack(
        [
            np.prod(alike ** np.array(power)[:, None], axis=0)
            for power in powers
            if sum(power) <= DEGREE
        ]
    )


def _best(moves: Moves, terms: Array) -> Array:
    """The moves of least mean Q_H whose multiples of y and delta are sums of terms, (n, d)."""
    vectors = moves.vectors
    pull = [terms @ np.vecdot(each, moves.S * moves.m) for each in vectors]
    curve = [
        [(terms * np.vecdot(one, (moves.c + moves.S) * other)) @ terms.T for other in vectors]
        for one in vectors
    ]
    solved = np.linalg.solve(np.block(curve), -np.concatenate(pull))
    multiples = solved.reshape(len(vectors), -1) @ terms
    return np.einsum("kn,knd->nd", multiples, np.stack(vectors))


def _cells(alike: Array) -> Array:
    """Which draws are alike, as numbers of cells of one size, (n,): halves of halves."""
    cell, n = np.zeros(alike.shape[1], dtype=np.int64), alike.shape[1]
    for halving in range(HALVINGS):
        order = np.lexsort((alike[halving % len(alike)], cell))
        cell[order] = (np.arange(n) << (halving + 1)) // n
    return cell
