"""Linear rules for single coordinates, many at once: what searches among them act by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from landscape_gym.coordinates import Coordinates
from landscape_gym.landscapes.base import Array
from landscape_gym.learned.network import Dense, Network
from landscape_gym.learned.rule import LearnedRule
from landscape_gym.registration import Regime


class LinearRules:
    """Rules ``action = A' features + b`` for each coordinate alike, as vectors of their weights.

    Args:
        regime: Whose channels are seen and whose actions are taken.

    Raises:
        ValueError: for channels or actions that cannot be split into single coordinates.

    Example:
        >>> from landscape_gym.registration import regime
        >>> rules = LinearRules(regime("small-networks"))
        >>> rules.size  # six features and a constant, for a step and for what is averaged
        14
    """

    def __init__(self, regime: Regime) -> None:
        self.regime = regime
        problem, action = regime.problem, regime.action
        coordinates = Coordinates(regime.observation)
        self.features = coordinates.features
        self.outputs, rest = divmod(action.size(problem), problem.dim)
        if rest or not self.outputs:
            raise ValueError(
                f"actions of {action.size(problem)} numbers cannot be split among {problem.dim} "
                "coordinates: take 'velocity', 'normalized', 'step_size' or 'adaptive'."
            )
        self._index = coordinates.index(problem.dim)

    @property
    def size(self) -> int:
        """Weights of a rule."""
        return (self.features + 1) * self.outputs

    def actions(self, observation: Array, weights: Array) -> Array:
        """What each row's own rule does, (rows, actions).

        Args:
            observation: (rows, size of an observation).
            weights: (rows, size).
        """
        A, b = self._split(weights.astype(np.float32, copy=False))
        per = observation[:, self._index] @ A + b[:, None, :]  # (rows, dim, outputs)
        return per.swapaxes(1, 2).reshape(len(per), -1)

    def rule(self, weights: Array, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The rule of these weights, (size,), and where it comes from."""
        A, b = self._split(weights[None].astype(np.float32))
        return LearnedRule(
            self.regime.observation,
            self.regime.action,
            Network((Dense(A[0].T.copy(), b[0]),)),
            np.zeros(self.features),
            np.ones(self.features),
            per_coordinate=True,
            about=about or {},
        )

    def _split(self, weights: Array) -> tuple[Array, Array]:
        """Matrices A (rows, features, outputs) and constants b (rows, outputs)."""
        A, b = np.split(weights, [self.features * self.outputs], axis=1)
        return A.reshape(-1, self.features, self.outputs), b
