"""Optimizers of every kind under bad luck: finite parameters, or a sentence.

    python -m tests.optim.fuzz --steps 20000

Every rule by name and every named optimizer comes up in turn, on a small network of random shape.
In between, losses and gradients are made infinite, NaN or huge, gradients go missing, layers are
frozen, and states are saved, spoiled and loaded. Parameters stay finite; what is not finite moves
nothing; what is refused is refused in a sentence, and changes nothing.
"""

from __future__ import annotations

import copy
import math
import sys
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import nn

from landscape_gym import optim
from landscape_gym.artifact import shipped_rules
from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import RULES, Coupled, Muon, SelfScaledAdam
from tests.contracts.fuzz import Draw, Wrong, drawn
from tests.fuzzing import program

NAMED = (optim.SelfScaledAdam, optim.SelfScaledSOAP, optim.FilterBank)
FOR_PARAMETERS = (SelfScaledAdam, Muon)
BY_NAME = [*RULES, *shipped_rules()]
KINDS = [*BY_NAME, *NAMED, *FOR_PARAMETERS, Coupled.filter_bank()]
STEPS = 40
"""Steps with one optimizer."""
EXPECTED = ("was given", "this rule was", "a loss of")
"""Words of warnings that are right."""
BAD = (math.nan, math.inf, -math.inf)
SPOILS = (math.nan, -1.0, "a word", None)


def made(kind: Any, parameters: list[nn.Parameter]) -> Any:
    """An optimizer of a kind.

    Raises:
        ValueError: for a rule that a training loop cannot follow.
    """
    if kind in NAMED:
        return kind(parameters)
    rule = kind.for_parameters(parameters) if kind in FOR_PARAMETERS else kind
    return RuleOptimizer(parameters, rule)


def network(draw: Draw) -> nn.Sequential:
    """Two layers, in float32 or float64."""
    inside, hidden = (int(n) for n in draw.integers(1, 6, 2))
    torch.manual_seed(int(draw.integers(1000)))
    net = nn.Sequential(nn.Linear(inside, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    return net.to(drawn(draw, [torch.float32, torch.float64]))


class Trial:
    """One optimizer and what befalls it.

    Args:
        seed: Of all of it.
        turn: Whose turn it is.
    """

    def __init__(self, seed: int, turn: int) -> None:
        self._draw = np.random.default_rng([seed, turn])
        self.kind = self.last = KINDS[turn % len(KINDS)]
        self.seen: Counter[str] = Counter()

    def run(self) -> None:
        """Train, come what may.

        Raises:
            Wrong: for what should not have come of it.
        """
        net = network(self._draw)
        self.parameters = list(net.parameters())
        dtype = self.parameters[0].dtype
        self.x = torch.randn(8, net[0].in_features, dtype=dtype)  # pyright: ignore[reportArgumentType]
        try:
            self.optimizer = made(self.kind, self.parameters)
        except ValueError as refusal:
            return self._refused(refusal)
        self.net = net
        for _ in range(STEPS):
            self._step()
            if self._draw.random() < 0.05:
                self._load()
        return None

    def _refused(self, error: Exception) -> None:
        self.seen["refusals"] += 1
        if len(str(error)) < 25 or "size of tensor" in str(error):
            raise Wrong(f"an unclear {type(error).__name__}: {error}") from error

    def _step(self) -> None:
        draw, luck = self._draw, self._draw.random()
        self.seen["steps"] += 1
        if luck < 0.1:
            p = drawn(draw, self.parameters)
            p.requires_grad_(not p.requires_grad)
        if not any(p.requires_grad for p in self.parameters):
            self.parameters[-1].requires_grad_(True)
        bad = luck > 0.8

        def closure() -> torch.Tensor:
            for p in self.parameters:
                p.grad = None
            loss = self.net(self.x).square().mean()
            loss.backward()
            return loss * drawn(draw, BAD) if luck > 0.9 else loss

        def spoiled() -> torch.Tensor:
            loss = closure()
            there = [p for p in self.parameters if p.grad is not None]
            if 0.8 < luck <= 0.9:
                g = drawn(draw, there).grad
                g.view(-1)[int(draw.integers(g.numel()))] = drawn(draw, [*BAD, 1e30, -1e25])
            return loss

        before = self._everything() if bad else None
        try:
            self.optimizer.step(spoiled)
        except ValueError as refusal:  # of what a frame was of, and has no gradient any more
            self._refused(refusal)
        if not all(p.isfinite().all() for p in self.parameters):
            raise Wrong("parameters are not finite")
        if before is not None and not self._was_finite() and not same(self._everything(), before):
            raise Wrong("what is not finite has changed something")

    def _was_finite(self) -> bool:
        """Whether all gradients were that are read; of losses only some rules know."""
        return self.kind == "evolution_strategy" or all(
            p.grad is None or bool(p.grad.isfinite().all()) for p in self.parameters
        )

    def _everything(self) -> Any:
        return copy.deepcopy(([p.detach() for p in self.parameters], self.optimizer.state_dict()))

    def _load(self) -> None:
        """Load the state as it is, or spoiled."""
        draw, before = self._draw, self._everything()
        state = copy.deepcopy(self.optimizer.state_dict())
        if draw.random() < 0.5:
            places: list[tuple[dict[str, Any], str]] = [(state["param_groups"][0], "lr")]
            for held in state["state"].values():
                places += [(held, key) for key in held if torch.is_tensor(held[key])]
            where, key = drawn(draw, places)
            where[key] = drawn(draw, SPOILS) if key == "lr" else torch.zeros(7, 7)
        try:
            self.optimizer.load_state_dict(state)
        except (ValueError, TypeError) as refusal:
            self._refused(refusal)
        if not same(self._everything(), before):
            raise Wrong("loading has changed something")


def same(a: Any, b: Any) -> bool:
    """Whether all numbers of two states are, to the bit."""
    if torch.is_tensor(a):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


if __name__ == "__main__":
    sys.exit(program(Trial, __doc__, steps=20_000, expected=EXPECTED))
