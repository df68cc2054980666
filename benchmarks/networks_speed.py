"""Environments of networks, timed against bare PyTorch: ``python -m benchmarks.networks_speed``.

The bare side is what one would write by hand for the same networks on the same data: minibatches
drawn and picked, batched matrix products forward, autograd backward. Data are random numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
ONE, LARGE = 128, (784, 128, 10)
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
    networks: int, sizes: tuple[int, int, int], batch_size: int | None
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
    )
    envs.reset(seed=0)
    actions = np.full((networks, landscape.dim), 1e-3, np.float32)
    return lambda: envs.step(actions)


def row(what: str, target: str, ours: Callable[[], object], theirs: Any, options: Any) -> Row:
    """Times of so many steps of both."""
    steps, rounds = options

    def repeated(job: Callable[[], object]) -> Callable[[], None]:
        def jobs() -> None:
            for _ in range(steps):
                job()

        return jobs

    times = in_turn(repeated(ours), repeated(theirs), rounds=rounds)
    our_time, their_time = (1e3 / steps * each for each in times)
    figures = f"{np.median(our_time):.2f} against {np.median(their_time):.2f} ms a step"
    return Row(what, spread(our_time / their_time), target, figures)


def rows(rounds: int) -> list[Row]:
    found = []
    small, large = ("-".join(map(str, sizes)) for sizes in (SMALL, LARGE))
    for batch_size, steps in ((32, 128), (None, 2)):
        on = f"on {batch_size or SIZE} data each"
        found.append(
            row(
                f"{MANY} networks {small} {on}: a step against bare forward and backward passes",
                "<= 1.3",
                environment(MANY, SMALL, batch_size),
                Bare(MANY, SMALL, batch_size),
                (steps, rounds),
            )
        )
    for batch_size, steps in ((ONE, 64), (None, 8)):
        on = f"on {batch_size or SIZE} data"
        found.append(
            row(
                f"one network {large} {on}: a step against one of torch.optim.SGD",
                "<= 1.10",
                environment(1, LARGE, batch_size),
                OneNetwork(LARGE, batch_size),
                (steps, rounds),
            )
        )
    landscape = NetworkLandscape(Mlp(LARGE[1:2]), data(LARGE))
    theta = 0.05 * np.random.default_rng(0).standard_normal((1, landscape.dim), np.float32)
    product, v = ggn_product(landscape, theta), np.ones_like(theta)
    what = f"one network {large} on {SIZE} data: a Gauss-Newton product against a gradient"
    gradient = lambda: landscape.grad(NoInstances(), theta)  # noqa: E731
    found.append(row(what, "", lambda: product(v), gradient, (4, rounds)))
    return found


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
