"""Streams of tasks: the loss of a network on data that are permuted, rotated, split or relabelled.

A row's task is its instance of the landscape, so `NavigationProblem.hazard` redraws it at random,
and with `NavigationProblem.regular` on schedule, and `signalled` tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from landscape_gym.configuration import count, one_of
from landscape_gym.landscapes.base import Array, Draws
from landscape_gym.networks.data import Data
from landscape_gym.networks.landscape import NetworkLandscape
from landscape_gym.networks.task import TASKS, Task

if TYPE_CHECKING:
    from landscape_gym.networks.engine import Engine, Seen


@dataclass(frozen=True)
class ContinualLandscape(NetworkLandscape):
    """A `NetworkLandscape` whose instances are tasks, drawn from each row's own generator.

    ``tasks`` says what is drawn, always from the same distribution, so that no task is harder:

    - "permuted_inputs": a permutation of a datum's numbers (Goodfellow et al., arXiv:1312.6211);
    - "rotated_inputs": an angle, uniform on the circle, by which images are turned, bilinearly;
    - "split_classes": which ``classes_per_task`` classes are left, of each as many data as the
      rarest has (Zenke et al., arXiv:1703.04200);
    - "random_labels": a class for each training datum, uniform; nothing is learnt for others
      (Lyle et al., "Understanding plasticity in neural networks", arXiv:2303.01486).

    `measures` are those of the present task; held-out data have none with random labels.

    Example:
        >>> landscape = ContinualLandscape(data="digits", tasks="split_classes")
        >>> landscape.kind, landscape.classes_per_task
        ('continual_network', 2)

    Raises:
        ValueError: for unknown tasks, with the nearest; where data are first needed, for data that
            have no classes, too few of them, or are no images to be turned.
    """

    kind: ClassVar[str] = "continual_network"
    tasks: str = "permuted_inputs"
    """One of `TASKS`."""
    classes_per_task: int = 2
    """How many classes are left by "split_classes"."""

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        one_of("continual_network tasks", self.tasks, TASKS)
        count("continual_network classes_per_task", self.classes_per_task)

    def sample(self, draw: Draws) -> Task:
        """A task for each row."""
        data = Data.of(self.data).first(self.data_size)
        if self.tasks == "permuted_inputs":
            return Task(order=draw.uniform(int(np.prod(data.x.shape[1:]))).argsort(axis=1))
        if self.tasks == "rotated_inputs":
            if data.x.ndim != 4:
                raise ValueError(
                    "tasks 'rotated_inputs' turn images (channels, height, width), but the data "
                    f"have shape {data.x.shape[1:]} each; use 'permuted_inputs'."
                )
            return Task(angle=2 * np.pi * draw.uniform(1)[:, 0])
        if not data.classes:
            raise ValueError(
                f"tasks {self.tasks!r} need data with classes, but targets are real; use "
                "'permuted_inputs'."
            )
        if self.tasks == "random_labels":
            uniform = draw.uniform(len(data.x))
            return Task(
                labels=np.minimum((uniform * data.outputs).astype(np.int64), data.outputs - 1)
            )
        if self.classes_per_task > data.outputs:
            raise ValueError(
                f"classes_per_task is {self.classes_per_task}, but the data have {data.outputs}."
            )
        chosen = draw.uniform(data.outputs).argsort(axis=1)[:, : self.classes_per_task]
        return Task(classes=np.sort(chosen, axis=1))

    def _seen(
        self,
        engine: Engine,
        instances: Task,
        rows: int,
        uniform: Array | None = None,
        *,
        held_out: bool = False,
    ) -> Seen | None:
        """Those of each row's task; with random labels there are none to test on."""
        from landscape_gym.networks.stream_engine import seen  # needs torch

        return seen(engine, instances, rows, uniform, held_out=held_out)
