"""AdamW: Adam, and a pull back to where tasks come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from landscape_gym.derivation.assumptions import diagonal_metric
from landscape_gym.derivation.continuous import convergence_rate, reset_weight
from landscape_gym.derivation.prior import target_moments
from landscape_gym.landscapes import Quadratic
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.adam import Adam, AdamState
from landscape_gym.rules.forgetting import curvature_memory


@dataclass(frozen=True)
class AdamW:
    """``u_t = -lr weight_decay theta_t + (the update of Adam)``.

    ``theta+ = theta + dt u``, so ``torch.optim.AdamW`` with learning rate ``dt * lr`` and the other
    constants alike makes the same steps.

    Derivation (theory sections 7 and 8): where tasks are redrawn at a rate lambda from a prior of
    mean 0, the optimum is ``u = -r [(1 - w) (theta - z) + w theta]``, with r its rate and ``w =
    lambda / (lambda + gamma + r)``: the first term is what `Adam` approximates, and the second is
    weight decay. r and w differ with the curvature, and a single number stands for both, the mean
    over curvatures: ``lr = (1 - w) alpha`` and ``lr weight_decay = r w``. alpha and b1 are Adam's
    for a target that drifts instead of jumping, with the same variance per unit time, 2 lambda s^2,
    s being the standard deviation of the prior. So this is an approximation in three ways: by the
    means, by the drift, and by Adam's own. Without redraws there is no decay and it is Adam.

    Reference: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019; Vastola,
    Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = AdamW(lr=0.1, weight_decay=0.5)
        >>> g, theta = np.array([1.0, -4.0]), np.array([2.0, 0.0])
        >>> rule.update(g, rule.init(g, theta), theta)[0].round(4)
        array([-0.2,  0.1])
    """

    kind: ClassVar[str] = "adamw"
    separable: ClassVar[bool] = True
    channels = ("gradient", "parameters")
    lr: float = 0.001
    """Velocity per mean gradient over the root mean square."""
    b1: float = 0.9
    """Decay of the gradient's mean per step, in [0, 1)."""
    b2: float = 0.999
    """Decay of the square's mean per step, in [0, 1)."""
    eps: float = 1e-8
    """What is added to the root."""
    weight_decay: float = 0.01
    """Pull to zero, relative to lr."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> AdamW:
        """The constants of a problem.

        Raises:
            Refusal: where Adam has none; with redraws also for a landscape whose tasks have no
                known mean, or one that is not 0.
        """
        if problem.hazard == 0:
            adam = Adam.derive(problem)
            return cls(adam.lr, adam.b1, adam.b2, adam.eps, weight_decay=0.0)
        landscape = problem.landscape
        if not isinstance(landscape, Quadratic) or target_moments(landscape).mean.any():
            raise Refusal(
                "AdamW pulls to 0, but tasks are not redrawn about 0: use a rule that resets to "
                "the prior's mean."
            )
        jumps = 2 * problem.hazard * target_moments(landscape).variance
        adam = Adam.derive(problem.replace(hazard=0.0, drift=problem.drift + jumps))
        h, weights = landscape.curvature_quadrature()
        pull = problem.eta * problem.k * h / diagonal_metric(problem, "AdamW")
        rate = convergence_rate(pull, gamma=problem.gamma)
        back = reset_weight(pull, gamma=problem.gamma, hazard=problem.hazard)
        lr = adam.lr * float(weights @ (1 - back))
        decay = float(weights @ (rate * back)) / lr
        return cls(lr, adam.b1, curvature_memory(problem), adam.eps, weight_decay=decay)

    def init(self, gradient: Any, parameters: Any) -> AdamState:
        """No gradient seen."""
        return self._adam.init(gradient)

    def update(
        self, gradient: Any, state: AdamState, parameters: Any, out: AdamState | None = None
    ) -> tuple[Any, AdamState]:
        """The velocity, and the running means with this gradient in them."""
        u, state = self._adam.update(gradient, state, out)
        return u - (self.lr * self.weight_decay) * parameters, state

    @property
    def _adam(self) -> Adam:
        return Adam(self.lr, self.b1, self.b2, self.eps)
