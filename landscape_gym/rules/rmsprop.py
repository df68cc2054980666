"""RMSprop: the ballistic rule, with the curvature's root from the size of the gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from landscape_gym.derivation.slow_filter import slow_filter
from landscape_gym.derivation.whitening import best_whitening
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.arrays import lerp, mean_square
from landscape_gym.rules.forgetting import curvature_memory

FREE = 0.1
"""Largest part of the way to an estimate that control may leave undone in a step, to be free."""


class RMSpropState(NamedTuple):
    """What the rule remembers; all 0 at the start."""

    square: Any
    """Running mean of the squared gradient, like the gradient."""
    mean: Any
    """Running mean of the gradient, if centred; else 0, (..., 1)."""
    weight: Any
    """Sum of the running means' weights, 1 - b2^t, (..., 1)."""


@dataclass(frozen=True)
class RMSprop:
    """``v_t = b2 v_{t-1} + (1 - b2) g_t^2``, ``u_t = -lr g_t / (v_t^(1/2) + eps)``.

    ``theta+ = theta + dt u``, so ``torch.optim.RMSprop`` with learning rate ``dt * lr``, alpha = b2
    and the same eps makes the same steps. Centred, the square of the gradient's running mean is
    taken off v. Corrected, v is divided by 1 - b2^t, so that it is a mean from the first step on.

    Derivation (theory section 7(b), (c)): where gradients carry noise of variance sigma^2 h, as
    minibatches of a log-likelihood do, v estimates sigma^2 h, and the ballistic rule ``u =
    -(eta k)^(1/2) h^(-1/2) g`` with ``h^(-1/2) = sigma / v^(1/2)`` is this one with ``lr = sigma
    (eta k)^(1/2)``. `derive` has what is best at the problem's noise, discount and time step
    instead, of which that is the limit (`derivation.whitening`, which says what is approximate); b2
    remembers as long as the curvature stays (`rules.forgetting`); and v is corrected, without which
    the first steps are (1 - b2)^(-1/2) times too long.

    Where the target drifts slowly behind the noise, and control is free, this rule *is* the optimum
    to second order, whatever the curvature (theory section 11, `derivation.slow_filter`): ``dt lr``
    is the deviation by which the target moves in a step. `control.price_of_form` says what its form
    costs elsewhere.

    Reference: Tieleman and Hinton, "Lecture 6.5 - RMSProp", 2012; Graves, "Generating sequences
    with recurrent neural networks", 2013 (centred); Vastola, Gershman, Rajan, "Gradient Descent as
    Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = RMSprop(lr=0.1, b2=0.75)
        >>> gradient = np.array([1.0, -4.0])
        >>> rule.update(gradient, rule.init(gradient))[0].round(4)
        array([-0.2,  0.2])
    """

    kind: ClassVar[str] = "rmsprop"
    separable: ClassVar[bool] = True
    channels = ("gradient",)
    lr: float = 0.01
    """Velocity per gradient over its root mean square."""
    b2: float = 0.99
    """Decay of the running means per step, in [0, 1)."""
    eps: float = 1e-8
    """What is added to the root."""
    centred: bool = False
    """Whether v is the variance instead of the mean square."""
    corrected: bool = False
    """Whether v is corrected for starting at 0."""

    def __post_init__(self) -> None:
        """Refuse what divides by 0 at the first step."""
        if self.centred and self.corrected:
            raise ValueError(
                "RMSprop is centred or corrected, not both: the corrected variance of a single "
                "gradient is 0. Use CentredAdam."
            )

    @classmethod
    def derive(cls, problem: NavigationProblem) -> RMSprop:
        """The constants of a problem: in closed form where RMSprop is the optimum, else the best.

        Raises:
            Refusal: for noise that does not tell the curvature, a control matrix, default
                dynamics, a metric that is not a multiple of the identity, task switching, or
                unknown curvatures.
        """
        memory, closed = curvature_memory(problem), slow_filter(problem)
        if closed is not None and closed.b1 <= FREE:
            return cls(lr=closed.lr, b2=memory, corrected=True)
        best = best_whitening(problem, "RMSprop", averaged=False)
        return cls(lr=best.alpha, b2=memory, corrected=True)

    def init(self, gradient: Any) -> RMSpropState:
        """No gradient seen."""
        none = 0.0 * gradient[..., :1]
        return RMSpropState(0.0 * gradient, 0.0 * gradient if self.centred else none, none)

    def update(
        self, gradient: Any, state: RMSpropState, out: RMSpropState | None = None
    ) -> tuple[Any, RMSpropState]:
        """The velocity, and the running means with this gradient in them."""
        b2, mean = self.b2, state.mean
        square = mean_square(state.square, gradient, b2, out=out and out.square)
        weight = b2 * state.weight + (1 - b2)
        v = square
        if self.centred:
            mean = lerp(mean, gradient, 1 - b2, out=out and out.mean)
            variance = square - mean * mean
            v = variance * (variance > 0)  # rounding can take it below 0, and torch.optim to NaN
        if self.corrected:
            v = square / weight
        u = -self.lr * gradient / (v**0.5 + self.eps)
        return u, RMSpropState(square, mean, weight)
