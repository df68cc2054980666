"""Exploration noise on a schedule instead of a gradient.

A learned log_std collapses before the gain is right. Additive noise does not bias linear-quadratic
gains (certainty equivalence), so annealing it costs nothing at evaluation.
"""

from __future__ import annotations

from typing import cast

from stable_baselines3.common.callbacks import BaseCallback
from torch.nn import Parameter


class LogStdSchedule(BaseCallback):
    """Moves the policy's log_std linearly from `start` to `end` over the training.

    Args:
        start: Logarithm of the standard deviation of actions, in units of the box [-1, 1].
        end: The same at the end.
        frozen: Whether to take its gradient away. TRPO needs one: there what an update makes of
            log_std lasts until the next rollout.
    """

    def __init__(self, start: float, end: float, *, frozen: bool = True) -> None:
        super().__init__()
        self.start, self.end, self.frozen = start, end, frozen

    def _on_training_start(self) -> None:
        self._log_std.requires_grad_(not self.frozen)

    def _on_rollout_start(self) -> None:
        progress = 1.0 - self.model._current_progress_remaining
        self._log_std.data.fill_(self.start + progress * (self.end - self.start))

    @property
    def _log_std(self) -> Parameter:
        return cast(Parameter, self.model.policy.log_std)

    def _on_step(self) -> bool:
        return True
