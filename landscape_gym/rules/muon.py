"""Muon, the optimal rule of a short horizon where matrices move at the price of a spectral norm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import Any, ClassVar, NamedTuple, cast

from landscape_gym.derivation.assumptions import check_free_motion, time_that_counts
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.arrays import lerp
from landscape_gym.rules.orthogonal import newton_schulz, orthogonalized


class MuonState(NamedTuple):
    """What the rule remembers."""

    mean: Any
    """Running mean of the gradient, like it; 0 at the start. An empty tuple without momentum."""


@dataclass(frozen=True)
class Muon:
    """``u_t = -lr U V'`` for each matrix of the gradient ``G_t = U S V'``; ``dual``: times tr S.

    ``theta+ = theta + dt u``. A vector is a matrix with one column and moves along its gradient.
    With momentum b, G is ``(1 - b) g + b m``, m the running mean of gradients with decay b. So
    ``torch.optim.Muon`` without weight decay makes the same steps with learning rate ``dt * lr``
    and 5 `iterations`, but for its factor ``max(1, rows/columns)^(1/2)`` and its 16 bits.

    Derivation (theory section 12): as of `GradientDescent`, a short horizon weighs the gradient by
    k times the time tau that counts. Let velocity cost ``N(u)^2 / (2 eta)`` per unit time for any
    norm N. The loss falls fastest along the w with N(w) <= 1 at which <w, g> is greatest, N*(g),
    the dual norm; the speed is that of ``min_s s^2/(2 eta) - k tau s N*(g)``. Hence
    ``u = -eta k tau N*(g) argmax_{N(w) <= 1} <w, g>``, which is exact where the loss is linear. Of
    the spectral norm (``metric="spectral"``) the dual is the nuclear norm, the sum of singular
    values, and the argmax is U V' (von Neumann's trace inequality). That is Muon's update, **with
    its step size**. The prices of several tensors add up, so each has a step of its own.

    As people use it the step is constant, for a schedule to act on, and the gradient a mean: a
    gradient's size tells little of where the loss bends, and noise has to be averaged away.

    Reference: Bernstein and Newhouse, "Old optimizer, new norm: an anthology", arXiv:2409.20325;
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Vastola,
    Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> on_matrices = {"landscape": "matrix_quadratic", "metric": "spectral"}
        >>> rule = Muon.derive(NavigationProblem(**on_matrices, gamma=10.0))
        >>> rule.lr, rule.shapes
        (0.1, ((2, 3),))
        >>> gradient = np.array([3.0, 0.0, 0.0, 0.0, -1.0, 0.0])  # singular values 3 and 1
        >>> rule.update(gradient, rule.init(gradient))[0].round(12) + 0.0
        array([-0.4,  0. ,  0. ,  0. ,  0.4,  0. ])
    """

    kind: ClassVar[str] = "muon"
    channels = ("gradient",)
    lr: float = 0.02
    """Spectral norm of each matrix's velocity; with `dual`, per nuclear norm of its gradient."""
    momentum: float = 0.95
    """Decay per step of the gradient's mean, in [0, 1); 0: the gradient alone."""
    dual: bool = False
    """Whether the speed is in proportion to that norm, as derived, or constant."""
    iterations: int = 0
    """Steps of Newton and Schulz's iteration, fast and not exact; 0: by singular values."""
    shapes: tuple[tuple[int, ...], ...] | None = None
    """Of the tensors that parameters are made of, in order. None: `RuleOptimizer` tells them."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> Muon:
        """The constants of a problem: ``lr = eta k (time that counts)``, ``dual``, no momentum.

        Raises:
            Refusal: for a metric that is not "spectral", default dynamics, or an endless horizon.
        """
        if problem.metric != "spectral":
            raise Refusal(
                "Muon is the best rule where motion is priced by spectral norms, but metric is "
                f"{problem.metric!r}: use gradient descent, or metric='spectral' on a landscape of "
                "matrices."
            )
        check_free_motion(problem, "Muon")
        lr = problem.eta * problem.k * time_that_counts(problem, "Muon")
        tensors = cast(Tensors, problem.landscape.tensors())  # the metric needs them
        return cls(lr, momentum=0.0, dual=True, shapes=tensors.shapes)

    @classmethod
    def for_parameters(cls, parameters: Iterable[Any], **constants: Any) -> Muon:
        """The rule for a network's parameters.

        Args:
            parameters: Tensors, in the order in which they are moved: ``module.parameters()``.
            **constants: Fields other than the shapes.
        """
        return cls(shapes=tuple(tuple(p.shape) for p in parameters), **constants)

    def for_tensors(self, tensors: Tensors) -> Muon:
        """The rule for parameters of these shapes, if it has none of its own."""
        return replace(self, shapes=tensors.shapes) if self.shapes is None else self

    def among(self, present: Sequence[bool]) -> Muon:
        """The rule for some parameters of those that it has the shapes of."""
        if self.shapes is None or len(present) != len(self.shapes):
            return self
        return replace(self, shapes=tuple(compress(self.shapes, present)))

    def init(self, gradient: Any) -> MuonState:
        """No gradient seen."""
        return MuonState(0 * gradient if self.momentum else ())

    def update(self, gradient: Any, state: MuonState) -> tuple[Any, MuonState]:
        """The velocity, and the mean with this gradient in it."""
        mean, asked = state.mean, gradient
        if self.momentum:
            mean = lerp(mean, gradient, 1 - self.momentum)
            asked = lerp(gradient, mean, self.momentum)
        moves = [self._move(each) for each in self._tensors.matrices(asked)]
        return -self.lr * self._tensors.joined(moves), MuonState(mean)

    def _move(self, matrix: Any) -> Any:
        """The orthogonal factor, and with `dual` that times the nuclear norm, <G, U V'>."""
        steps = self.iterations
        move = newton_schulz(matrix, steps) if steps else orthogonalized(matrix)
        return (matrix * move).sum((-2, -1))[..., None, None] * move if self.dual else move

    @cached_property
    def _tensors(self) -> Tensors:
        """What the parameters are of.

        Raises:
            ValueError: if nobody told.
        """
        if self.shapes is None:
            raise ValueError(
                "Muon has to know of which matrices the parameters are: give their shapes, as in "
                "Muon(shapes=((2, 3), (2,))), or Muon.for_parameters(module.parameters())."
            )
        return Tensors(self.shapes)
