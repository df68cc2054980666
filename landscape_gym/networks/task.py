"""A task of a network in a stream of tasks: what it makes of the data."""

from __future__ import annotations

from typing import NamedTuple

from landscape_gym.landscapes.base import Array

TASKS = ("permuted_inputs", "rotated_inputs", "split_classes", "random_labels")
"""What can be drawn anew for each task."""


class Task(NamedTuple):
    """What each row makes of the data; None: as they are."""

    order: Array | None = None
    """Which input stands at each place, (batch, inputs)."""
    angle: Array | None = None
    """Radians by which images are turned counter-clockwise, (batch,)."""
    classes: Array | None = None
    """Classes that are left, (batch, classes)."""
    labels: Array | None = None
    """The class of each training datum, (batch, N)."""
