"""What the learner may do: action parametrisations, all of them boxes in [-1, 1].

To add one: derive a frozen dataclass from `Action`, and pass an instance of it to the environment;
a line in `ACTIONS` gives it a name, and rules that act by it a file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from landscape_gym.arrays import Array, clipped, like, scaled, squares_within
from landscape_gym.configuration import number
from landscape_gym.learner import Learner
from landscape_gym.problem import NavigationProblem


class Action(ABC):
    """How an action becomes a control."""

    kind: ClassVar[str]
    memory: ClassVar[frozenset[str]] = frozenset()
    """Fields of the `Learner` that have to be kept for it."""

    @abstractmethod
    def size(self, problem: NavigationProblem) -> int:
        """How many numbers an action has."""

    def borrowed(self, channels: Collection[str]) -> bool:
        """Whether nobody reads a control after its step, so that it may lie where the action does.

        Args:
            channels: Of the observation.
        """
        return False

    @abstractmethod
    def control(self, action: Array, learner: Learner, B: Array | None = None) -> Array:
        """The control u, (batch, m).

        Args:
            action: (batch, size), in [-1, 1].
            learner: What it may depend on.
            B: The problem's control matrix, (d, m); None is the identity.
        """


@dataclass(frozen=True)
class Velocity(Action):
    """``u = scale * action``: the control itself."""

    kind: ClassVar[str] = "velocity"
    scale: float = 1.0
    """The largest control in each coordinate, in parameters per unit time, > 0."""

    def __post_init__(self) -> None:
        """Check the scale."""
        number("action scale", self.scale, low=0.0, strict=True)

    def size(self, problem: NavigationProblem) -> int:
        """One number per control."""
        return problem.control_dim

    def borrowed(self, channels: Collection[str]) -> bool:
        """Unless the observation shows it; a kind derived from this one may read it."""
        return type(self) is Velocity and "previous_update" not in channels

    def control(self, action: Array, learner: Learner, B: Array | None = None) -> Array:
        """u, (batch, m)."""
        return action if self.scale == 1 else scaled(self.scale, action)


@dataclass(frozen=True)
class Normalized(Velocity):
    """`Velocity` in units of s: ``u = scale * s * action``.

    s is the running root mean square of the observed gradient.
    """

    kind: ClassVar[str] = "normalized"
    memory: ClassVar[frozenset[str]] = frozenset({"mean_square"})

    def control(self, action: Array, learner: Learner, B: Array | None = None) -> Array:
        """u, (batch, m)."""
        rms = learner.mean_square[:, None] ** 0.5
        return self.scale * rms * action


@dataclass(frozen=True)
class StepSize(Action):
    """``u = -lr g + b u_prev`` with a step size and a momentum per control.

    The first half of the action is the logarithm of lr between ``low`` and ``high``, the second
    half is b between 0 and ``max_momentum``, both linear in [-1, 1]. g is ``B^T`` times the
    observed gradient. Where ``max_momentum`` is 0 there is no second half: numbers without effect
    would only be noise to who explores.
    """

    kind: ClassVar[str] = "step_size"
    low: float = 1e-3
    """Smallest step size, in control per gradient, > 0."""
    high: float = 10.0
    """Largest step size."""
    max_momentum: float = 0.99
    """Largest momentum, in [0, 1]; with 0 no number sets it."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        number("action low", self.low, low=0.0, strict=True)
        number("action high", self.high, low=self.low)
        if number("action max_momentum", self.max_momentum, low=0.0) > 1:
            raise ValueError(f"action max_momentum is at most 1, got {self.max_momentum!r}.")

    def size(self, problem: NavigationProblem) -> int:
        """A step size per control, and a momentum."""
        check_velocities(self, problem)
        return self.numbers * problem.control_dim

    @property
    def numbers(self) -> int:
        """How many numbers set one step: its size, and the momentum unless that is always 0."""
        return 2 if self.max_momentum else 1

    def control(self, action: Array, learner: Learner, B: Array | None = None) -> Array:
        """u, (batch, m)."""
        sizes = action.shape[1] // self.numbers
        fraction = 0.5 * (action + 1)
        gradient = learner.gradient
        if B is not None:
            gradient = gradient @ like(B, gradient)
        step = self.low * (self.high / self.low) ** fraction[:, :sizes] * gradient
        if not self.max_momentum:
            return -step
        return self.max_momentum * fraction[:, sizes:] * learner.previous_update - step


@dataclass(frozen=True)
class GlobalStepSize(StepSize):
    """`StepSize` with one step size and one momentum for all: dynamic algorithm configuration."""

    kind: ClassVar[str] = "global_step_size"

    def size(self, problem: NavigationProblem) -> int:
        """One step size, and one momentum."""
        check_velocities(self, problem)
        return self.numbers


@dataclass(frozen=True)
class Adaptive(Action):
    """``u = -lr s m / sqrt(v)``: Adam's direction, in units of the parameters at the start.

    s is the mean magnitude of the parameters at the start, v the slowest average of squared
    gradients, and m an average of gradients: the averages are those of the observation's rates,
    the slowest the last. The first half of the action is the logarithm of lr between ``low`` and
    ``high``, linear in [-1, 1]; the second half says which average: the first at -1, the last at 1,
    between two of them their mixture. Where B is not the identity, m is ``B^T`` times the average,
    and squares add up as if coordinates were independent.
    """

    kind: ClassVar[str] = "adaptive"
    memory: ClassVar[frozenset[str]] = frozenset({"averages", "squared_averages", "start_size"})
    low: float = 0.02
    """Smallest step size, in mean magnitudes per unit time, > 0."""
    high: float = 2.0
    """Largest step size."""

    def __post_init__(self) -> None:
        """Check the range."""
        number("action low", self.low, low=0.0, strict=True)
        number("action high", self.high, low=self.low)

    def size(self, problem: NavigationProblem) -> int:
        """A step size and a choice of average per control."""
        check_velocities(self, problem)
        return 2 * problem.control_dim

    def control(self, action: Array, learner: Learner, B: Array | None = None) -> Array:
        """u, (batch, m)."""
        averages, last = learner.averages, learner.averages.shape[1] - 1
        root = learner.root_squares[:, last]
        if B is not None:
            mix = like(B, root)
            averages, root = averages @ mix, (root**2 @ mix**2) ** 0.5
        half = action.shape[1] // 2
        fraction = 0.5 * (action + 1)
        place, mean = last * fraction[:, half:], averages[:, 0]
        for i in range(max(last, 1)):  # once where there is nothing to choose: NaN is to show
            mean = mean + (place - i).clip(0, 1) * (averages[:, min(i + 1, last)] - averages[:, i])
        lr = self.low * (self.high / self.low) ** fraction[:, :half]
        return -lr * learner.start_size[:, None] * mean / root


def boxed(action: Array, borrow: bool) -> tuple[Array, Array | None]:
    """An action (batch, size) in the box.

    Args:
        action: Of any size.
        borrow: Whether it may be the same array, where nothing has to be clipped.

    Returns:
        It and, where it is the same array, the sums of squares of its rows, (batch,).
    """
    squared = squares_within(action, 1.0) if borrow else None
    return (clipped(action, -1.0, 1.0) if squared is None else action), squared


def check_velocities(action: Action, problem: NavigationProblem) -> None:
    """Require controls that are velocities, for actions that make them of gradients.

    Raises:
        ValueError: where the control is a learning rate already.
    """
    if problem.sets_learning_rate:
        raise ValueError(
            f"action {action.kind!r} makes a velocity of the gradient, but the control is a "
            "learning rate already: take 'velocity', which sets it."
        )


ACTIONS: dict[str, type[Action]] = {
    cls.kind: cls for cls in (Velocity, Normalized, StepSize, GlobalStepSize, Adaptive)
}
