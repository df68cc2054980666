"""Updates of named optimizers, timed: ``python -m benchmarks.named_optimizers``.

Each is timed in turn with ``torch.optim.AdamW(foreach=True)`` on parameters like its own, 1.5
million of them, in the thread's own time: of steps alone, and of steps within the training of a
transformer of that size, where they find in the caches, and in memory, what the last gradients
left. Optimizers with a frame renew it in some steps, and more seldom as it grows older, so the
ratio is of a whole training's steps, and the share of the refresh in them stands beside it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch

from baselines.pages import markdown, processor
from baselines.timing import Row
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
EXAMPLES, ROWS, COLUMNS, CLASSES = 8, 14, 56, 10
"""Of the batches that the transformer learns: pictures, read by rows."""
PROG = "python -m benchmarks.named_optimizers"
TARGETS = {"SelfScaledAdam": "<= 1.3", "SelfScaledSOAP": "<= 6", "FilterBank": "<= 8"}
OPTIMIZERS = {cls.__name__: cls for cls in (SelfScaledAdam, SelfScaledSOAP, FilterBank)}
ROUND = 50
"""Steps of one and then of the other."""

Training = tuple[list[torch.nn.Parameter], Iterator[torch.Tensor]]
"""Parameters, and losses, at whose coming parameters have the next gradients."""


def alone() -> Training:
    """Gradients that were there before: of ten steps, in turn. Were they always the same, means of
    noise would shrink to numbers that are slow to compute with."""
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in SHAPES]
    gradients = [[torch.randn(s, generator=generator) for s in SHAPES] for _ in range(10)]

    def losses() -> Iterator[torch.Tensor]:
        for these in cycle(gradients):
            for p, gradient in zip(parameters, these, strict=True):
                p.grad = gradient
            yield torch.ones(())

    return parameters, losses()


def within() -> Training:
    """Gradients of a transformer, forward and backward before each step."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, batch_first=True)
    model = torch.nn.Sequential(
        torch.nn.Linear(COLUMNS, WIDTH),
        torch.nn.TransformerEncoder(layer, BLOCKS, enable_nested_tensor=False),
        torch.nn.Flatten(),
        torch.nn.Linear(ROWS * WIDTH, CLASSES),
    )
    pictures = torch.randn(10, EXAMPLES, ROWS, COLUMNS)
    labels = torch.randint(0, CLASSES, (10, EXAMPLES))

    def losses() -> Iterator[torch.Tensor]:
        for x, y in cycle(zip(pictures, labels, strict=True)):
            model.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            yield loss

    return list(model.parameters()), losses()


def seconds(losses: Iterator[torch.Tensor], step: Callable[[torch.Tensor], object]) -> float:
    """Those that a round's steps take, without what comes before each."""
    total = 0.0
    for _ in range(ROUND):
        loss = next(losses)
        start = time.thread_time()
        step(loss)
        total += time.thread_time() - start
    return total


def optimizer_row(name: str, averaging: bool, training: Callable[[], Training], steps: int) -> Row:
    our_parameters, our_losses = training()
    their_parameters, their_losses = training()
    ours: LossReading = OPTIMIZERS[name](our_parameters, averaging=averaging)
    theirs = torch.optim.AdamW(their_parameters, foreach=True)
    took = np.array(
        [
            (
                seconds(our_losses, lambda loss: ours.step(loss=loss)),
                seconds(their_losses, lambda loss: theirs.step()),
            )
            for _ in range(steps // ROUND)
        ]
    )
    ratios = took[:, 0] / took[:, 1]
    our_ms, their_ms = 1e3 * took.mean(axis=0) / ROUND
    figures = f"{our_ms:.1f} against {their_ms:.1f} ms a step"
    if "refresh_share" in (said := ours.diagnostics()):
        figures += f", {said['refresh_share']:.0%} of it refresh"
    where = "within a training" if training is within else "alone"
    what = f"{name}, {where}{', iterates averaged' if averaging else ''}"
    ratio = f"{our_ms / their_ms:.2f} [{ratios.min():.2f}, {ratios.max():.2f}]"
    return Row(what, ratio, TARGETS[name], figures)


@dataclass(frozen=True)
class Options:
    """Time the updates of named optimizers."""

    steps: int = 1000
    """Steps of each, in rounds of fifty."""
    optimizers: tuple[str, ...] = tuple(OPTIMIZERS)
    """Which of them."""

    def __post_init__(self) -> None:
        count("steps", self.steps, low=ROUND)
        for name in self.optimizers:
            one_of("optimizer", name, OPTIMIZERS)


@program(PROG, "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(
        Options, argv, prog="python -m benchmarks.named_optimizers", description=__doc__
    )
    torch.set_num_threads(1)
    rows = [
        optimizer_row(name, averaging, training, options.steps)
        for name in options.optimizers
        for averaging, training in ((False, alone), (True, alone), (True, within))
    ]
    print(f"One thread of {processor()}, torch {torch.__version__}\n")
    head = ("steps of", "time over AdamW's: all [min, max of fifty]", "target", "figures")
    print(markdown(head, [(row.what, row.ratio, row.target, row.figures) for row in rows]))


if __name__ == "__main__":
    sys.exit(main())
