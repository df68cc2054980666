"""The simulation's state: the learner, and the world that is hidden from it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from landscape_gym.arrays import Array
from landscape_gym.landscapes import assign
from landscape_gym.learner import Learner


@dataclass
class State:
    """Which landscape each of B rows is on, what is true there, and what its learner has.

    Arrays have one row per environment; d parameters.
    """

    learner: Learner
    """Where it is, what it sees and remembers."""
    instances: Any
    """The landscapes' hidden instances."""
    shift: Array | None
    """How far each landscape has drifted, (B, d); None where none does."""
    minimum_loss: Array
    """Loss at the minimum, (B,); 0 where it is unknown."""
    grad: Array
    """Gradient of the loss that is charged, (B, d), before noise."""
    largest_cost: Array
    """Largest cost of a step so far, (B,)."""
    switched: Array
    """Whether the task was redrawn after the last step, (B,)."""

    @property
    def theta(self) -> Array:
        """Where each row is: the learner's parameters, (B, d)."""
        return self.learner.theta

    @property
    def loss(self) -> Array:
        """Loss there, (B,), exact or a minibatch's."""
        return self.learner.loss

    def point(self, theta: Array) -> Array:
        """Theta (B, d) in the landscapes' coordinates, which move with their drift."""
        return theta if self.shift is None else theta - self.shift

    def assign(self, rows: Array, fresh: State) -> None:
        """Overwrite some rows, in place, with all rows of another state."""
        self.learner.assign(rows, fresh.learner)
        assign(self.instances, rows, fresh.instances)
        for field in fields(self):
            old = getattr(self, field.name)
            if field.name not in ("learner", "instances") and old is not None:
                old[rows] = getattr(fresh, field.name)
