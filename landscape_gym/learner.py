"""What a learner has: its parameters, the gradient and loss it sees, and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass, fields

from landscape_gym.arrays import SMALLEST, Array
from landscape_gym.landscapes.tensors import Tensors


@dataclass
class Learner:
    """All that a learner can know, and so all that most channels and every action are made of.

    Shapes: B rows, d parameters, m controls, R averaging rates. What nothing asks for is None.
    """

    gradient: Array
    """Observed gradient, (B, d)."""
    elapsed: Array
    """Steps since the beginning of the episode, (B,)."""
    theta: Array = None
    """Parameters, (B, d)."""
    start: Array = None
    """Parameters at the beginning of the episode, (B, d)."""
    loss: Array = None
    """Loss at theta, (B,), exact or a minibatch's."""
    previous_update: Array = None
    """The last control u, (B, m)."""
    previous_gradient: Array = None
    """The observed gradient before, (B, d)."""
    moved: Array = None
    """Parameters minus those before, (B, d)."""
    mean_square: Array = None
    """Running mean of the squared observed gradient over coordinates and time, (B,)."""
    averages: Array = None
    """Exponential averages of the observed gradient, (B, R, d)."""
    squared_averages: Array = None
    """Exponential averages of its square, (B, R, d)."""
    parameter_averages: Array = None
    """Exponential averages of the parameters, (B, R, d)."""
    start_size: Array = None
    """Mean magnitude of the parameters at the beginning of the episode, (B,)."""
    tensors: Tensors | None = None
    """What the parameters are of, the same for all rows; None where they are one vector."""

    @property
    def root_squares(self) -> Array:
        """Roots of the averages of squares, (B, R, d), never 0."""
        return (self.squared_averages + SMALLEST) ** 0.5

    def assign(self, rows: Array, fresh: Learner) -> None:
        """Overwrite some rows, in place, with all rows of another learner."""
        for field in fields(self):
            old = getattr(self, field.name)
            if old is not None and field.name != "tensors":
                old[rows] = getattr(fresh, field.name)
