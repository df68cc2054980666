"""The rules that take part, each with one scalar that may be tuned: its learning rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import Coupled, SelfScaledAdam, SelfTuning

LEARNED_RULES: dict[str, tuple[bool, ...]] = {
    "networks": (False, True),
    "hidden-curvature": (False,),
}
"""Shipped rules that were learned, the one for networks first: (False,) as they are, (False, True)
tuned as well."""


@dataclass(frozen=True)
class Contestant:
    """A rule as a PyTorch optimizer."""

    name: str
    make: Callable[[Sequence[nn.Parameter], float], torch.optim.Optimizer]
    """From parameters and learning rate."""
    middle: float = 1.0
    """Learning rate in the middle of those that are tried first. That of this library's rules is a
    factor of their steps, 1 where nothing is tuned."""
    tuned: bool = True
    """Whether the learning rate is tuned for each network."""

    @property
    def title(self) -> str:
        """What tables call it."""
        return f"{self.name}, tuned" if self.tuned else self.name


def learned(name: str, tuned: bool) -> Contestant:
    """A shipped rule."""
    return Contestant(name, lambda p, lr: RuleOptimizer(p, name, lr=lr), tuned=tuned)


def _self_scaled(p: Sequence[nn.Parameter], lr: float) -> RuleOptimizer:
    return RuleOptimizer(p, SelfScaledAdam.for_parameters(p), lr=lr)


def _filter_bank(p: Sequence[nn.Parameter], lr: float) -> RuleOptimizer:
    return RuleOptimizer(p, Coupled.filter_bank(), lr=lr)


def _unbounded(p: Sequence[nn.Parameter], lr: float) -> RuleOptimizer:
    return RuleOptimizer(p, SelfTuning.for_networks(), lr=lr)


ADAM = Contestant("Adam", lambda p, lr: torch.optim.Adam(p, lr), 8e-3)
"""What the others are compared with."""
SGD = Contestant("SGD", lambda p, lr: torch.optim.SGD(p, lr), 0.4)
TORCH = (
    ADAM,
    Contestant("AdamW", lambda p, lr: torch.optim.AdamW(p, lr), 8e-3),
    Contestant("RMSprop", lambda p, lr: torch.optim.RMSprop(p, lr), 2e-3),
    Contestant("momentum", lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9), 0.1),
    SGD,
)
"""torch's optimizers."""
SELF_SCALED = Contestant("self-scaled Adam", _self_scaled, tuned=False)
BOUNDED = (Contestant("filter bank", _filter_bank, tuned=False), SELF_SCALED)
"""Derived rules under a bound by the loss."""
DERIVED = (*BOUNDED, Contestant("filter bank, unbounded", _unbounded, tuned=False))
"""Derived rules, each with one setting for all networks."""
LEARNED = tuple(learned(name, tuned) for name, ways in LEARNED_RULES.items() for tuned in ways)
CONTESTANTS = (*DERIVED, *TORCH, *LEARNED)
