"""What a step costs in time and memory, measured: rules in turn, so that ratios hold.

Times are the thread's own, which the wall clock would show on a core that does nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from baselines.networks.contestants import CONTESTANTS, SELF_SCALED
from baselines.networks.tasks import BATCH, TASKS, Task, tensors
from baselines.pages import markdown
from baselines.timing import in_turn, spread
from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import Coupled

POINTS = (2, 3, 4, 6, 10)
"""Sizes of the filter bank."""
WEIGHED = TASKS["mnist-mlp"]
"""Whose parameters updates are timed on, without the gradient."""


@dataclass(frozen=True)
class Cost:
    """Of a rule's update alone."""

    what: str
    ratio: str
    """Time of a step over that of torch's Adam."""
    milliseconds: float
    remembered: float
    """Numbers for each weight."""


def step_times(rounds: int = 31) -> dict[str, dict[str, float]]:
    """Median seconds of a whole step, gradient included, by task and contestant's title."""
    return {name: _step_times(task, rounds) for name, task in TASKS.items()}


def _step_times(task: Task, rounds: int) -> dict[str, float]:
    x, y = (part[:BATCH] for part in tensors(task.data)[:2])
    jobs = {}
    for contestant in CONTESTANTS:
        model = task.network(0)
        optimizer = contestant.make(list(model.parameters()), 1e-3)
        jobs[contestant.title] = _step(model, optimizer, x, y)
    return {what: float(np.median(took)) for what, took in _in_turn(jobs, rounds).items()}


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor
) -> Callable[[], object]:
    def closure() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss.item()

    return lambda: optimizer.step(closure)


def update_costs(rounds: int = 31) -> list[Cost]:
    """Of Adam, self-scaled Adam, and filter banks with more and fewer curvatures."""
    makers: dict[str, Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]] = {
        "torch.optim.Adam": torch.optim.Adam,
        SELF_SCALED.title: lambda p: SELF_SCALED.make(p, 1.0),
    }
    for points in POINTS:
        rule = Coupled.filter_bank(curvature=tuple(_curvatures(points)))
        name = f"filter bank of {points} curvature{'s' * (points > 1)}"
        makers[name] = lambda p, rule=rule: RuleOptimizer(p, rule)
    optimizers = {what: make(_with_gradients()) for what, make in makers.items()}
    jobs = {w: lambda o=o: o.step(lambda: 1.0) for w, o in optimizers.items()}
    took = _in_turn(jobs, rounds)
    adam = took["torch.optim.Adam"]
    return [
        Cost(what, spread(took[what] / adam), 1e3 * float(np.median(took[what])), _remembered(o))
        for what, o in optimizers.items()
    ]


def cost_table(costs: Sequence[Cost]) -> str:
    head = ("update of", "time over Adam's: median [min, max]", "ms", "numbers per weight")
    rows = [(c.what, c.ratio, f"{c.milliseconds:.2f}", f"{c.remembered:.1f}") for c in costs]
    return markdown(head, rows)


def _curvatures(points: int) -> np.ndarray:
    """The middles, in the logarithm, of so many parts of [1e-3, 1]."""
    return 10 ** (3 * (np.arange(points) + 0.5) / points - 3)


def _with_gradients() -> list[nn.Parameter]:
    generator, parameters = torch.Generator().manual_seed(0), list(WEIGHED.network(0).parameters())
    for p in parameters:
        p.grad = 1e-3 * torch.randn(p.shape, generator=generator)
    return parameters


def _remembered(optimizer: torch.optim.Optimizer) -> float:
    """Numbers in the state for each weight."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    values = (v for state in optimizer.state.values() for v in state.values())
    total = sum(v.numel() for v in values if isinstance(v, Tensor))
    return total / sum(p.numel() for p in parameters)


def _in_turn(jobs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """The thread's own seconds of each job in each round."""
    times = in_turn(*jobs.values(), rounds=rounds, clock=time.thread_time)
    return dict(zip(jobs, times, strict=True))
