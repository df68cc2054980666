"""An evolution strategy, where only losses are seen and every trial is a move that is paid for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from scipy.optimize import OptimizeResult, minimize_scalar
from scipy.stats import norm

from landscape_gym.derivation.assumptions import (
    check_free_motion,
    check_single_task,
    diagonal_metric,
)
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.arrays import larger
from landscape_gym.rules.pseudorandom import Stream, draw, stream

WORTH = 0.01
"""The least fraction of the cost of doing nothing that a strategy has to save."""


class EvolutionStrategyState(NamedTuple):
    """What the rule remembers."""

    best: Any
    """The best parameters so far, like the parameters."""
    loss: Any
    """Their loss, like the loss."""
    stream: Stream
    """Its random numbers' generator."""


class Pace(NamedTuple):
    """How a strategy is expected to do on a quadratic, see `EvolutionStrategy`."""

    tau: float
    """Its step, as a fraction of the distance at which the slope alone would reach the floor."""
    cost: float
    """Expected discounted cost over that of doing nothing."""


@dataclass(frozen=True)
class EvolutionStrategy:
    """A (1+1) evolution strategy: try a step from the best point so far, keep it if it is better.

        best_t = theta_t if loss_t <= loss(best) else best
        u_t = (best_t + step sqrt(loss(best_t) - floor) xi_t - theta_t) / dt

    xi has mean 0 and variance 1 in each coordinate. It reads losses alone, no gradients.

    Assumption: the landscape is quadratic, with exact losses and one task; curvatures are known by
    their distribution.

    Derivation: on a quadratic L with slope |g| a step sigma xi changes the loss by
    ``L (2 tau n + tau^2 D)``, n standard normal, with tau = sigma |g| / (2 L), the ratio
    h = |g|^2 / (2 L) = sum h_i^2 / sum h_i (for errors that are alike in all coordinates) and the
    effective dimension D = (sum h_i)^2 / sum h_i^2. So a fixed tau makes the expected cost
    proportional to the loss, a L, and (theory section 1)

        a = [ M (1 + beta (1 - A)) + k dt (1 + tau^2 D) ] / (1 - beta (1 - I))

    where M = tau^2 tr G / (h eta dt) is what a trial costs, A = Phi(-tau D / 2) the chance that it
    is accepted (or its way back is paid too), and I = 2 tau phi(tau D / 2) - tau^2 D A what it
    gains. Minimised over tau, ``step = tau sqrt(2 / h)``; a(0) = k dt / (1 - beta) is doing
    nothing. As descent goes on, errors remain where curvature is low, which this neglects.

    The numbers xi are pseudorandom, uniform, and follow from ``seed`` and from what the rule sees
    at its first step (`rules.pseudorandom`): the same in every run, and in NumPy and torch.

    Reference: Rechenberg, "Evolutionsstrategie", 1973; Beyer, "The theory of evolution strategies",
    2001, whose progress rates count trials but not their length.

    Example:
        >>> landscape = {"kind": "quadratic", "dim": 2, "curvature": (0.5, 0.5)}
        >>> rule = EvolutionStrategy.derive(NavigationProblem(landscape=landscape))
        >>> round(rule.step, 3)
        0.057
        >>> best, worse = np.array([[1.0]]), np.array([[2.0]])
        >>> here, there = np.array([[1.0, 0.0]]), np.array([[5.0, 5.0]])
        >>> state = rule.init(best, parameters=here)
        >>> _, state = rule.update(best, state, parameters=here)
        >>> rule.update(worse, state, parameters=there)[1].best
        array([[1., 0.]])
    """

    kind: ClassVar[str] = "evolution_strategy"
    channels = ("loss", "parameters")
    step: float = 0.1
    """Standard deviation of a trial in each coordinate, where the loss is 1 above the floor."""
    floor: float = 0.0
    """The least loss there can be."""
    dt: float = 0.1
    """Time per step."""
    seed: int = 0
    """Which random numbers."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> EvolutionStrategy:
        """The constants of a problem.

        Raises:
            Refusal: unless the landscape is quadratic, with a single task that does not drift, a
                constant diagonal metric, an infinite horizon and parameters that stay when left
                alone; or if trials are expected to cost as much as they save.
        """
        pace, h = _best_pace(problem, _checked(problem))
        if pace.cost > 1 - WORTH:
            raise Refusal(
                f"an evolution strategy saves {1 - pace.cost:.1%} of the cost of doing nothing "
                "here: trials cost nearly what they save. Raise eta or k, lower gamma, or let the "
                "learner see gradients (GradientDescent, Momentum)."
            )
        return cls(step=pace.tau * math.sqrt(2 / h), dt=problem.dt)

    def init(self, loss: Any, parameters: Any) -> EvolutionStrategyState:
        """The start is the best so far."""
        return EvolutionStrategyState(
            parameters, loss, stream(parameters, loss + 0.0 * parameters, self.seed)
        )

    def update(
        self, loss: Any, state: EvolutionStrategyState, parameters: Any
    ) -> tuple[Any, EvolutionStrategyState]:
        """The velocity to the next trial, and the best so far."""
        better = loss <= state.loss
        best = state.best + better * (parameters - state.best)
        least = state.loss + better * (loss - state.loss)
        xi, rest = draw(state.stream)
        trial = best + self.step * larger(least - self.floor, 0.0) ** 0.5 * xi
        return (trial - parameters) / self.dt, EvolutionStrategyState(best, least, rest)


def expected_pace(
    tau: float, *, effective: float, price: float, decay: float, loss: float
) -> float:
    """a, the expected cost per loss of trials of size tau.

    Args:
        tau: Size of the trials.
        effective: D.
        price: M / tau^2.
        decay: beta.
        loss: k dt.
    """
    half = tau * effective / 2
    accepted = norm.cdf(-half)
    gained = 2 * tau * norm.pdf(half) - 2 * tau * half * accepted
    paid = price * tau * tau * (1 + decay * (1 - accepted))
    return float((paid + loss * (1 + 2 * tau * half)) / (1 - decay * (1 - gained)))


def _best_pace(problem: NavigationProblem, metric: Array) -> tuple[Pace, float]:
    """The best tau with its cost, and h."""
    h, weights = cast(Quadratic, problem.landscape).curvature_quadrature()
    first, second = problem.dim * float(weights @ h), problem.dim * float(weights @ h**2)
    if first == 0:
        raise Refusal("all curvatures are 0, so no loss is to be gained: do nothing.")
    ratio, effective, p = second / first, first**2 / second, problem
    price = p.dim * float(np.mean(metric)) / (ratio * p.eta * p.dt)

    def cost(tau: float) -> float:
        return expected_pace(
            tau, effective=effective, price=price, decay=p.discount, loss=p.k * p.dt
        )

    bounds = (0.0, 4 / effective)  # such a long step is accepted with probability Phi(-2)
    found = cast(OptimizeResult, minimize_scalar(cost, bounds=bounds, method="bounded"))
    nothing = p.k * p.dt / (1 - p.discount) if p.discount < 1 else math.inf
    return Pace(float(found.x), float(found.fun) / nothing), ratio


def _checked(problem: NavigationProblem) -> Array:
    """The metric's diagonal, of a problem that the strategy is derived for."""
    rule = "the evolution strategy"
    check_free_motion(problem, rule)
    check_single_task(problem, rule)
    if not isinstance(problem.landscape, Quadratic):
        raise Refusal(
            f"{rule} takes its step size from a quadratic, and {type(problem.landscape).__name__} "
            "is none: set `step` yourself, or use landscape_gym.control.optimum."
        )
    if problem.drift > 0:
        raise Refusal(
            f"{rule} compares losses with the best so far, which drift > 0 makes stale: use a rule "
            "that reads gradients, or drift=0.0."
        )
    if problem.horizon is not None:
        raise Refusal(
            f"{rule} has a constant step size, but a finite horizon changes it from step to step: "
            "use landscape_gym.control.optimum, or horizon=None."
        )
    return diagonal_metric(problem, rule)
