"""Nesterov's momentum, the look-ahead gradient of the Euler-Lagrange equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.optimize import minimize

from landscape_gym.derivation.linear_rule import HiddenCurvature
from landscape_gym.derivation.memory_rule import memory_rule_cost
from landscape_gym.derivation.setting import check_lasting, linear_setting
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem


class NesterovState(NamedTuple):
    """What the rule remembers."""

    buffer: Any
    """Discounted sum of the gradients, like the gradient; 0 at the start."""


@dataclass(frozen=True)
class Nesterov:
    """``buffer_t = momentum buffer_{t-1} + g_t``, ``u_t = -lr (g_t + momentum buffer_t)``.

    ``theta+ = theta + dt u``, so ``torch.optim.SGD(nesterov=True)`` with learning rate ``dt * lr``
    and the same momentum makes the same steps.

    Derivation (theory section 4(b)): the optimal path obeys theta'' - gamma theta' = eta k grad L,
    so that ``theta' = -(eta k/gamma) grad L + theta''/gamma``. With the derivative of the first
    term for theta'', that is to first order in 1/gamma the gradient further along the path,

        theta' = -(eta k/gamma) grad L(theta + theta'/gamma),

    and a gradient that is looked ahead at by its last change, ``g_t + c (g_t - g_{t-1})``, is what
    distinguishes this rule from heavy-ball momentum:

        u_t = momentum u_{t-1} - lr (g_t + momentum (g_t - g_{t-1})).

    When each coordinate's curvature is drawn from the landscape's distribution and is not seen,
    ``lr`` and ``momentum`` are the exact minimiser of the expected cost in this family (theory
    4(c); `derivation.memory_rule` has the cost of a rule with one previous gradient
    and update), with the problem's gradient noise and drift. The family does not contain heavy
    ball, so that either may be better. A best momentum below 0, which torch.optim does not take,
    looks back instead: it occurs where curvatures are nearly known.

    Reference: Nesterov, "A method for solving the convex programming problem with convergence rate
    O(1/k^2)", 1983; Sutskever et al., "On the importance of initialization and momentum in deep
    learning", 2013; Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997.

    Example:
        >>> rule = Nesterov(lr=0.5, momentum=0.9)
        >>> u, state = rule.update(np.ones(2), rule.init(np.ones(2)))
        >>> u, rule.update(np.ones(2), state)[0]
        (array([-0.95, -0.95]), array([-1.355, -1.355]))
    """

    kind: ClassVar[str] = "nesterov"
    separable: ClassVar[bool] = True
    channels = ("gradient",)
    lr: float = 0.1
    """Velocity per gradient."""
    momentum: float = 0.9
    """Fraction of the buffer that is kept."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> Nesterov:
        """The constants of a problem.

        Raises:
            Refusal: for a control matrix, default dynamics, a metric that is not a multiple of
                the identity, task switching, unknown curvatures, or noise that is not additive.
        """
        setting = linear_setting(problem, "Nesterov's rule")
        check_lasting(setting, "Nesterov's rule")
        return cls(*_best(setting))

    def init(self, gradient: Any) -> NesterovState:
        """At rest."""
        return NesterovState(0.0 * gradient)

    def update(self, gradient: Any, state: NesterovState) -> tuple[Any, NesterovState]:
        """The velocity, and the state with this gradient in it."""
        buffer = self.momentum * state.buffer + gradient
        return -self.lr * (gradient + self.momentum * buffer), NesterovState(buffer)


def _best(setting: HiddenCurvature) -> tuple[float, float]:
    """Constants of least expected cost: from the best of a grid, along the exact gradient."""
    steepest = float(np.max(setting.curvatures))
    if steepest == 0:
        return 0.0, 0.0
    momenta = (0.0,) if setting.horizon == 1 else (0.0, 0.3, 0.6, 0.8, 0.9, 0.95)
    limits = {b: 2 * (1 + b) / ((1 + 2 * b) * setting.dt * steepest) for b in momenta}  # stable
    grid = [(lr * limits[b], b) for b in momenta for lr in np.geomspace(1e-3, 0.9, 10)]
    start = min(grid, key=lambda point: _cost_and_slope(setting, *point)[0])
    scale = _cost_and_slope(setting, *start)[0]

    def relative(point: Array) -> tuple[float, Array]:
        lr, momentum = start[0] * point[0], float(point[1])
        cost, by_lr, by_momentum = _cost_and_slope(setting, lr, momentum)
        if setting.horizon == 1:  # one step: momentum only scales lr
            by_momentum = 0.0
        bounded = min(cost / scale, 1e6)  # inf where the loop is unstable
        return bounded, np.array([start[0] * by_lr, by_momentum]) / scale

    found = minimize(relative, [1.0, start[1]], jac=True, method="BFGS", options={"gtol": 1e-9})
    return float(start[0] * found.x[0]), float(found.x[1])


def _cost_and_slope(setting: HiddenCurvature, lr: float, momentum: float) -> tuple[float, ...]:
    """Expected cost, and its derivatives by lr and momentum."""
    weights = (lr * (1 + momentum), -lr * momentum)
    cost, by_a, by_b = memory_rule_cost(setting, weights, (momentum,))
    by_lr = (1 + momentum) * by_a[0] - momentum * by_a[1]
    return cost, float(by_lr), float(lr * (by_a[0] - by_a[1]) + by_b[0])
