"""The simulation's state: a record of arrays with one row per environment."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, cast

from landscape_gym.landscapes import assign
from landscape_gym.landscapes.base import Array

SMALLEST = 1e-30
"""Added to mean squares and variances that are divided by; representable in float32."""


@dataclass
class State:
    """Where each row is, on which landscape, and what its learner remembers.

    Shapes: B rows, d parameters, m controls, R averaging rates. Arrays that no channel and no
    action asks for are None.
    """

    theta: Array
    """Parameters, (B, d)."""
    start: Array
    """Parameters at the beginning of the episode, (B, d)."""
    instances: Any
    """The landscapes' hidden instances."""
    shift: Array | None
    """How far each landscape has drifted, (B, d)."""
    minimum_loss: Array
    """Loss at the minimum, (B,); 0 where it is unknown."""
    elapsed: Array
    """Steps since the beginning of the episode, (B,)."""
    largest_cost: Array
    """Largest cost of a step so far, (B,)."""
    switched: Array
    """Whether the task was redrawn after the last step, (B,)."""
    loss: Array
    """Loss at theta, (B,), exact or a minibatch's."""
    grad: Array
    """Gradient of that loss, (B, d)."""
    gradient: Array
    """Observed gradient, (B, d)."""
    previous_update: Array
    """The last control u, (B, m)."""
    previous_gradient: Array | None = None
    """The observed gradient before, (B, d)."""
    moved: Array | None = None
    """Parameters minus those before, (B, d)."""
    mean_square: Array | None = None
    """Running mean of the squared observed gradient over coordinates and time, (B,)."""
    averages: Array | None = None
    """Exponential averages of the observed gradient, (B, R, d)."""
    squared_averages: Array | None = None
    """Exponential averages of its square, (B, R, d)."""
    parameter_averages: Array | None = None
    """Exponential averages of the parameters, (B, R, d)."""
    start_size: Array | None = None
    """Mean magnitude of the parameters at the beginning of the episode, (B,)."""

    @property
    def root_squares(self) -> Array:
        """Roots of the averages of squares, (B, R, d), never 0."""
        return (cast(Array, self.squared_averages) + SMALLEST) ** 0.5

    def point(self, theta: Array) -> Array:
        """Theta (B, d) in the landscapes' coordinates, which move with their drift."""
        return theta if self.shift is None else theta - self.shift

    def assign(self, rows: Array, fresh: State) -> None:
        """Overwrite some rows, in place, with all rows of another state."""
        for field in fields(self):
            old, new = getattr(self, field.name), getattr(fresh, field.name)
            if field.name == "instances":
                assign(old, rows, new)
            elif old is not None:
                old[rows] = new
