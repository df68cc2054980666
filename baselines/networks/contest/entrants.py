"""Who takes part: this library's optimizers, torch's, and those that people install instead."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from landscape_gym.extras import needed_by
from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP

WARM_UP = 0.05
"""Part of all steps in which a rate rises before it falls as a cosine does."""

Make = Callable[[nn.Module, float], Any]
"""From a network and a rate to something with `step(closure)` and `param_groups`."""
Schedule = Callable[[float], float]
"""The factor of the rate, of the part of all steps that is past, in [0, 1)."""


def constant(past: float) -> float:
    return 1.0


def cosine(past: float) -> float:
    """After a warm-up."""
    if past < WARM_UP:
        return (past + 0.01) / (WARM_UP + 0.01)
    return 0.5 + 0.5 * math.cos(math.pi * (past - WARM_UP) / (1 - WARM_UP))


def linear(past: float) -> float:
    """From the first step on."""
    return 1 - past


def as_it_is(optimizer: Any, model: nn.Module) -> AbstractContextManager[Any]:
    """What is judged is the last iterate."""
    return nullcontext()


@dataclass(frozen=True)
class Entrant:
    """An optimizer, its schedule, and the rate that may be tuned."""

    name: str
    make: Make
    middle: float = 1.0
    """Rate that is tried first; the others are half a decade apart."""
    tuned: bool = True
    """Whether the rate is tuned at all; if not, it is the middle."""
    schedule: Schedule = constant
    looked_at: Callable[[Any, nn.Module], AbstractContextManager[Any]] = as_it_is
    """Within it the network holds what is judged."""

    @property
    def scheduled(self) -> bool:
        """Whether a training's length has to be known when it begins."""
        return self.schedule is not constant


# ---- This library's


def _averaged(optimizer: Any, model: nn.Module) -> AbstractContextManager[Any]:
    return optimizer.averaged()


SOAP_OURS = Entrant("SelfScaledSOAP", lambda m, r: SelfScaledSOAP(m.parameters(), r), tuned=False)
OURS = (
    SOAP_OURS,
    Entrant("SelfScaledAdam", lambda m, r: SelfScaledAdam(m.parameters(), r), tuned=False),
    Entrant("FilterBank", lambda m, r: FilterBank(m.parameters(), r), tuned=False),
)
"""Judged at 3000 steps, too."""

# ---- torch's


def _adamw(m: nn.Module, r: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(m.parameters(), r, fused=True)


def _momentum(m: nn.Module, r: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(m.parameters(), r, momentum=0.9)


class Side:
    """Two optimizers side by side, each with some of the parameters."""

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers
        self.param_groups = [group for each in optimizers for group in each.param_groups]

    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        with torch.enable_grad():
            loss = closure()
        for each in self.optimizers:
            each.step()
        return loss


def _muon(m: nn.Module, r: float) -> Any:
    """Muon for matrices, AdamW for the rest, as torch's own documentation has it."""
    matrices = [p for p in m.parameters() if p.ndim == 2]
    others = [p for p in m.parameters() if p.ndim != 2]
    muon = torch.optim.Muon(matrices, r, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    return Side(muon, torch.optim.AdamW(others, r))


ADAM = Entrant("Adam", lambda m, r: torch.optim.Adam(m.parameters(), r, fused=True), 1e-2)
COSINE = Entrant("AdamW, cosine", _adamw, 3e-2, schedule=cosine)
LINEAR = Entrant("AdamW, linear", _adamw, 3e-2, schedule=linear)
TORCH = (
    COSINE,
    LINEAR,
    ADAM,
    Entrant("SGD, momentum, cosine", _momentum, 1e-1, schedule=cosine),
    Entrant("Muon and AdamW, cosine", _muon, 3e-2, schedule=cosine),
)

# ---- Those of the extra 'contest', imported when they are made


def _schedule_free(m: nn.Module, r: float) -> Any:
    with needed_by(__name__):
        from schedulefree import AdamWScheduleFree  # pyright: ignore[reportMissingImports]
    optimizer = AdamWScheduleFree(m.parameters(), r)
    optimizer.train()
    return optimizer


@contextmanager
def _switched(optimizer: Any, model: nn.Module) -> Iterator[None]:
    optimizer.eval()
    yield
    optimizer.train()


def _soap(m: nn.Module, r: float) -> Any:
    with needed_by(__name__):
        from pytorch_optimizer import SOAP  # pyright: ignore[reportMissingImports]
    return SOAP(m.parameters(), r, weight_decay=0.0)


def _prodigy(m: nn.Module, r: float) -> Any:
    with needed_by(__name__):
        from prodigyopt import Prodigy  # pyright: ignore[reportMissingImports]
    return Prodigy(m.parameters(), r)


def _dog(m: nn.Module, r: float) -> Any:
    with needed_by(__name__):
        from dog import LDoG, PolynomialDecayAverager  # pyright: ignore[reportMissingImports]
    optimizer: Any = LDoG(m.parameters(), lr=r)
    optimizer.averager = PolynomialDecayAverager(m)
    return Stepping(optimizer, optimizer.averager.step)


class Stepping:
    """An optimizer that does something more after every step."""

    def __init__(self, optimizer: Any, after: Callable[[], object]) -> None:
        self.optimizer, self.after = optimizer, after
        self.param_groups = optimizer.param_groups

    def step(self, closure: Callable[[], Tensor]) -> Any:
        loss = self.optimizer.step(closure)
        self.after()
        return loss


@contextmanager
def _averager(optimizer: Stepping, model: nn.Module) -> Iterator[None]:
    """The network with the average's weights, which its authors judge."""
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(optimizer.optimizer.averager.averaged_model.state_dict())
    yield
    model.load_state_dict(kept)


def _momo(m: nn.Module, r: float) -> Any:
    with needed_by(__name__):
        from momo import MomoAdam  # pyright: ignore[reportMissingImports]
    return MomoAdam(m.parameters(), lr=r)


SCHEDULE_FREE = Entrant("Schedule-Free AdamW", _schedule_free, 3e-2, looked_at=_switched)
SOAP = Entrant("SOAP, cosine", _soap, 3e-2, schedule=cosine)
INSTALLED = (
    SCHEDULE_FREE,
    SOAP,
    Entrant("Prodigy, cosine", _prodigy, tuned=False, schedule=cosine),
    Entrant("LDoG, averaged", _dog, tuned=False, looked_at=_averager),
    Entrant("MoMo-Adam", _momo, 1e-2),
)
ENTRANTS = {
    each.name: each
    for each in (
        *OURS,
        *TORCH,
        *INSTALLED,
        Entrant(
            "SelfScaledSOAP, averaged",
            SOAP_OURS.make,
            tuned=False,
            looked_at=_averaged,
        ),
    )
}
"""By name."""
ON_PAGE = (
    *OURS[:1],
    ENTRANTS["SelfScaledSOAP, averaged"],
    *OURS[1:],
    COSINE,
    LINEAR,
    ADAM,
    SCHEDULE_FREE,
    SOAP,
)
"""Those that the page follows to the last step, and network by network."""
ON_LARGE = (*OURS[:2], COSINE, LINEAR, ADAM, SCHEDULE_FREE)
"""Those that are compared on large networks: the others take minutes for a hundred steps there."""
