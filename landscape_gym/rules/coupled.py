"""Rules for independent coordinates, made fit for coordinates that interact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from landscape_gym.policy import Rule
from landscape_gym.rules.loss_bound import LossBound, Promise
from landscape_gym.rules.self_tuning import SelfTuning


class CoupledState(NamedTuple):
    """What a coupled rule remembers."""

    rule: Any
    """The rule's own state."""
    promise: Promise
    """The bound's."""


@dataclass(frozen=True)
class Coupled:
    """A rule for independent coordinates under a `LossBound`.

    Example:
        >>> import torch
        >>> from landscape_gym.optim import RuleOptimizer
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = RuleOptimizer(model.parameters(), Coupled.filter_bank())
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (model(torch.eye(3)) - 1).square().mean()
        ...     loss.backward()
        ...     return loss
        >>> for _ in range(100):
        ...     loss = optimizer.step(closure)  # the rule reads the loss
        >>> loss.item() < 0.01
        True
    """

    kind: ClassVar[str] = "coupled"
    rule: Rule
    """What asks for velocities."""
    bound: LossBound
    """What slows them."""

    @classmethod
    def filter_bank(
        cls, spread: float = 1.0, growth: float = 1e-2, stiffness: float = 4.0, **constants: Any
    ) -> Coupled:
        """The bank of Kalman filters for networks, one setting for all of them (theory 7(f)).

        Three constants are an experiment's: chosen once, on seeds of their own, for five networks
        together (docs/networks.md).

        Args:
            spread: As of `SelfTuning.for_networks`; with the bound it can be as wide as weights
                ever travel.
            growth: Likewise; as fast as targets move where coordinates interact.
            stiffness: Of the `LossBound`.
            **constants: Others of `SelfTuning.for_networks`, such as the curvatures.
        """
        bank = SelfTuning.for_networks(spread=spread, growth=growth, **constants)
        return cls(bank, LossBound(stiffness))

    @property
    def channels(self) -> tuple[str, ...]:
        """The rule's, and the loss."""
        return tuple(dict.fromkeys((*self.rule.channels, "loss")))

    def init(self, gradient: Any, loss: Any, **others: Any) -> CoupledState:
        """The rule's state, and nothing promised."""
        return CoupledState(self.rule.init(gradient, **others), self.bound.init(loss, gradient))

    def update(
        self, gradient: Any, state: CoupledState, loss: Any, **others: Any
    ) -> tuple[Any, CoupledState]:
        """The slowed velocity, and the next state."""
        v, rule = self.rule.update(gradient, state.rule, **others)
        u, promise = self.bound.slowed(v, gradient, loss, state.promise)
        return u, CoupledState(rule, promise)
