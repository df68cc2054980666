"""What the simulation on tensors costs over bare torch: ``python -m benchmarks.torch_simulation``.

On the CPU, or with ``--device cuda`` on a GPU, where it also counts steps per second by batch. One
network takes steps with copies of observations and actions, and with ``copy=False``, where the
caller writes its actions into a tensor of its own. ``compiled`` is `TorchSimulation`'s: steps and
random numbers fused, against the same bare loop, which is not; its caller makes the actions, or its
rule is a part of the step (`TorchSimulation.follow`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from baselines.pages import machine
from baselines.timing import Row, in_turn, spread, table_of
from landscape_gym.command_line import parsed
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    import torch
    from torch import Tensor, nn

    from benchmarks.reference import ARGUMENTS, DIM, DT, HESSIAN, SCALE, STD, STEPS
    from landscape_gym.counter import CounterStreams
    from landscape_gym.networks import NetworkLandscape
    from landscape_gym.torch_simulation import TorchSimulation

BATCH = 1024
WIDTHS = {"100 k": 320, "1 M": 1000}
"""Hidden units of each of two layers, by the weights that make."""
HOW = "", ", compiled", ", compiled, a rule"
"""How steps are taken."""
DATA, MINIBATCH, INPUTS = 1024, 128, 32


@dataclass(frozen=True)
class Options:
    """Measure the simulation on tensors."""

    device: str = "cpu"
    """Where tensors are, as torch names it."""
    largest: int = 2**20
    """The largest batch on other devices."""
    quick: bool = False
    """Few rounds, to see that it runs."""


class BareTorch:
    """The reference problem in batched torch, with the same random numbers, and no more."""

    def __init__(self, rows: int, device: torch.device) -> None:
        self.streams = CounterStreams(rows, DIM, 0, torch.float32, device)
        self.H = torch.as_tensor(HESSIAN, dtype=torch.float32, device=device)
        self.streams.begin(np.arange(rows))
        self.z, self.x = torch.randn(2, rows, DIM, device=device)

    def step(self, action: Tensor) -> tuple[Tensor, Tensor]:
        """Observation and reward."""
        u = SCALE * action.clip(-1.0, 1.0)
        self.x = self.x + DT * u
        error = self.x - self.z
        grad = error @ self.H
        loss = 0.5 * (error * grad).sum(1)
        reward = -DT * (0.5 * (u * u).sum(1) + loss)
        self.streams.advance()
        return grad + STD * self.streams.normal, reward


def batched(device: torch.device, rows: int) -> list[Callable[[], None]]:
    """An episode of the library's, as it is, compiled, and by a rule, and of the bare loop."""
    bare, action = BareTorch(rows, device), torch.full((rows, DIM), 0.1, device=device)

    def always(observation: Tensor, action: Tensor) -> Tensor:
        return action

    def ours(compiled: bool, *, follow: bool = False) -> Callable[[], None]:
        simulation = TorchSimulation(rows, device=device, compiled=compiled, **ARGUMENTS)
        simulation.begin(seeds=range(rows))

        @torch.no_grad()
        def episode() -> None:
            for _ in range(STEPS):
                if follow:
                    simulation.follow(always, action)
                else:
                    simulation.advance(action)
                simulation.observe()
            _finish(device)

        return episode

    @torch.no_grad()
    def theirs() -> None:
        for _ in range(STEPS):
            bare.step(action)
        _finish(device)

    return [ours(False), ours(True), ours(True, follow=True), theirs]


def one_network(
    device: torch.device, hidden: int, *, minibatches: bool
) -> list[Callable[[], None]]:
    """Steps of gradient descent on one network: copied, not, compiled, by a rule, and by hand."""

    def make() -> nn.Module:
        return nn.Sequential(
            *(nn.Linear(INPUTS, hidden), nn.Tanh()),
            *(nn.Linear(hidden, hidden), nn.Tanh()),
            nn.Linear(hidden, 10),
        )

    x = torch.randn(DATA, INPUTS, generator=torch.Generator().manual_seed(0))
    y = (x[:, :10] @ torch.randn(10, 10, generator=torch.Generator().manual_seed(1))).argmax(1)
    noise = {"kind": "minibatch", "batch_size": MINIBATCH, "exact_loss": False}
    landscape = NetworkLandscape(make, data=(x, y), device=device.type)
    simulation, lean, fused = (
        TorchSimulation(
            1,
            problem={"landscape": landscape, "noise": noise if minibatches else None},
            observation="gradient",
            action={"kind": "velocity", "scale": 1.0},
            device=device,
            copy=copy,
            compiled=compiled,
        )
        for copy, compiled in ((True, False), (False, False), (False, True))
    )
    simulation.begin(seeds=[0])
    fused.begin(seeds=[0])
    action = torch.empty_like(lean.begin(seeds=[0]).theta)
    steps = 20 if hidden < 500 else 5

    @torch.no_grad()
    def ours() -> None:
        for _ in range(steps):
            simulation.advance(simulation.observe().mul_(-0.1))
        _finish(device)

    @torch.no_grad()
    def without_copies(lean: TorchSimulation) -> None:
        for _ in range(steps):
            lean.advance(torch.mul(lean.observe(), -0.1, out=action))
        _finish(device)

    def descent(gradient: Tensor) -> Tensor:
        return -0.1 * gradient

    @torch.no_grad()
    def by_a_rule() -> None:
        for _ in range(steps):
            fused.follow(descent)
        _finish(device)

    theirs = bare_training(make, (x, y), device, steps, minibatches=minibatches)
    each = partial(without_copies, lean), partial(without_copies, fused)
    return [ours, *each, by_a_rule, theirs]


def bare_training(
    make: Callable[[], nn.Module],
    data: tuple[Tensor, Tensor],
    device: torch.device,
    steps: int,
    *,
    minibatches: bool,
) -> Callable[[], None]:
    """The same steps by hand."""
    model, loss = make().to(device), nn.functional.cross_entropy
    x, y = (each.to(device) for each in data)
    parameters = list(model.parameters())

    def train() -> None:
        for _ in range(steps):
            if minibatches:
                picks = torch.randint(DATA, (MINIBATCH,), device=device)
                value = loss(model(x.index_select(0, picks)), y[picks])
            else:
                value = loss(model(x), y)
            grads = torch.autograd.grad(value, parameters)
            with torch.no_grad():
                for p, g in zip(parameters, grads, strict=True):
                    p.sub_(g, alpha=0.01)
        _finish(device)

    return train


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _rows(
    whats: Sequence[str],
    target: str,
    jobs: Sequence[Callable[[], None]],
    rounds: int,
    clock: Callable[[], float],
    *,
    speed: bool,
) -> list[Row]:
    """Ratios of speeds, each of ours over theirs, the last of the jobs, or of times."""
    *each, theirs = in_turn(*jobs, rounds=rounds, clock=clock)
    ratios = [theirs / ours if speed else ours / theirs for ours in each]
    return [
        Row(what, spread(ratio), target, f"{ours.min():.3g} against {theirs.min():.3g} s")
        for what, ratio, ours in zip(whats, ratios, each, strict=True)
    ]


@program("python -m benchmarks.torch_simulation", "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(
        Options, argv, prog="python -m benchmarks.torch_simulation", description=__doc__
    )
    torch.set_num_threads(1)
    device = torch.device(options.device)
    rounds = 1 if options.quick else 15
    # Other programs change the processor's time less than the wall's; devices work beside it.
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    what = f"{BATCH} environments{{}}, speed over a bare torch loop with the same noise"
    whats = [what.format(how) for how in HOW]
    rows = _rows(whats, ">= 0.9", batched(device, BATCH), rounds, clock, speed=True)
    for size, hidden in WIDTHS.items():
        for minibatches in (False, True):
            data = f"minibatches of {MINIBATCH}" if minibatches else f"{DATA} data"
            jobs = one_network(device, hidden, minibatches=minibatches)
            whats = [
                f"one network of {size} weights, {data}{how}: time over bare torch"
                for how in ("", *(f", copy=False{how}" for how in HOW))
            ]
            rows += _rows(whats, "<= 1.05", jobs, rounds, clock, speed=False)
    if device.type != "cpu":
        batch = BATCH
        while batch <= options.largest:
            *ours, _ = in_turn(*batched(device, batch), rounds=3)
            for how, times in zip(HOW, ours, strict=True):
                speed = f"{batch * STEPS / times.min():,.0f} steps/s"
                rows.append(Row(f"{batch} environments{how}", speed, "", ""))
            batch *= 4
    print(f"{machine()}; torch {torch.__version__}, {device}.\n\n{table_of(rows)}")


if __name__ == "__main__":
    sys.exit(main())
