"""Newton's method with a price on motion: the exact optimum of a single step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import like
from landscape_gym.derivation.assumptions import check_free_motion
from landscape_gym.derivation.structure import fixed_curvature, why_no_matrix
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.arrays import Constant, matrix, plain, solve, square, weigh


class NewtonState(NamedTuple):
    """Nothing: the rule has no memory."""


@dataclass(frozen=True)
class Newton:
    """``u_t = -lr (G + lr dt H)^-1 g_t``, with the Hessian H and the metric G.

    Derivation (theory section 3): whoever plans a single step pays
    ``1/(2 eta) u' G u + k L(theta + dt u)`` for it, and on a quadratic loss the least is at
    ``lr = eta k dt``, exactly. It is the proximal step, Newton's method damped by the price of
    motion: gradient descent in the metric G where motion is dear (lr dt H << G), and Newton's step
    ``dt u = -H^-1 g`` where it costs nothing. Noise, drift and task switching, which come after the
    step, change nothing but that g is then better replaced by its posterior mean. For a horizon of
    several steps (gamma dt not >> 1) the rule is too slow; on a loss that is not quadratic it is
    right to second order, where G + lr dt H is positive definite.

    Where the Hessian is the same everywhere it is a constant of the rule, else it is read from the
    privileged channel ``hessian``.

    Reference: Levenberg, "A method for the solution of certain non-linear problems in least
    squares", 1944; Rockafellar, "Monotone operators and the proximal point algorithm", 1976;
    Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = Newton(lr=100.0, dt=1.0, hessian=(0.25, 4.0))
        >>> rule.update(np.ones(2), rule.init(np.ones(2)))[0].round(4)
        array([-3.8462, -0.2494])
    """

    kind: ClassVar[str] = "newton"
    lr: float = 0.1
    """Velocity per gradient where the loss is flat and the metric the identity."""
    dt: float = 0.1
    """Time per step."""
    metric: Constant = 1.0
    """G: one number, its diagonal, or a matrix."""
    hessian: Constant | None = None
    """H likewise; None: it is read."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The gradient, and the Hessian if that is not a constant."""
        return ("gradient",) if self.hessian is not None else ("gradient", "hessian")

    @classmethod
    def derive(cls, problem: NavigationProblem) -> Newton:
        """The constants of a problem.

        Raises:
            Refusal: for a landscape without Hessian, a control matrix, default dynamics, or a
                metric that is not constant.
        """
        check_free_motion(problem, "Newton's method")
        if (why := why_no_matrix(problem)) is not None:
            raise Refusal(
                f"Newton's method has a constant metric, but {why}: use that, or give the metric's "
                "values."
            )
        if not problem.landscape.offers("hessian"):
            raise Refusal(
                f"Newton's method needs the Hessian, and {type(problem.landscape).__name__} does "
                "not offer it: use gradient descent."
            )
        known = None
        if isinstance(problem.landscape, Quadratic):
            known = fixed_curvature(problem.landscape)
        return cls(
            lr=problem.eta * problem.k * problem.dt,
            dt=problem.dt,
            metric=plain(problem.metric_matrix),
            hessian=None if known is None else plain(known),
        )

    def init(self, gradient: Any, hessian: Any = None) -> NewtonState:
        """The empty state."""
        return NewtonState()

    def update(
        self, gradient: Any, state: NewtonState, hessian: Any = None
    ) -> tuple[Any, NewtonState]:
        """The velocity, and the empty state.

        Args:
            gradient: (..., d).
            state: The empty state.
            hessian: Row by row, (..., d * d), where it is not a constant.
        """
        if self.hessian is not None:
            return -weigh(self._rates, gradient), state
        metric = like(matrix(self.metric, gradient.shape[-1]), gradient)
        weights = metric + (self.lr * self.dt) * square(hessian, gradient)
        return -self.lr * solve(weights, gradient), state

    @cached_property
    def _rates(self) -> Array:
        """``lr (G + lr dt H)^-1`` where the Hessian is a constant."""
        G, H = np.asarray(self.metric), np.asarray(self.hessian)
        if G.ndim < 2 and H.ndim < 2:
            return self.lr / (G + self.lr * self.dt * H)
        d = max(G.shape + H.shape)
        return self.lr * np.linalg.inv(matrix(G, d) + self.lr * self.dt * matrix(H, d))
