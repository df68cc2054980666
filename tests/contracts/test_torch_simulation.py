"""The simulation on tensors: NumPy's numbers given the same draws, gradients, seeds, devices."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.autograd import gradcheck

from landscape_gym.counter import CounterDraws, CounterStreams, key_of, philox
from landscape_gym.landscapes import LANDSCAPES, Landscape
from landscape_gym.networks import NetworkLandscape
from landscape_gym.refusal import Refusal
from landscape_gym.registration import REGIMES, TRAINING
from landscape_gym.simulation import Simulation
from landscape_gym.torch_simulation import TorchSimulation

ROWS, STEPS = 5, 12
EVERY = [*REGIMES, *TRAINING]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("regime", EVERY)
def test_given_the_same_draws_it_does_what_the_simulation_does(
    regime: str, dtype: str, tolerance: float
) -> None:
    numpy = Simulation(ROWS, regime, dtype)
    numpy.streams.seed(range(ROWS), range(ROWS))
    numpy.begin(np.arange(ROWS))
    ours = TorchSimulation(ROWS, regime, dtype, draws="numpy")
    ours.begin(seeds=range(ROWS))
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        action = rng.uniform(-0.3, 0.3, (ROWS, numpy.action_size)).astype(dtype)
        outcome, found = numpy.advance(action), ours.advance(torch.from_numpy(action))
        for theirs, mine in zip(outcome, found, strict=True):
            assert_allclose(mine.double(), theirs.astype(float), rtol=tolerance, atol=tolerance)
        assert_allclose(ours.state.theta, numpy.state.theta, rtol=tolerance, atol=tolerance)
        if dtype == "float64":  # secants divide small differences: rounding is magnified there
            seen = numpy.observe(numpy.state)
            assert_allclose(ours.observe(), seen, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", [*LANDSCAPES])
def test_every_landscape_is_the_same_in_both_libraries(kind: str) -> None:
    setup: dict[str, Any] = {"problem": {"landscape": {"kind": kind}}, "dtype": "float64"}
    if kind == "quadratic":
        setup["problem"]["landscape"]["rotated"] = True
    numpy = Simulation.begun(range(ROWS), problem=setup["problem"])
    ours = TorchSimulation(ROWS, draws="numpy", **setup)
    ours.begin(seeds=range(ROWS))
    assert_allclose(ours.state.grad, numpy.state.grad, rtol=1e-10, atol=1e-10)
    landscape, theta = numpy.problem.landscape, numpy.state.theta
    for name in ("hessian", "curvature_diagonal", "fisher"):
        if landscape.offers(name):
            theirs = getattr(landscape, name)(numpy.state.instances, theta)
            mine = getattr(landscape, name)(ours.state.instances, ours.state.theta)
            assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("regime", EVERY)
def test_gradients_go_through_five_steps(regime: str) -> None:
    simulation = TorchSimulation(2, regime, "float64")
    first = simulation.begin(seeds=range(2))
    drawn = {"normal": simulation._normal, "uniform": simulation._uniform}  # pyright: ignore[reportPrivateUsage]
    size = simulation.action_size

    def cost(theta: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        simulation.begin(seeds=range(2))
        simulation.state = simulation.at(
            first.instances, theta, **drawn, minimum_loss=first.minimum_loss
        )
        total = torch.zeros((), dtype=torch.float64)
        for step in range(5):
            move = 0.1 * torch.cos(torch.arange(2 * size) + step).view(2, size)
            pull = simulation.state.learner.gradient.tanh().mean(1, keepdim=True)
            total = total + simulation.advance(scale * (move + 0.1 * pull)).cost.sum()
        return total

    theta = first.theta.clone().requires_grad_()
    scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert gradcheck(cost, (theta, scale), atol=1e-4, rtol=1e-3, fast_mode=True)


def test_gradients_go_through_the_training_of_a_network() -> None:
    x = torch.linspace(-1, 1, 12, dtype=torch.float64)[:, None]
    landscape = NetworkLandscape(
        lambda: torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)),
        data=(x, torch.sin(3 * x)),
    )
    setup: dict[str, Any] = {
        "problem": {"landscape": landscape, "noise": {"kind": "minibatch", "batch_size": 4}},
        "observation": "gradient",
        "action": {"kind": "velocity", "scale": 1.0},
    }
    numpy = Simulation.begun(range(2), **setup)
    ours = TorchSimulation(2, dtype="float64", draws="numpy", **setup)

    def cost(lr: torch.Tensor) -> torch.Tensor:
        ours.begin(seeds=range(2))
        return torch.stack(
            [ours.advance(-lr * ours.observe().clip(-1, 1)).cost.sum() for _ in range(3)]
        ).sum()

    lr = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    total = 0.0
    for _ in range(3):
        total += numpy.advance(-0.4 * numpy.observe(numpy.state).clip(-1, 1)).cost.sum()
    assert cost(lr).item() == pytest.approx(total, rel=1e-10)
    assert gradcheck(cost, lr)


def test_constants_of_the_problem_have_gradients() -> None:
    def cost(eta: torch.Tensor, dt: torch.Tensor) -> torch.Tensor:
        constants = {"eta": eta, "dt": dt}
        simulation = TorchSimulation(3, "noisy-gradient", "float64", constants=constants)
        simulation.begin(seeds=range(3))
        moves = torch.full((3, simulation.action_size), 0.2, dtype=torch.float64)
        return torch.stack([simulation.advance(moves).cost.sum() for _ in range(3)]).sum()

    given = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (1.3, 0.1)]
    assert gradcheck(cost, given)
    simulation = TorchSimulation(1, constants={"eta": torch.tensor(2.0)})
    assert copy.deepcopy(simulation).constants["eta"] == 2
    with pytest.raises(ValueError, match="'eta'"):
        TorchSimulation(1, constants={"etta": given[0]})


@dataclass(frozen=True)
class Quartic(Landscape):
    """``L = |theta - z|^4 / 4``; its instances are a plain tuple."""

    kind: ClassVar[str] = "quartic"
    dim: int = 2

    def sample(self, draw: Any) -> Any:
        return (draw.normal(self.dim),)

    def loss_and_grad(self, instances: Any, theta: Any) -> Any:
        error = theta - instances[0]
        square = (error * error).sum(-1)
        return square**2 / 4, square[:, None] * error


def test_instances_may_be_a_plain_tuple() -> None:
    setup: dict[str, Any] = {"problem": {"landscape": Quartic(), "noise": None}}
    numpy = Simulation.begun(range(3), **setup)
    ours = TorchSimulation(3, dtype="float64", draws="numpy", **setup)
    ours.begin(seeds=range(3))
    action = np.full((3, numpy.action_size), 0.1)
    for _ in range(3):
        outcome, found = numpy.advance(action), ours.advance(torch.from_numpy(action))
        assert_allclose(found.cost, outcome.cost, rtol=1e-10)
    ours.begin(seeds=[7], rows=[1])
    assert ours.state.instances[0].shape == (3, 2)


def test_philox_gives_the_published_numbers() -> None:
    """Random123's known answers."""
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    known = {
        ((0,) * 4, (0, 0)): "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2): "408f276d 41c83b0e a20bc7c6 6d5451fd",
        (pi, (0xA4093822, 0x299F31D0)): "d16cfe09 94fdcceb 5001e420 24126ea1",
    }
    for of in (lambda x: np.array([x]), lambda x: torch.tensor([x])):
        for (counter, key), words in known.items():
            found = philox(tuple(map(of, counter)), (of(key[0]), of(key[1])))
            assert " ".join(f"{int(word[0]):08x}" for word in found) == words


def test_numbers_are_uniform_and_normal() -> None:
    draws = CounterDraws(key_of(np.arange(400)), np.ones(400, np.int64), np.dtype("float64"))
    u, n = draws.uniform(250), draws.normal(250)
    assert ((u >= 0) & (u < 1)).all()
    assert abs(u.mean() - 0.5) < 0.004
    assert abs(u.var() - 1 / 12) < 0.002
    assert abs(n.mean()) < 0.013
    assert abs(n.var() - 1) < 0.02
    assert abs((n**4).mean() - 3) < 0.15
    assert abs(np.corrcoef(n[:, 0], n[:, 1])[0, 1]) < 0.2


def test_a_rows_seed_decides_its_episode_whatever_others_do() -> None:
    def cost(rows: int, seeds: list[int], dtype: str = "float32") -> np.ndarray:
        simulation = TorchSimulation(rows, "landscape-nav", dtype)
        simulation.begin(seeds=seeds)
        moves = torch.full((rows, simulation.action_size), 0.1)
        for _ in range(20):
            outcome = simulation.advance(moves)
        return np.concatenate([outcome.cost.numpy(), simulation.observe()[:, 0].numpy()])

    three, one = cost(3, [7, 8, 9]), cost(1, [8])
    assert_allclose(three[[1, 4]], one, rtol=1e-5)
    assert_array_equal(three, cost(3, [7, 8, 9]))
    assert_allclose(cost(1, [8], "float64"), one, rtol=1e-4)  # both dtypes: the same episode
    assert len(set(cost(64, list(range(64)))[:64])) == 64


def test_some_rows_begin_anew_as_they_would_alone() -> None:
    simulation = TorchSimulation(3, "landscape-nav")
    simulation.begin(seeds=[1, 2, 3])
    moves = torch.full((3, simulation.action_size), 0.1)
    for _ in range(7):
        simulation.advance(moves)
    kept = simulation.state.theta[[0, 2]].clone()
    simulation.begin(seeds=[11], rows=[1])
    assert_array_equal(simulation.state.theta[[0, 2]], kept)
    alone = TorchSimulation(1, "landscape-nav")
    alone.begin(seeds=[11])
    for _ in range(9):
        simulation.advance(moves)
        alone.advance(moves[:1])
        assert_allclose(simulation.observe()[1], alone.observe()[0], rtol=1e-5, atol=1e-6)
    assert simulation.state.learner.elapsed.tolist() == [16, 9, 16]


def test_episodes_of_one_seed_follow_one_another() -> None:
    simulation = TorchSimulation(2, "landscape-nav")
    first = simulation.begin(seeds=[4, 5]).theta
    second = simulation.begin().theta
    assert not torch.equal(first, second)
    again = TorchSimulation(2, "landscape-nav")
    assert torch.equal(again.begin(seeds=[4, 5]).theta, first)
    assert torch.equal(again.begin().theta, second)


def test_long_blocks_do_not_change_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> torch.Tensor:
        streams = CounterStreams(3, 4, 0, torch.float32, torch.device("cpu"))
        streams.seed(range(3), [5, 6, 7])
        streams.draws(np.arange(3))
        streams.begin(np.arange(3))
        found = []
        for _ in range(9):
            found.append(streams.normal.clone())
            streams.advance()
        return torch.stack(found)

    usual = drawn()
    monkeypatch.setattr("landscape_gym.counter.BLOCK_STEPS", 2)
    assert torch.equal(drawn(), usual)


def test_rows_that_diverge_stop_and_pay() -> None:
    problem = {"max_norm": 3.0, "landscape": {"kind": "quadratic", "curvature": (1.0, 2.0)}}
    setup: dict[str, Any] = {"problem": problem, "action": {"kind": "velocity", "scale": 100.0}}
    numpy = Simulation.begun(range(4), **setup)
    ours = TorchSimulation(4, dtype="float64", draws="numpy", **setup)
    ours.begin(seeds=range(4))
    action = np.full((4, numpy.action_size), 5e-2)  # dear, but within the bound
    for sign in (1.0, -1.0):
        numpy.advance(sign * action)
        ours.advance(torch.from_numpy(sign * action))
    action[:] = 0.0
    action[1] = 1.0
    outcome, found = numpy.advance(action), ours.advance(torch.from_numpy(action))
    assert outcome.terminated.tolist() == found.terminated.tolist()
    assert outcome.terminated[1]
    assert not outcome.terminated.all()
    assert_allclose(found.cost, outcome.cost, rtol=1e-12)
    assert_allclose(ours.state.theta, numpy.state.theta, rtol=1e-12)


def test_what_it_cannot_do_is_refused() -> None:
    simulation = TorchSimulation(2)
    simulation.begin(seeds=[0, 1])
    with pytest.raises(ValueError, match="shape"):
        simulation.advance(torch.zeros(2, 99))
    with pytest.raises(ValueError, match="NaN"):
        simulation.advance(torch.full((2, simulation.action_size), torch.nan))
    with pytest.raises(Refusal, match="matrix"):
        TorchSimulation(1, default_dynamics=lambda theta: theta)
    with pytest.raises(ValueError, match="'numpy'"):
        TorchSimulation(1, draws="nunpy")
