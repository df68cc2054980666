"""Exploration noise on a schedule instead of a gradient.

A learned log_std collapses before the gain is right. Additive noise does not bias linear-quadratic
gains (certainty equivalence), so annealing it costs nothing at evaluation.
"""

from __future__ import annotations

from typing import cast

from stable_baselines3.common.callbacks import BaseCallback
from torch.nn import Parameter


class LogStdSchedule(BaseCallback):
    """Freezes the policy's log_std and moves it linearly from `start` to `end` over the training.

    For PPO and A2C; TRPO needs a log_std that has a gradient.
    """

    def __init__(self, start: float, end: float) -> None:
        """Logarithms of the standard deviation of actions, in units of the box [-1, 1]."""
        super().__init__()
        self.start, self.end = start, end

    def _on_training_start(self) -> None:
        self._log_std.requires_grad_(False)

    def _on_rollout_start(self) -> None:
        progress = 1.0 - self.model._current_progress_remaining
        self._log_std.fill_(self.start + progress * (self.end - self.start))

    @property
    def _log_std(self) -> Parameter:
        return cast(Parameter, self.model.policy.log_std)

    def _on_step(self) -> bool:
        return True
