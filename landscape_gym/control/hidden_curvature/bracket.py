"""How good a learner can be that sees neither curvature nor target: a bracket of the least cost.

Problem (theory 7(d), (e)), along each eigenvector of the Hessian, with the notation of
`self_tuning`; the cost is that of an episode's T steps, with the optimum's gains for that horizon.

Below. A learner who is told the eigenvectors and each curvature h is the LQG controller
(control/hidden_target/), whose expected cost is known exactly. A learner who is told the
eigenvectors at once, but the curvatures only after the first move, still does not do worse than
one who is told neither. Its first move v is the look-ahead of `self_tuning`, so against LQG
it pays in addition

    E [ min_v sum p (c/2 v^2 + S/2 (e + v)^2)  -  sum p min_v (c/2 v^2 + S/2 (e + v)^2) ]

given the first gradient. Where two gradients reveal h this bound is attained.

Above. What a policy without privileges costs, on average over episodes; its difference to LQG on
the same episodes varies less than its cost, and LQG's expectation is known. On rotated landscapes
the best linear rule, whose cost is exact, and a quasi-Newton policy compete too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from landscape_gym.control.hidden_curvature.noisy_quasi_newton import NoisyQuasiNewtonPolicy
from landscape_gym.control.hidden_curvature.quasi_newton import QuasiNewtonPolicy
from landscape_gym.control.hidden_curvature.self_tuning import SelfTuningPolicy, gains
from landscape_gym.control.hidden_target import kalman
from landscape_gym.control.hidden_target.lqg import LQGPolicy
from landscape_gym.derivation.coordinate_prior import CoordinatePrior, Place, coordinate_prior
from landscape_gym.derivation.memory_rule import best_memory_rule, memory_rule_cost
from landscape_gym.derivation.prior import (
    noise_variance,
    start_moments,
    target_moments,
)
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.derivation.structure import check_linear_quadratic
from landscape_gym.landscapes import Conditioned, LogUniform
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.problem import NavigationProblem, UniformStart

STARTS = 16
"""Points of the quadrature over starts."""
GRADIENTS = 48
"""Points of the quadrature over first gradients."""
BANK = 48
"""Curvatures that stand for the prior before the first gradient."""
SPECTRA = 8
"""Points per axis for the largest eigenvalue and the condition number of a `Conditioned`."""
BETWEEN = 16
"""Curvatures that stand for those between the largest and the smallest."""
NORMAL = 1.96
"""Half width of a 95 % interval in standard errors."""


@dataclass(frozen=True)
class Bracket:
    """The least expected cost of a learner lies between `lower` and `upper`."""

    lower: float
    """Nobody without privileges does better."""
    upper: float
    """What `policy` costs; of a policy that is simulated, an estimate."""
    interval: tuple[float, float]
    """Where `upper` lies with 95 % confidence."""
    known: float
    """Least expected cost if the curvatures were known, and the target not."""
    linear: float
    """Exact expected cost of the best linear rule with two previous gradients and updates."""
    policy: Policy
    """The best policy that is known, without privileges."""

    @property
    def gap(self) -> float:
        """How far apart the bounds are, relative to the lower."""
        return self.upper / self.lower - 1

    @property
    def status(self) -> str:
        """The bracket as a sentence."""
        return (
            f"The least expected cost of a learner is at least {self.lower:.5g}, and "
            f"{self.policy.name} costs {self.upper:.5g} (95 % between {self.interval[0]:.5g} and "
            f"{self.interval[1]:.5g}), {self.gap:.2%} more; with known curvature it would be "
            f"{self.known:.5g}."
        )


def bracket(
    problem: NavigationProblem,
    simulate: Callable[[Policy], Array],
    place: Place = "parameters",
    points: int = 25,
) -> Bracket:
    """Bounds of what an episode must cost a learner that does not see curvature and target.

    Args:
        problem: A quadratic problem that `SelfTuningPolicy` accepts, rotated or not, whose metric
            is a multiple of the identity. The cost is that of ``problem.steps`` steps.
        simulate: Runs a policy for a fixed set of episodes of the problem and tells their
            discounted costs, (episodes,), the same episodes each time; see
            `landscape_gym.evaluation.rollout`.
        place: What the learner sees of where it is, see `SelfTuningPolicy`.
        points: Number of curvatures in the self-tuning rule's bank.

    Raises:
        Refusal: where an assumption fails, naming it.

    Example:
        >>> from landscape_gym.evaluation import rollout
        >>> landscape = {"kind": "quadratic", "optimum_std": 1.0}
        >>> problem = NavigationProblem(landscape=landscape, noise="curvature")
        >>> run = lambda policy: rollout(problem, policy, episodes=64, seed=0).cost
        >>> bracket(problem, run).gap < 0.02
        True
    """
    episode = problem.replace(horizon=problem.steps)
    told = LQGPolicy(episode, place=place)
    known = told.expected_cost()
    setting = linear_setting(problem)
    rule = best_memory_rule(setting, 2)
    over_steps = replace(setting, horizon=problem.steps)
    linear = memory_rule_cost(over_steps, rule.a, rule.b).cost * problem.dim
    lower = known + price_of_the_first_move(episode, place)
    learner = best_learner(episode, place, points)
    if learner is not None:
        more = simulate(learner) - simulate(told)
        upper = known + float(more.mean())
        if upper < linear:
            half = NORMAL * float(more.std(ddof=1)) / math.sqrt(len(more))
            return Bracket(lower, upper, (upper - half, upper + half), known, linear, learner)
    follower = RulePolicy(rule, name="the best linear rule")
    return Bracket(lower, linear, (linear, linear), known, linear, follower)


def price_of_the_first_move(problem: NavigationProblem, place: Place = "parameters") -> float:
    """What it costs in the mean, at least, that curvatures are not known before the first move.

    It is 0, which is no less true, where first gradients along eigenvectors are not as they are
    along the axes: on a rotated landscape with starts from a cube, or about another point than the
    targets.

    Args:
        problem: A problem whose coordinates have the form at the head of this file.
        place: What the learner sees of where it is.
    """
    landscape = check_linear_quadratic(problem)
    spectrum = landscape.curvature
    if landscape.rotated and not _alike_in_all_directions(problem):
        return 0.0
    if isinstance(spectrum, LogUniform):
        h = coordinate_prior(problem, BANK, place).h[0]
        return _price(problem, place, [h] * problem.dim)
    if not isinstance(spectrum, Conditioned):
        return 0.0  # told the eigenvectors, in order, a learner knows the curvatures
    # Told the largest eigenvalue and the condition number, a learner still does not know those
    # between, which are then independent.
    prices = []
    for top, condition in itertools.product(_middles(SPECTRA), repeat=2):
        largest = spectrum.largest_low * (spectrum.largest_high / spectrum.largest_low) ** top
        h = largest * spectrum.condition ** (-condition * _middles(BETWEEN))
        prices.append(_price(problem, place, [h] * max(problem.dim - 2, 0)))
    return float(np.mean(prices))


class _Start(NamedTuple):
    """Nodes for delta, the mean distance from the target before anything is seen."""

    delta: Array
    """(d, nodes)"""
    weights: Array
    """(nodes,)"""


def _alike_in_all_directions(problem: NavigationProblem) -> bool:
    """Whether the distance from the target has one distribution along all directions."""
    mean = start_moments(problem).mean - target_moments(check_linear_quadratic(problem)).mean
    return not mean.any() and not isinstance(problem.start, UniformStart)


def _start(problem: NavigationProblem, place: Place, prior: CoordinatePrior) -> _Start:
    """Where episodes start, in the frame of `place`."""
    moments = start_moments(problem)
    if place == "displacement" or moments.variance == 0:
        mean = 0.0 if place == "displacement" else moments.mean[:, None]
        return _Start(mean - prior.mu, np.ones(1))
    nodes, weights = np.polynomial.hermite_e.hermegauss(STARTS)
    if isinstance(problem.start, UniformStart):
        nodes, weights = np.polynomial.legendre.leggauss(STARTS)
        nodes = math.sqrt(3.0) * nodes  # of variance 1, too
    spread = math.sqrt(moments.variance) * nodes
    return _Start(moments.mean[:, None] - prior.mu + spread, weights / weights.sum())


def _price(problem: NavigationProblem, place: Place, curvatures: list[Array]) -> float:
    """The excess of the first move, for coordinates of equally likely curvatures each."""
    prior = coordinate_prior(problem, 1, place)
    start, metric = _start(problem, place, prior), np.broadcast_to(prior.metric[:, 0], problem.dim)
    known: dict[bytes, float] = {}
    total = 0.0
    for i, h in enumerate(curvatures):
        key = np.concatenate([h, start.delta[i], metric[i : i + 1]]).tobytes()
        if key not in known:
            known[key] = _excess(problem, h, prior.s2, metric[i], start.delta[i], start.weights)
        total += known[key]
    return total


def _excess(
    problem: NavigationProblem, h: Array, s2: float, metric: float, delta: Array, weights: Array
) -> float:
    """E [min_v sum p Q_h(v) - sum p min_v Q_h(v)] of one coordinate."""
    g = problem.dt * gains(problem, np.array(metric), h)[0]
    c = metric / (problem.eta * problem.dt)
    S = c * g / (1 - g)
    r = noise_variance(problem, h)
    V, seen = h * h * s2 + r, kalman.update(np.full(h.shape, s2), h, r)
    if not V.all():  # target and gradient are known beforehand
        return 0.0
    nodes, likely = np.polynomial.hermite_e.hermegauss(GRADIENTS)
    mean = delta[:, None, None] * h[:, None]
    y = (mean + np.sqrt(V)[:, None] * nodes)[..., None]  # (delta, h that is true, noise, h)
    surprise = y - h * delta[:, None, None, None]
    log_p = -0.5 * (surprise**2 / V + np.log(V))
    p = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    m = delta[:, None, None, None] + seen.gain * surprise  # m_e given h
    together = np.sum(p * S * m * m, axis=-1) - np.sum(p * S * m, axis=-1) ** 2 / (
        c + np.sum(p * S, axis=-1)
    )
    apart = np.sum(p * c * S / (c + S) * m * m, axis=-1)
    return float(
        np.einsum("dhn,d,n->", (together - apart) / 2, weights, likely / likely.sum()) / len(h)
    )


def _middles(points: int) -> Array:
    """Midpoints of a division of [0, 1]."""
    return (np.arange(points) + 0.5) / points


def best_learner(
    problem: NavigationProblem, place: Place = "parameters", points: int = 25
) -> Policy | None:
    """The best derived policy that sees neither curvature nor target; None where there is drift.

    Args:
        problem: As of `bracket`.
        place: What the learner sees of where it is.
        points: Number of curvatures in a bank, where coordinates do not interact.

    Raises:
        Refusal: where an assumption fails, naming it.
    """
    landscape = check_linear_quadratic(problem)
    if not landscape.rotated:
        return SelfTuningPolicy(problem, points, place)
    if problem.drift > 0:
        return None
    if coordinate_prior(problem, 2, place).reveals:
        return QuasiNewtonPolicy(problem)
    return NoisyQuasiNewtonPolicy(problem, place)
