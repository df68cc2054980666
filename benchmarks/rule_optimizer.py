"""`RuleOptimizer` on a million parameters, timed: ``python -m benchmarks.rule_optimizer``.

A learned rule's network is what it costs: that of 'hidden-curvature' is 2,500 operations and 64
values of tanh for each parameter, Adam about ten operations. ``--rules`` takes names of derived and
of shipped rules; ``tanh 8-8`` is a random network of these hidden layers on the gradient, its
averages and the averages of its square.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    import torch

    from baselines.pages import processor
    from baselines.timing import Row, in_turn, spread, table_of
    from landscape_gym.actions import Velocity
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import count
    from landscape_gym.learned import Dense, LearnedRule, Network
    from landscape_gym.observation import ObservationConfig
    from landscape_gym.optim import RuleOptimizer
    from landscape_gym.rules import RULES


SHAPES = ((1000, 500), (500, 500), (500, 250), (250, 250), (62_500,))
USUAL = ("adam", "hidden-curvature", "tanh 8", "tanh 8-8", "tanh 16")


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    found = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]
    for p in found:
        p.grad = torch.randn(p.shape, generator=generator)
    return found


def rule_of(name: str) -> str | LearnedRule:
    """A name as `RuleOptimizer` takes it, or a random network in its place."""
    if not name.startswith("tanh "):
        return name
    observation = ObservationConfig(
        ("gradient", "averages", "squared_averages"), rates=(0.5, 0.9, 0.99), scaled=True
    )
    try:
        hidden = [count("width", int(width)) for width in name[5:].split("-")]
    except ValueError as error:
        raise ValueError(f"got {name!r}; widths are whole numbers, as in 'tanh 8-8'.") from error
    rng, sizes = np.random.default_rng(0), (7, *hidden, 1)
    layers = [
        Dense(rng.normal(size=(units, inputs)) / inputs, np.zeros(units))
        for inputs, units in pairwise(sizes)
    ]
    network = Network(tuple(layers), "tanh")
    return LearnedRule(
        observation, Velocity(), network, np.zeros(7), np.ones(7), clip=10.0, per_coordinate=True
    )


def optimizer_row(rule: str, rounds: int) -> Row:
    ours = RuleOptimizer(parameters(), rule_of(rule))
    theirs = torch.optim.Adam(parameters(), foreach=True)
    our_time, their_time = in_turn(ours.step, theirs.step, rounds=rounds)
    figures = f"{1e3 * np.median(our_time):.1f} against {1e3 * np.median(their_time):.1f} ms a step"
    what = f"RuleOptimizer {rule!r}: time against torch.optim.Adam(foreach=True)"
    target = {"adam": "<= 1.5"}.get(rule, "") if rule in RULES else "<= 10"
    return Row(what, spread(our_time / their_time), target, figures)


@dataclass(frozen=True)
class Options:
    """Time `RuleOptimizer` on a million parameters."""

    rounds: int = 31
    """Of both in turn."""
    rules: tuple[str, ...] = USUAL
    """Names of derived and of shipped rules; "tanh 8-8" is a random network."""

    def __post_init__(self) -> None:
        count("--rounds", self.rounds)


@program("python -m benchmarks.rule_optimizer", "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog="python -m benchmarks.rule_optimizer", description=__doc__)
    torch.set_num_threads(1)
    rows = [optimizer_row(rule, options.rounds) for rule in options.rules]
    size = sum(p.numel() for p in parameters())
    print(f"{size:,} parameters, one thread of {processor()}, torch {torch.__version__}\n")
    print(table_of(rows, "ratio"))


if __name__ == "__main__":
    sys.exit(main())
