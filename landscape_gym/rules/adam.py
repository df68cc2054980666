"""Adam: an average for the gradient, the noise's size for the curvature, and the ballistic gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from landscape_gym.derivation.slow_filter import slow_filter
from landscape_gym.derivation.whitening import best_whitening
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.arrays import lerp, mean_square
from landscape_gym.rules.forgetting import curvature_memory


class AdamState(NamedTuple):
    """What the rule remembers; all 0 at the start."""

    mean: Any
    """m, running mean of the gradient, like the gradient."""
    square: Any
    """v, running mean of the square, likewise."""
    mean_weight: Any
    """Sum of the weights in m, 1 - b1^t, (..., 1)."""
    square_weight: Any
    """Sum of the weights in v, 1 - b2^t, (..., 1)."""


@dataclass(frozen=True)
class Adam:
    """``u_t = -lr M_t / (V_t^(1/2) + eps)``, with corrected running means.

        m_t = b1 m_{t-1} + (1 - b1) g_t,         M_t = m_t / (1 - b1^t)
        v_t = b2 v_{t-1} + (1 - b2) g_t^2,       V_t = v_t / (1 - b2^t)

    ``theta+ = theta + dt u``, so ``torch.optim.Adam`` with learning rate ``dt * lr``, betas
    (b1, b2) and the same eps makes the same steps.

    Derivation (theory section 7):

    (a) Of a gradient that drifts as a random walk and is seen with noise the steady Kalman filter
        is a running mean, 1 - b1 being its gain.
    (b) Noise of variance sigma^2 h, as minibatches of a log-likelihood have it, tells the curvature
        by its size; an inverse-gamma belief that forgets exponentially has a running mean of
        squares as its mean. b2 remembers as long as the curvature stays (`rules.forgetting`).
    (c) In the ballistic gain ``u = -(eta k)^(1/2) h^(-1/2) m`` stands ``sigma / v^(1/2)`` for
        h^(-1/2), so that ``lr = sigma (eta k)^(1/2)``.

    (a) holds for a learner that hardly moves, (c) without discount. `derive` has the pair (lr, b1)
    that is best at the problem's noise, drift, discount and time step instead, of which these are
    limits (`derivation.whitening` says what is approximate).

    Where the target drifts slowly behind the noise, and control has one speed kappa for all
    curvatures, Adam *is* the optimum to second order, whatever the curvature (theory section 11,
    `derivation.slow_filter`): ``dt lr`` is the deviation by which the target moves in a step, ``b1
    = 1 - dt kappa``. Elsewhere its form costs more than the inference that it stands for;
    `control.price_of_form` says how much.

    v holds the gradient's own square
    besides the noise's, which makes the first steps too short where gradients outweigh noise:
    `CentredAdam` is the Bayesian form. eps guards the division alone.

    Reference: Kingma and Ba, "Adam: a method for stochastic optimization", 2015; Vastola, Gershman,
    Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = Adam(lr=0.1)
        >>> gradient = np.array([1.0, -4.0])
        >>> rule.update(gradient, rule.init(gradient))[0].round(4)
        array([-0.1,  0.1])
    """

    kind: ClassVar[str] = "adam"
    separable: ClassVar[bool] = True
    channels = ("gradient",)
    lr: float = 0.001
    """Velocity per mean gradient over the root mean square."""
    b1: float = 0.9
    """Decay of the gradient's mean per step, in [0, 1)."""
    b2: float = 0.999
    """Decay of the square's mean per step, in [0, 1)."""
    eps: float = 1e-8
    """What is added to the root."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> Adam:
        """The constants of a problem: in closed form where Adam is the optimum, else the best.

        Raises:
            Refusal: for noise that does not tell the curvature, a control matrix, default
                dynamics, a metric that is not a multiple of the identity (or of the curvature,
                where the target drifts), task switching, or unknown curvatures.
        """
        memory = curvature_memory(problem)
        if (closed := slow_filter(problem)) is not None:
            return cls(lr=closed.lr, b1=closed.b1, b2=memory)
        best = best_whitening(problem, cls.__name__)
        return cls(lr=best.alpha, b1=best.b, b2=memory)

    def init(self, gradient: Any) -> AdamState:
        """No gradient seen."""
        none = 0.0 * gradient[..., :1]
        return AdamState(0.0 * gradient, 0.0 * gradient, none, none)

    def update(
        self, gradient: Any, state: AdamState, out: AdamState | None = None
    ) -> tuple[Any, AdamState]:
        """The velocity, and the running means with this gradient in them."""
        b1, b2 = self.b1, self.b2
        mean = lerp(state.mean, gradient, 1 - b1, out=out and out.mean)
        now = AdamState(
            mean,
            mean_square(state.square, self._spread(gradient, mean), b2, out=out and out.square),
            # Not as 1 - b^t, which cancels in float32.
            b1 * state.mean_weight + (1 - b1),
            b2 * state.square_weight + (1 - b2),
        )
        # Corrected by one number each, and in place: a vector costs by how often memory is touched.
        correction = now.square_weight**0.5
        root = now.square**0.5
        root += self.eps * correction
        u = (-self.lr * correction / now.mean_weight) * mean
        u /= root
        return u, now

    def _spread(self, gradient: Any, mean: Any) -> Any:
        """What is squared."""
        return gradient
