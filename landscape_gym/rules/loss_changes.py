"""How often tasks change, told by the loss: it rises at once by what has become worthless."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from landscape_gym.arrays import SMALLEST, namespace
from landscape_gym.rules.arrays import larger


class Changes(NamedTuple):
    """What is believed after the losses so far, (..., 1) each."""

    mean: Any
    """Of the loss, as the task is now."""
    variance: Any
    """Of minibatches' losses about it."""
    ignorance: Any
    """The loss of who has learnt nothing: the first one."""
    changed: Any
    """Steps at which the task changed, in parts where a part of it did, and those of the prior."""
    stayed: Any
    """Steps at which it stayed."""

    @property
    def chance(self) -> Any:
        """Of a change per step: the mean of the Beta posterior."""
        return self.changed / (self.changed + self.stayed)


@dataclass(frozen=True)
class LossChanges:
    """A Beta posterior of the chance that the task changes in a step, by the minibatches' losses.

    A loss L is expected about the mean m of this task's last ones, with variance v and tails of
    Student's t. If the share phi of the task is redrawn then that share of what was learnt is lost,
    and the loss is ``m + phi (F - m)``, F the loss of ignorance, with phi uniform:

        z = max(L - m, 0) / v^(1/2),     gap = max(F, L) - m
        ratio = (2 pi v)^(1/2) / (gap + (2 pi v)^(1/2)) (1 + z^2 / tails)^((tails + 1) / 2)
        p = c ratio / (1 - c + c ratio)                    that it changed; c the chance believed
        phi = p min(1, (L - m) / gap)                      how much of it
        changed <- (1 - phi / memory) changed + phi,       stayed likewise with 1 - phi

    A task that was redrawn forgets m at once, ``m <- m + (1 - (1 - p) decay) (L - m)``. Counts fade
    by the change, not by the step: the rate may itself change, and what is remembered is the last
    `memory` changes, however rare they are.

    Assumption: the loss is that of a minibatch before it is learnt from. It is an experiment's
    model, and changes that are small beside the loss's fall within a task go unseen. Where the
    learner sees gradients of known noise the exact posterior runs over the time since the last
    change (`control.InferredHazardPolicy`).

    Reference: Wilson, Nassar, Gold, "Bayesian online learning of the hazard rate in change-point
    problems", Neural Computation 22 (2010).

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).normal(size=2000)
        >>> losses = np.exp(-(np.arange(2000) % 100) / 20) + 0.02 * noise
        >>> changes, state = LossChanges(), None
        >>> for loss in losses[:, None]:
        ...     state = changes.init(loss) if state is None else changes.update(loss, state)
        >>> (1 / state.chance).round(-1)
        array([100.])
    """

    decay: float = 0.8
    """Of the mean per step, in [0, 1)."""
    noise_decay: float = 0.98
    """Of the variance per step, in [0, 1)."""
    tails: float = 8.0
    """Degrees of freedom, > 0: the fewer the more a loss must rise."""
    memory: float = 10.0
    """How many changes are remembered, >= 1."""
    chance: float = 1e-3
    """The prior's mean, in (0, 1)."""
    strength: float = 0.1
    """How many changes the prior counts for, > 0."""

    def init(self, loss: Any) -> Changes:
        """What is believed after the first loss, (..., 1)."""
        prior = self.strength + 0.0 * loss
        first = larger(loss, 0.0) + SMALLEST
        return Changes(loss, (first / 10) ** 2, loss, prior, prior * (1 / self.chance - 1))

    def update(self, loss: Any, state: Changes) -> Changes:
        """What is believed after another loss, (..., 1)."""
        xp = namespace(loss)
        c, width = state.chance, (2 * math.pi * state.variance) ** 0.5
        up = larger(loss - state.mean, 0.0)
        gap = larger(larger(state.ignorance, loss) - state.mean, 0.0)
        tail = 0.5 * (self.tails + 1) * xp.log1p(up * up / (self.tails * state.variance))
        odds = xp.log(c / (1 - c) * width / (gap + width)) + tail
        p = 1 / (1 + xp.exp(-odds))
        share = p * up / (gap + SMALLEST)
        fade = 1 - share / self.memory
        off = loss - state.mean
        square = off * off - state.variance
        return Changes(
            mean=state.mean + (1 - (1 - p) * self.decay) * off,
            variance=state.variance + (1 - self.noise_decay) * (1 - p) * square + SMALLEST,
            ignorance=state.ignorance,
            changed=fade * state.changed + share,
            stayed=fade * state.stayed + 1 - share,
        )
