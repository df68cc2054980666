"""The natural gradient, the optimal rule of a short horizon where motion is priced by a metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import like
from landscape_gym.derivation.structure import why_no_matrix
from landscape_gym.landscapes.base import Array
from landscape_gym.norms import NORMS
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.arrays import Constant, matrix, plain, solve, square, weigh
from landscape_gym.rules.gradient_descent import GradientDescent
from landscape_gym.rules.linear_systems import conjugate_gradients

DIRECT = 1000
"""Number of parameters up to which a metric that is read is solved by elimination."""


class NaturalGradientState(NamedTuple):
    """Nothing: the rule has no memory."""


@dataclass(frozen=True)
class NaturalGradient:
    """``u_t = -lr (G + damping I)^-1 g_t``, with G the metric.

    Derivation (theory sections 3 and 5): `GradientDescent` where a unit of motion costs by the
    metric G instead of alike in all directions: ``lr = eta k (time that counts)``, 1/gamma without
    horizon. With the Fisher information of the model for G it is the natural gradient: the cost is
    that of the change of the model's predictions, and under other parameters phi, theta = M phi,
    where G becomes M' G M, the model takes the same path. Gradient descent does not.

    Where a direction is cheap, G = 0, the step has no bound. The next order of theory section 2 in
    the time tau that counts, ``(G + eta k tau^2 H)^-1 g``, gives one: ``damping`` is eta k tau^2
    times the loss's curvature in such directions. With the Fisher information for G that is the
    part of the Hessian that is not the model's: the ridge, where the landscape has one.

    A constant metric is a constant of the rule. That of ``metric="fisher"`` is read: as the channel
    ``fisher``, a matrix, or as a function v -> G v (`rules.fisher`), which is solved by conjugate
    gradients, as are matrices of more than `DIRECT` rows.

    Reference: Amari, "Natural gradient works efficiently in learning", 1998; Martens, "Deep
    learning via Hessian-free optimization", 2010; Vastola, Gershman, Rajan, "Gradient Descent as
    Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> problem = NavigationProblem(gamma=10.0, metric=((2.0, 1.0), (1.0, 2.0)))
        >>> rule = NaturalGradient.derive(problem)
        >>> rule.update(np.array([3.0, 0.0]), rule.init(np.zeros(2)))[0].round(4)
        array([-0.2,  0.1])
    """

    kind: ClassVar[str] = "natural_gradient"
    lr: float = 0.1
    """Velocity per gradient where the metric is the identity."""
    metric: Constant | None = 1.0
    """G: one number, its diagonal, or a matrix; None: it is read."""
    damping: float = 0.0
    """What is added to the metric's diagonal, >= 0."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The gradient, and the Fisher information if the metric is not a constant."""
        return ("gradient",) if self.metric is not None else ("gradient", "fisher")

    @classmethod
    def derive(cls, problem: NavigationProblem) -> NaturalGradient:
        """The constants of a problem.

        Raises:
            Refusal: for a control matrix, default dynamics, an endless horizon, or a norm.
        """
        if problem.metric in NORMS:
            raise Refusal(
                f"a natural gradient has a metric that is a matrix, but {why_no_matrix(problem)}: "
                "use that, or give the metric's values."
            )
        lr = GradientDescent.derive(problem.replace(metric=None)).lr
        assert isinstance(lr, float)  # one for all coordinates, without a metric
        G = problem.metric_matrix
        if G is not None:
            return cls(lr, plain(G))
        tau = lr / (problem.eta * problem.k)
        return cls(lr, None, damping=lr * tau * getattr(problem.landscape, "ridge", 0.0))

    def init(self, gradient: Any, fisher: Any = None) -> NaturalGradientState:
        """The empty state."""
        return NaturalGradientState()

    def update(
        self,
        gradient: Any,
        state: NaturalGradientState,
        fisher: Any | Callable[[Any], Any] = None,
    ) -> tuple[Any, NaturalGradientState]:
        """The velocity, and the empty state.

        Args:
            gradient: (..., d).
            state: The empty state.
            fisher: Where the metric is not a constant: row by row, (..., d * d), or a function from
                vectors (..., d) to G times them.
        """
        if self.metric is not None:
            return -weigh(self._rates, gradient), state
        d = gradient.shape[-1]
        if callable(fisher):
            product = fisher
        else:
            G = square(fisher, gradient)
            if d <= DIRECT:
                damped = G + like(self.damping * np.eye(d), gradient)
                return -self.lr * solve(damped, gradient), state
            product = lambda v: (G @ v[..., None])[..., 0]  # noqa: E731
        found = conjugate_gradients(product, gradient, damping=self.damping)
        return -self.lr * found.solution, state

    @cached_property
    def _rates(self) -> Array:
        """``lr (G + damping I)^-1`` where the metric is a constant."""
        G = np.asarray(self.metric)
        if G.ndim < 2:
            return self.lr / (G + self.damping)
        return self.lr * np.linalg.inv(G + matrix(self.damping, len(G)))
