"""Environments of networks, timed against bare PyTorch: ``python -m benchmarks.networks_speed``.

The bare side is what one would write by hand for the same networks on the same data: minibatches
drawn and picked, batched matrix products forward, autograd backward. Data are random numbers. One
network takes steps with copies of observations and actions, and with ``copy=False``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    import torch
    from torch import Tensor, nn
    from torch.nn.functional import cross_entropy

    from baselines.pages import processor
    from baselines.timing import Row, in_turn, spread, table_of
    from landscape_gym import LandscapeNavVectorEnv
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import count
    from landscape_gym.landscapes.base import NoInstances
    from landscape_gym.networks import Mlp, NetworkLandscape
    from landscape_gym.networks.curvature import ggn_product


MANY, SMALL = 256, (8, 16, 4)
ONE, LARGE = 128, {"100 k": (784, 128, 10), "1 M": (784, 1260, 10)}
SIZE = 1000


class Bare:
    """Many networks with one hidden layer, stacked by hand.

    Args:
        networks: How many.
        sizes: Inputs, hidden units, classes.
        batch_size: Data that each network picks at each step; None: all of them.
    """

    def __init__(self, networks: int, sizes: tuple[int, int, int], batch_size: int | None) -> None:
        inputs, hidden, classes = sizes
        shapes = ((hidden, inputs), (1, hidden), (classes, hidden), (1, classes))
        self.parameters = [
            (0.3 * torch.randn(networks, *shape)).requires_grad_() for shape in shapes
        ]
        self.x, self.y = data(sizes)
        self.picks = None if batch_size is None else (networks, batch_size)

    def __call__(self) -> tuple[Tensor, ...]:
        """Gradients of all losses."""
        if self.picks is None:
            shape = (len(self.parameters[0]), -1, -1)
            x, y = self.x.expand(shape), self.y.expand(shape[:2])
        else:
            picks = torch.randint(SIZE, self.picks)
            x, y = self.x[picks], self.y[picks]
        W, b, V, c = self.parameters
        hidden = torch.baddbmm(b, x, W.mT).tanh()
        logits = torch.baddbmm(c, hidden, V.mT).flatten(0, 1)
        losses = cross_entropy(logits, y.flatten(), reduction="none").view(y.shape).mean(1)
        return torch.autograd.grad(losses.sum(), self.parameters)


class OneNetwork:
    """One module trained by `torch.optim.SGD`, as in any PyTorch script."""

    def __init__(self, sizes: tuple[int, int, int], batch_size: int | None) -> None:
        inputs, hidden, classes = sizes
        self.net = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, classes))
        self.optimizer = torch.optim.SGD(self.net.parameters(), 1e-3)
        self.x, self.y = data(sizes)
        self.batch_size = batch_size

    def __call__(self) -> None:
        """One step of training."""
        x, y = self.x, self.y
        if self.batch_size is not None:
            picks = torch.randint(SIZE, (self.batch_size,))
            x, y = x[picks], y[picks]
        self.optimizer.zero_grad()
        cross_entropy(self.net(x), y).backward()
        self.optimizer.step()


def data(sizes: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SIZE, sizes[0], generator=generator)
    return x, torch.randint(sizes[-1], (SIZE,), generator=generator)


def environment(
    networks: int, sizes: tuple[int, int, int], batch_size: int | None, *, copy: bool = True
) -> Callable[[], object]:
    """One step of the environment, whose reward is that of the data that it goes through."""
    landscape = NetworkLandscape(Mlp(sizes[1:2]), data(sizes))
    noise: Any = None
    if batch_size is not None:
        noise = {"kind": "minibatch", "batch_size": batch_size, "exact_loss": False}
    envs = LandscapeNavVectorEnv(
        networks,
        "digits",
        landscape=landscape,
        noise=noise,
        observation="gradient",
        action="velocity",
        episode_steps=10**6,
        copy=copy,
    )
    envs.reset(seed=0)
    # Of a norm below 1 at a million weights, too: such actions need no clipping.
    actions = np.full((networks, landscape.dim), 1e-4, np.float32)
    return lambda: envs.step(actions)


def compared(
    target: str, ours: Mapping[str, Callable[[], object]], theirs: Any, options: Any
) -> list[Row]:
    """CPU time of so many steps of ours, each by what it is, and theirs, all in turn."""
    steps, rounds = options

    def repeated(job: Callable[[], object]) -> Callable[[], None]:
        def jobs() -> None:
            for _ in range(steps):
                job()

        return jobs

    jobs = map(repeated, (*ours.values(), theirs))
    # Other programs change the processor's time less than the wall's.
    *our_times, their_time = 1e3 / steps * in_turn(*jobs, rounds=rounds, clock=time.process_time)
    found = []
    for what, time_taken in zip(ours, our_times, strict=True):
        figures = f"{np.median(time_taken):.2f} against {np.median(their_time):.2f} ms a step"
        found.append(Row(what, spread(time_taken / their_time), target, figures))
    return found


def rows(rounds: int) -> list[Row]:
    found = []
    for batch_size, steps in ((32, 128), (None, 2)):
        what = f"{MANY} networks {'-'.join(map(str, SMALL))} on {batch_size or SIZE} data each: "
        what += "a step against bare forward and backward passes"
        ours = {what: environment(MANY, SMALL, batch_size)}
        found += compared("<= 1.3", ours, Bare(MANY, SMALL, batch_size), (steps, rounds))
    for (name, sizes), (batch_size, steps) in product(LARGE.items(), ((ONE, 64), (None, 8))):
        what = f"one network of {name} weights on {batch_size or SIZE} data: a step"
        ours = {
            f"{what}{how} against one of torch.optim.SGD": environment(
                1, sizes, batch_size, copy=copy
            )
            for how, copy in (("", True), (" with copy=False", False))
        }
        few = steps if name == "100 k" else steps // 8
        found += compared("<= 1.05", ours, OneNetwork(sizes, batch_size), (few, rounds))
    sizes = LARGE["100 k"]
    landscape = NetworkLandscape(Mlp(sizes[1:2]), data(sizes))
    theta = 0.05 * np.random.default_rng(0).standard_normal((1, landscape.dim), np.float32)
    newton, v = ggn_product(landscape, theta), np.ones_like(theta)
    what = f"one network of 100 k weights on {SIZE} data: a Gauss-Newton product against a gradient"
    gradient = lambda: landscape.grad(NoInstances(), theta)  # noqa: E731
    return found + compared("", {what: lambda: newton(v)}, gradient, (4, rounds))


@dataclass(frozen=True)
class Options:
    """Time environments of networks against bare PyTorch."""

    rounds: int = 31
    """Of both in turn."""

    def __post_init__(self) -> None:
        count("--rounds", self.rounds)


@program("python -m benchmarks.networks_speed", "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog="python -m benchmarks.networks_speed", description=__doc__)
    torch.set_num_threads(1)
    print(f"One thread of {processor()}, torch {torch.__version__}\n")
    table = rows(options.rounds)
    print(table_of(table, "ratio"))


if __name__ == "__main__":
    sys.exit(main())
