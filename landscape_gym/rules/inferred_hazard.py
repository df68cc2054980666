"""The filter bank for networks whose tasks change, and nobody says how often."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

from landscape_gym.rules.loss_changes import Changes, LossChanges
from landscape_gym.rules.self_tuning import SelfTuning, SelfTuningState


class InferredHazardState(NamedTuple):
    """What is believed of targets and curvatures, and of the hazard."""

    bank: SelfTuningState
    changes: Changes


@dataclass(frozen=True)
class InferredHazard:
    """`SelfTuning.for_networks` with a hazard, and the hazard is inferred from the loss.

    At each step the bank has the constants of the chance c per step that is believed now
    (`LossChanges`), in time counted in steps, eta = k = 1 and discount beta:

        kept = 1 - c,      aim = h / (1 - beta kept / (1 + S)),      aim + pull = S = h + beta P

    where S, the weight of the point moved to, does not depend on the hazard.

    Only the rate is taken from the loss. That a change has just been seen could return the bank's
    belief to the prior at once; in trials with networks that was worse on two streams of two.

    Assumption: as of `SelfTuning.for_networks` and `LossChanges`; an experiment, not a theorem.

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997; `LossChanges`.

    Example:
        >>> import numpy as np
        >>> rule = InferredHazard.for_networks(spread=0.1)
        >>> y, x, loss = np.ones((1, 2)), np.zeros((1, 2)), np.ones((1, 1))
        >>> u, state = rule.update(
        ...     y, rule.init(y, displacement=x, loss=loss), displacement=x, loss=loss
        ... )
        >>> state.changes.chance.round(4)
        array([[0.001]])
    """

    kind: ClassVar[str] = "inferred_hazard"
    channels = ("gradient", "displacement", "loss")
    bank: SelfTuning
    """With variances of its own for each weight; its hazard does not matter."""
    discount: float = 0.99
    """Per step, in (0, 1)."""
    changes: LossChanges = field(default_factory=LossChanges)

    @classmethod
    def for_networks(
        cls,
        curvature: tuple[float, ...] = (10**-2.5, 10**-1.5, 10**-0.5),
        spread: float = 0.3,
        growth: float = 1e-2,
        discount: float = 0.99,
    ) -> InferredHazard:
        """Constants as of `SelfTuning.for_networks`, but for the hazard."""
        bank = SelfTuning.for_networks(curvature, spread, growth, 1.0, discount, separate=True)
        return cls(bank, discount)

    def init(self, gradient: Any, displacement: Any, loss: Any) -> InferredHazardState:
        """The prior."""
        return InferredHazardState(
            self.bank.init(gradient, displacement=displacement), self.changes.init(loss)
        )

    def update(
        self, gradient: Any, state: InferredHazardState, displacement: Any, loss: Any
    ) -> tuple[Any, InferredHazardState]:
        """The velocity, and what is believed next; the loss, (..., 1), is the minibatch's."""
        changes = self.changes.update(loss, state.changes)
        bank = self.told(changes.chance)
        u, believed = bank.update(gradient, state.bank, displacement=displacement)
        return u, InferredHazardState(believed, changes)

    def told(self, chance: Any) -> SelfTuning:
        """The bank, told a chance of a change per step, a number or (..., 1)."""
        kept = 1 - chance
        weights = [_weights(h, kept, self.discount) for h in self.bank.curvature]
        aim, pull = zip(*weights, strict=True)
        return replace(self.bank, aim=aim, pull=pull, kept=kept, noise_rate=kept)


def _weights(h: Any, kept: Any, discount: float) -> tuple[Any, Any]:
    """Weights of the distances to the target and to the prior's mean (theory 2, 8)."""
    lost = 1 - discount + h
    P = (math.sqrt(lost * lost + 4 * discount * h) - lost) / (2 * discount)
    S = h + discount * P
    aim = h / (1 - discount * kept / (1 + S))
    return aim, S - aim
