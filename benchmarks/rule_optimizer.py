"""`RuleOptimizer` on a million parameters, timed: ``python -m benchmarks.rule_optimizer``.

The learned rule's network costs 2,500 operations and 64 values of tanh for each parameter, Adam
about ten operations.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from benchmarks.table import markdown, processor
from benchmarks.timing import Row, in_turn, spread
from landscape_gym.optim import RuleOptimizer

SHAPES = ((1000, 500), (500, 500), (500, 250), (250, 250), (62_500,))
TARGETS = {"adam": "<= 1.5", "hidden-curvature": "<= 10"}


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    found = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]
    for p in found:
        p.grad = torch.randn(p.shape, generator=generator)
    return found


def optimizer_row(rule: str, rounds: int) -> Row:
    ours = RuleOptimizer(parameters(), rule)
    theirs = torch.optim.Adam(parameters(), foreach=True)
    our_time, their_time = in_turn(ours.step, theirs.step, rounds)
    figures = f"{1e3 * np.median(our_time):.1f} against {1e3 * np.median(their_time):.1f} ms a step"
    what = f"RuleOptimizer {rule!r}: time against torch.optim.Adam(foreach=True)"
    return Row(what, spread(our_time / their_time), TARGETS[rule], figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [optimizer_row(rule, options.rounds) for rule in TARGETS]
    size = sum(p.numel() for p in parameters())
    print(f"{size:,} parameters, one thread of {processor()}, torch {torch.__version__}\n")
    head = ("what", "ratio: median [min, max]", "target", "figures")
    print(markdown(head, [(row.what, row.ratio, row.target, row.figures) for row in rows]))


if __name__ == "__main__":
    main()
