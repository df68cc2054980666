"""Rules with constants of every kind, and what they are shown, for the tests of all rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_gym.rules import (
    Adam,
    AdamW,
    Ballistic,
    CentredAdam,
    Coupled,
    EvolutionStrategy,
    GradientDescent,
    HardReset,
    L2Init,
    Momentum,
    Muon,
    NaturalGradient,
    Nesterov,
    Newton,
    PartialControl,
    RMSprop,
    SelectiveReset,
    SelfScaledAdam,
    SelfTuning,
    ShrinkAndPerturb,
    SignDescent,
    SoftReset,
)

ROWS, DIM = 3, 4
EACH = (0.5, 1.0, 1.5, 2.0)
EACH_WEIGHT = (0.1, 0.2, 0.3, 0.4)
MATRIX = tuple(tuple(0.3 if i != j else each for j in range(DIM)) for i, each in enumerate(EACH))
FILTER: dict[str, Any] = {
    "lr": 0.3,
    "pull": 0.1,
    "mean": 0.2,
    "curvature": 0.7,
    "first": 0.8,
    "last": 0.1,
}


@dataclass(frozen=True)
class Case:
    """A rule, and where it is not what rules are."""

    rule: Any
    not_smooth: str = ""
    """Why its velocity has no gradient everywhere."""

    def __str__(self) -> str:
        return str(self.rule)[:60]


PSEUDORANDOM = "its numbers are remainders, which jump, of what it saw first"
BANK = {
    "curvature": (0.1, 0.5, 2.0),
    "aim": (0.1, 0.4, 0.9),
    "pull": (0.01, 0.02, 0.05),
    "noise": (0.3, 0.4, 0.5),
    "cost": 1.0,
    "dt": 0.1,
    "drift": 0.01,
}
BANK_EACH = {
    "curvature": (EACH, tuple(2 * h for h in EACH)),
    "aim": (0.4, EACH),
    "pull": (0.02, 0.05),
    "noise": (EACH, 0.5),
    "cost": EACH,
    "dt": 0.1,
}

CASES = (
    Case(GradientDescent(0.3)),
    Case(GradientDescent(EACH)),
    Case(Momentum(0.3, 0.8)),
    Case(Nesterov(0.3, 0.8)),
    Case(Ballistic(0.3)),
    Case(Ballistic(EACH)),
    Case(Ballistic(MATRIX)),
    Case(Newton(hessian=EACH)),
    Case(Newton(metric=EACH, hessian=MATRIX)),
    Case(Newton(metric=MATRIX, hessian=None)),
    Case(NaturalGradient(metric=EACH)),
    Case(NaturalGradient(metric=MATRIX, damping=0.1)),
    Case(NaturalGradient(metric=None, damping=0.1)),
    Case(PartialControl(0.2, EACH, 0.1)),
    Case(PartialControl(MATRIX, MATRIX, EACH)),
    Case(SignDescent(0.3), not_smooth="a sign jumps at 0 and has no slope elsewhere"),
    Case(SignDescent(0.3, dual=True)),
    Case(Muon(0.3, shapes=((2, 2),))),
    Case(Muon(0.3, momentum=0.0, dual=True, shapes=((2, 2),))),
    Case(Muon(0.3, dual=True, shapes=((1, 2), (2,)))),
    Case(Muon(0.3, iterations=5, shapes=((2, 2),))),
    Case(RMSprop(0.3)),
    Case(RMSprop(0.3, corrected=True)),
    Case(RMSprop(0.3, centred=True)),
    Case(Adam(0.3)),
    Case(AdamW(0.3, weight_decay=0.1)),
    Case(CentredAdam(0.3)),
    Case(SelfTuning(**BANK)),
    Case(SelfTuning(**BANK, mean=0.3, kept=0.9)),
    Case(SelfTuning(**BANK_EACH, mean=EACH)),
    Case(SelfTuning.for_networks()),
    Case(SelfTuning.for_networks(hazard=0.01, separate=True)),
    Case(EvolutionStrategy(0.3), not_smooth="a trial is the best or it is not"),
    Case(SoftReset(**FILTER, kept=0.9)),
    Case(SoftReset(lr=EACH, mean=EACH, curvature=EACH, first=0.8, last=EACH_WEIGHT)),
    Case(L2Init(**FILTER, kept=0.9)),
    Case(HardReset(**FILTER)),
    Case(HardReset(**FILTER, jump=2.0)),
    Case(SelectiveReset(**FILTER, noise=0.5, chance=0.05)),
    Case(ShrinkAndPerturb(**FILTER, perturbation=0.2), not_smooth=PSEUDORANDOM),
    Case(Coupled.filter_bank()),
    Case(SelfScaledAdam(units=((3, 0.5), (1, 2.0)))),
)


def shown(rule: Any, step: int, dtype: Any = np.float64, rows: int = ROWS) -> dict[str, Any]:
    """What the rule is shown at a step, (rows, ...), by channel."""
    rng = np.random.default_rng(step)
    root = rng.normal(size=(rows, DIM, DIM))
    matrices = root @ root.swapaxes(1, 2) + np.eye(DIM)
    channels = {
        "gradient": rng.normal(size=(rows, DIM)) + 1.0,
        "parameters": rng.normal(size=(rows, DIM)),
        "displacement": rng.normal(size=(rows, DIM)),
        "loss": 0.5 + rng.random(size=(rows, 1)),
        "hessian": matrices.reshape(rows, -1),
        "fisher": matrices.reshape(rows, -1),
        "switched": 1.0 * (rng.random(size=(rows, 1)) < 0.5),
    }
    return {name: channels[name].astype(dtype) for name in rule.channels}
