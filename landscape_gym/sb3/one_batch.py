"""What Stable-Baselines3 asks of single environments, answered for the rows of one batch."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.vec_env import VecEnv


class OneBatch(VecEnv):
    """Environments that are stepped as one and share their attributes."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute, the same for every row asked for."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: the environments are one batch and share their attributes."""
        raise AttributeError(
            f"cannot set {attr_name!r} on single rows of a batch; make a new environment instead."
        )

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refused: the environments are one batch."""
        raise AttributeError(f"cannot call {method_name!r} on single rows of a batch.")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No row is wrapped."""
        return [False] * len(list(self._get_indices(indices)))
