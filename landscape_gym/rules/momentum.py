"""Heavy-ball momentum, what a longer horizon buys where curvature is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.control.hidden_curvature.linear_rule import HiddenCurvature, best_linear_rule
from landscape_gym.control.linear_quadratic.prior import (
    noise_variance,
    start_moments,
    target_moments,
)
from landscape_gym.dynamics import initial
from landscape_gym.landscapes import Quadratic
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.assumptions import check_free_motion, diagonal_metric
from landscape_gym.streams import RowDraws

SAMPLES = 256
"""Starts from which their distance to the minimum is estimated where no formula gives it."""


class MomentumState(NamedTuple):
    """What the rule remembers."""

    update: Any
    """The last velocity, like the gradient; 0 at the start."""


@dataclass(frozen=True)
class Momentum:
    """``u_t = momentum u_{t-1} - lr g_t``, with ``u_{-1} = 0``.

    ``theta+ = theta + dt u``, so ``torch.optim.SGD`` with learning rate ``dt * lr`` and the same
    momentum makes the same steps.

    Derivation (theory 4(c)): of all rules that are linear in the gradient and the previous update,
    this is the one of least expected cost when each coordinate's curvature is drawn from the
    landscape's distribution and is not seen. ``lr`` and ``momentum`` are the exact minimiser
    (`control.linear_rule`), with the problem's gradient noise and drift. On a landscape that is not
    quadratic the curvatures are those at the minimum. Known curvature, noise and drift make the
    same form exactly optimal (theory 4(d)).

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997; Polyak, "Some methods of speeding up the convergence of iteration methods",
    1964.

    Example:
        >>> rule = Momentum(lr=0.5, momentum=0.9)
        >>> u, state = rule.update(np.ones(2), rule.init(np.ones(2)))
        >>> rule.update(np.ones(2), state)[0]
        array([-0.95, -0.95])
    """

    kind: ClassVar[str] = "momentum"
    lr: float = 0.1
    """Velocity per gradient."""
    momentum: float = 0.9
    """Fraction of the velocity that is kept."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> Momentum:
        """The constants of a problem.

        Raises:
            ValueError: for a control matrix, default dynamics, a metric that is not a multiple of
                the identity, task switching, unknown curvatures, or noise that is not additive.
        """
        best = best_linear_rule(hidden_curvature(problem))
        return cls(lr=best.a, momentum=best.b)

    def init(self, gradient: Any) -> MomentumState:
        """At rest."""
        return MomentumState(0.0 * gradient)

    def update(self, gradient: Any, state: MomentumState) -> tuple[Any, MomentumState]:
        """The velocity, and the state that remembers it."""
        update = self.momentum * state.update - self.lr * gradient
        return update, MomentumState(update)


def hidden_curvature(problem: NavigationProblem) -> HiddenCurvature:
    """One coordinate of the problem as a linear rule meets it.

    A linear rule with the same constants in every coordinate does not see the basis, so the average
    over the Hessian's eigenvalues is exact for rotated landscapes too.

    Raises:
        ValueError: where an assumption of `Momentum.derive` fails.
    """
    check_free_motion(problem, "momentum")
    metric = diagonal_metric(problem, "momentum")
    if len(metric) > 1:
        raise ValueError(
            "momentum has one step size for all coordinates, but the metric differs between them: "
            "use landscape_gym.control.optimum, or a metric that is a multiple of the identity."
        )
    if problem.hazard > 0:
        raise ValueError(
            "momentum is derived for one task, but hazard > 0 redraws it: derive it for "
            "problem.replace(hazard=0.0), or use a rule that resets."
        )
    quadrature = problem.landscape.curvature_quadrature()
    if quadrature is None:
        raise ValueError(
            "momentum needs the distribution of curvatures (curvature_quadrature), which "
            f"{type(problem.landscape).__name__} does not tell: give lr and momentum yourself."
        )
    curvatures, weights = quadrature
    noise, drift = noise_variance(problem, curvatures), problem.drift * problem.dt
    additive = drift > 0 or bool(np.any(noise))
    return HiddenCurvature(
        curvatures,
        weights,
        eta=problem.eta,
        k=problem.k,
        gamma=problem.gamma,
        dt=problem.dt,
        horizon=problem.horizon,
        metric=float(metric[0]),
        second_moment=_second_moment(problem) if additive else 1.0,
        noise=noise,
        drift=drift,
    )


def _second_moment(problem: NavigationProblem) -> float:
    """Mean square of ``theta_0 - z`` per coordinate."""
    landscape = problem.landscape
    if isinstance(landscape, Quadratic):
        distance = start_moments(problem).minus(target_moments(landscape))
        return float(np.mean(distance.mean**2) + distance.variance)
    generators = [np.random.default_rng(row) for row in range(SAMPLES)]
    instances, theta = initial(problem, RowDraws(generators, np.dtype(np.float64)))
    minimum = landscape.minimum(instances)
    if minimum is None:
        raise ValueError(
            "momentum with noise or drift needs to know how far starts are from the minimum, and "
            f"{type(landscape).__name__} does not know its minimum: derive it for "
            "problem.replace(noise=None, drift=0.0)."
        )
    return float(np.mean((theta - minimum.location) ** 2))
