"""Updates of named optimizers, timed: ``python -m benchmarks.named_optimizers``.

Each is timed in turn with ``torch.optim.AdamW(foreach=True)`` on parameters like its own, 1.5
million of them, in the thread's own time. Optimizers with a frame do not refresh it in every step,
so the ratio is of whole periods of steps, and the share of the refresh in them stands beside it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from baselines.pages import markdown, processor
from baselines.timing import Row, in_turn, spread
from landscape_gym.command_line import parsed
from landscape_gym.configuration import count, one_of
from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP
from landscape_gym.optim.loss_reading import LossReading
from landscape_gym.program import program

WIDTH = 128
"""Of a transformer's block, in which matrices are 128 x 128, 128 x 512 and 512 x 128."""
BLOCKS = 7
BLOCK = (
    (3 * WIDTH, WIDTH),
    (3 * WIDTH,),
    (WIDTH, WIDTH),
    (WIDTH,),
    (4 * WIDTH, WIDTH),
    (4 * WIDTH,),
    (WIDTH, 4 * WIDTH),
    (WIDTH,),
    (WIDTH,),
    (WIDTH,),
)
SHAPES = (*BLOCK * BLOCKS, (10, WIDTH), (10,), (WIDTH, 784))
PROG = "python -m benchmarks.named_optimizers"
TARGETS = {"SelfScaledAdam": "<= 1.3", "SelfScaledSOAP": "<= 6", "FilterBank": "<= 8"}
OPTIMIZERS = {cls.__name__: cls for cls in (SelfScaledAdam, SelfScaledSOAP, FilterBank)}
PERIOD = 10
"""Steps that are timed together: two refreshes are among them; each has gradients of its own."""


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def gradients() -> list[list[torch.Tensor]]:
    """Of the steps of a period: were they always the same, means of noise would shrink to numbers
    that are slow to compute with."""
    generator = torch.Generator().manual_seed(1)
    return [[torch.randn(shape, generator=generator) for shape in SHAPES] for _ in range(PERIOD)]


def period(parameters: list[torch.nn.Parameter], step: Callable[[], object]) -> Callable[[], None]:
    """Steps of an optimizer of these parameters."""
    each = gradients()

    def steps() -> None:
        for these in each:
            for p, gradient in zip(parameters, these, strict=True):
                p.grad = gradient
            step()

    return steps


def optimizer_row(name: str, averaging: bool, rounds: int) -> Row:
    our_parameters, their_parameters = parameters(), parameters()
    ours: LossReading = OPTIMIZERS[name](our_parameters, averaging=averaging)
    theirs = torch.optim.AdamW(their_parameters, foreach=True)
    jobs = (
        period(our_parameters, lambda: ours.step(loss=1.0)),
        period(their_parameters, theirs.step),
    )
    our_time, their_time = in_turn(*jobs, rounds=rounds, clock=time.thread_time)
    our_ms, their_ms = (1e3 * np.median(t) / PERIOD for t in (our_time, their_time))
    figures = f"{our_ms:.1f} against {their_ms:.1f} ms a step"
    if "refresh_share" in (said := ours.diagnostics()):
        figures += f", {said['refresh_share']:.0%} of it refresh"
    what = f"{name}{', iterates averaged' if averaging else ''}: time against AdamW(foreach=True)"
    return Row(what, spread(our_time / their_time), TARGETS[name], figures)


@dataclass(frozen=True)
class Options:
    """Time the updates of named optimizers."""

    rounds: int = 7
    """Rounds in which each and its opponent are timed in turn."""
    optimizers: tuple[str, ...] = tuple(OPTIMIZERS)
    """Which of them."""

    def __post_init__(self) -> None:
        count("rounds", self.rounds)
        for name in self.optimizers:
            one_of("optimizer", name, OPTIMIZERS)


@program(PROG, "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(
        Options, argv, prog="python -m benchmarks.named_optimizers", description=__doc__
    )
    torch.set_num_threads(1)
    rows = [
        optimizer_row(name, averaging, options.rounds)
        for name in options.optimizers
        for averaging in (False, True)
    ]
    size = sum(p.numel() for p in parameters())
    print(f"{size:,} parameters, one thread of {processor()}, torch {torch.__version__}\n")
    head = ("what", "ratio: median [min, max]", "target", "figures")
    print(markdown(head, [(row.what, row.ratio, row.target, row.figures) for row in rows]))


if __name__ == "__main__":
    sys.exit(main())
