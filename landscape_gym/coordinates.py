"""Observations and actions as rows, one per coordinate: how one small rule serves any dimension.

A channel such as the gradient has one number per coordinate, or several, one block of coordinates
after another; a channel such as the loss is the same for all of them. Actions likewise: a step-size
action is a block of step sizes and a block of momenta.
"""

from __future__ import annotations

import numpy as np

from landscape_gym.arrays import Array
from landscape_gym.channels import CHANNELS, Dims
from landscape_gym.observation import ObservationConfig


class Coordinates:
    """How the observations of some channels are split into rows, for any number of coordinates.

    Args:
        config: The channels; each has a multiple of dim numbers, or a number that no dim changes.

    Raises:
        ValueError: for a channel that is neither, such as the Hessian.

    Example:
        >>> coordinates = Coordinates(ObservationConfig(("gradient", "elapsed")))
        >>> coordinates.rows(np.array([[1.0, 2.0, 0.5]]))
        array([[1. , 0.5],
               [2. , 0.5]])
        >>> coordinates.joined(np.array([[3.0, 5.0], [4.0, 6.0]]), 2)
        array([[3., 4., 5., 6.]])
    """

    def __init__(self, config: ObservationConfig) -> None:
        self.config = config
        self._blocks: list[tuple[int, int]] = []
        """Of each channel: numbers per coordinate, and numbers shared by all."""
        for name in config.channels:
            size, rates = CHANNELS[name].size, len(config.rates)
            one, two, three = (size(Dims(dim, dim, rates)) for dim in (1, 2, 3))
            per, shared = two - one, 2 * one - two
            if three - two != per or (per and shared):
                raise ValueError(
                    f"channel {name!r} cannot be split into rows, one per coordinate: it has "
                    f"{two} numbers for 2 coordinates and {three} for 3."
                )
            self._blocks.append((per, shared))
        self._per = sum(per for per, _ in self._blocks)
        self._shared = sum(shared for _, shared in self._blocks)

    @property
    def features(self) -> int:
        """Numbers in a row."""
        return self._per + self._shared

    def dim(self, size: int) -> int:
        """How many coordinates an observation of that size has.

        Raises:
            ValueError: if no number of coordinates gives that size.
        """
        dim, rest = divmod(size - self._shared, self._per) if self._per else (0, 1)
        if rest or dim < 1:
            raise ValueError(
                f"observations of {', '.join(self.config.channels)} have {self._per} numbers per "
                f"coordinate and {self._shared} shared ones; {size} numbers are not of that form."
            )
        return dim

    def index(self, dim: int) -> np.ndarray:
        """Where each row's numbers lie in the observation, (dim, features)."""
        columns, start = [], 0
        for per, shared in self._blocks:
            block = start + np.arange(per * dim).reshape(per, dim).T
            columns.append(block if per else np.tile(start + np.arange(shared), (dim, 1)))
            start += per * dim + shared
        return np.concatenate(columns, axis=1)

    def rows(self, observation: Array) -> Array:
        """Observations (batch, size) as rows, (batch * dim, features)."""
        index = self.index(self.dim(observation.shape[1]))
        return observation[:, index].reshape(-1, self.features)

    def joined(self, actions: Array, dim: int) -> Array:
        """Rows of actions, (batch * dim, a), as actions, (batch, a * dim)."""
        blocks = actions.reshape(-1, dim, actions.shape[-1])
        return blocks.swapaxes(1, 2).reshape(len(blocks), -1)
