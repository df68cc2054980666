"""Fused steps on tensors: the numbers of the step's parts, and those parts where it cannot be."""

from __future__ import annotations

import copy
import pickle
import shutil
import sysconfig
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from landscape_gym.fusing import Fused
from landscape_gym.refusal import Refusal
from landscape_gym.registration import NETWORKS, REGIMES, TRAINING
from landscape_gym.tensor_checks import extent
from landscape_gym.tensor_state import changed
from landscape_gym.torch_simulation import TorchSimulation

ROWS, STEPS = 5, 12
NO_SWITCHES = [
    name
    for name, regime in {**REGIMES, **TRAINING, **NETWORKS}.items()
    if not regime.problem.hazard and not name.startswith("mnist")
]
MINIBATCHES = {"problem": {"noise": {"kind": "minibatch", "batch_size": 16, "exact_loss": False}}}
COMPILER = shutil.which("g++") or shutil.which("clang++")
HEADERS = Path(sysconfig.get_path("include"), "Python.h")
needs_compiler = pytest.mark.skipif(
    not COMPILER or not HEADERS.exists(), reason="no C++ compiler, or no headers of Python's"
)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Traces are run as they are, and not compiled; how many operations each has."""
    sizes: list[int] = []

    def uncompiled(graph: torch.fx.GraphModule, examples: Any) -> Callable[..., Any]:
        sizes.append(len(graph.graph.nodes))

        @torch.no_grad()
        def run(*given: Tensor) -> Any:
            for tensor, example in zip(given, examples, strict=True):  # a compiler relies on it
                assert (tensor.stride(), tensor.dtype) == (example.stride(), example.dtype)
            return graph(*given)

        return run

    monkeypatch.setattr("torch._inductor.compile", uncompiled)
    return sizes


def pair(rows: int, regime: str, dtype: str = "float64", **changes: Any) -> list[TorchSimulation]:
    """One that is compiled and one that is not, begun with the same seeds."""
    both = [TorchSimulation(rows, regime, dtype, compiled=how, **changes) for how in (True, False)]
    for simulation in both:
        simulation.begin(seeds=range(rows))
    return both


def actions(simulation: TorchSimulation, steps: int, size: float = 0.3) -> Tensor:
    """For each step, (steps, B, size)."""
    shape = (steps, simulation.num_rows, simulation.action_size)
    numbers = np.random.default_rng(0).uniform(-size, size, shape)
    return torch.from_numpy(numbers).to(simulation.dtype)


@torch.no_grad()
def assert_alike(ours: TorchSimulation, plain: TorchSimulation, moves: Tensor, tol: float) -> None:
    for action in moves:
        found, expected = ours.advance(action), plain.advance(action)
        for mine, theirs in zip(found, expected, strict=True):
            assert_allclose(mine, theirs, rtol=tol, atol=tol)
        assert_allclose(ours.observe(), plain.observe(), rtol=tol, atol=tol)
    for mine, theirs in ((ours.state, plain.state), (ours.state.learner, plain.state.learner)):
        for name, value in vars(theirs).items():
            if isinstance(value, Tensor):
                assert_allclose(getattr(mine, name), value, rtol=tol, atol=tol)


@pytest.mark.parametrize("regime", NO_SWITCHES)
def test_a_trace_does_what_the_parts_of_a_step_do(regime: str, traced: list[int]) -> None:
    ours, plain = pair(ROWS, regime)
    assert_alike(ours, plain, actions(ours, STEPS), 1e-12)
    numbers, step = traced
    assert numbers > 2
    assert step > 10


@needs_compiler
@pytest.mark.parametrize(
    ("rows", "regime", "changes"),
    [(ROWS, "landscape-nav", {}), (1, "digits", MINIBATCHES)],
    ids=["flagship", "network"],
)
def test_compiled_it_is_the_same_to_rounding_and_every_time(
    rows: int, regime: str, changes: dict[str, Any]
) -> None:
    ours, plain = pair(rows, regime, "float32", **changes)
    moves = actions(ours, STEPS, 0.05)
    assert_alike(ours, plain, moves, 1e-5)
    again, _ = pair(rows, regime, "float32", **changes)
    with torch.no_grad():
        for action in moves:
            again.advance(action)
    assert torch.equal(again.state.theta, ours.state.theta)
    assert torch.equal(again.state.largest_cost, ours.state.largest_cost)


@pytest.mark.usefixtures("traced")
def test_rows_that_diverge_stop_and_pay_as_without() -> None:
    problem = {"max_norm": 3.0, "landscape": {"kind": "quadratic", "curvature": (1.0, 2.0)}}
    ours, plain = pair(4, "noisy-gradient", problem=problem, action={"scale": 100.0})
    moves = actions(ours, STEPS, 0.01)
    moves[3, 1] = 1.0
    assert_alike(ours, plain, moves, 1e-12)
    with torch.no_grad():
        found = ours.advance(torch.ones_like(moves[0]))
    assert found.terminated.all()


@needs_compiler
def test_compiled_it_sees_what_is_not_finite() -> None:
    landscape = {"kind": "quadratic", "curvature": (1e30, 1e30)}
    setup = {"problem": {"landscape": landscape, "max_norm": 1e8}, "action": {"scale": 1e7}}
    ours, plain = pair(3, "long-horizon", "float32", **setup)
    moves = actions(ours, 2, 1e-6)
    moves[1, 1] = 1.0  # to where the loss overflows, and the gradient does not
    assert_alike(ours, plain, moves, 1e-5)
    assert plain.state.theta.isfinite().all()
    with torch.no_grad():
        assert ours.advance(moves[1]).terminated.tolist() == [False, True, False]


@needs_compiler
@pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
def test_compiled_extents_tell_what_is_not_finite(number: float) -> None:
    function, good = Fused(extent), (torch.ones(3, 2), torch.ones(3, 2), torch.ones(3))
    assert function(*good).isfinite().all()
    for i in range(3):
        bad = [tensor.clone() for tensor in good]
        bad[i].view(-1)[1] = number
        assert function(*bad).isfinite().tolist() == [j != i for j in range(3)]


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("extents", [(torch.nan, 1, 1), (1, torch.nan, 1), (1, 1, torch.inf)])
def test_what_is_not_finite_is_left_to_the_parts(
    extents: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(theta: Tensor, grad: Tensor, cost: Tensor) -> Tensor:
        return torch.stack([cost.sum() * 0 + each for each in extents])

    monkeypatch.setattr("landscape_gym.tensor_step.extent", told)
    ours, _ = pair(2, "landscape-nav")
    monkeypatch.setattr(ours, "_advance_one_by_one", lambda actions, drawn: "the parts")
    with torch.no_grad():
        assert ours.advance(actions(ours, 1)[0]) == "the parts"


@pytest.mark.usefixtures("traced")
def test_an_action_that_is_nan_is_refused_and_changes_nothing() -> None:
    ours, plain = pair(2, "landscape-nav")
    moves = actions(ours, 4)
    assert_alike(ours, plain, moves, 1e-12)
    with torch.no_grad(), pytest.raises(ValueError, match="NaN"):
        ours.advance(moves[0] * torch.nan)
    assert_alike(ours, plain, moves, 1e-12)


@pytest.mark.usefixtures("traced")
def test_some_rows_begin_anew() -> None:
    ours, plain = pair(3, "landscape-nav")
    moves = actions(ours, 4)
    assert_alike(ours, plain, moves, 1e-12)
    assert_alike(ours, plain, moves.mT.contiguous().mT, 1e-12)  # in another order in memory
    for simulation in (ours, plain):
        simulation.begin(seeds=[11], rows=[1])
    assert_alike(ours, plain, moves, 1e-12)


@pytest.mark.usefixtures("traced")
def test_parameters_may_lie_in_another_order() -> None:
    ours, plain = pair(3, "landscape-nav")
    moves = actions(ours, 4)
    assert_alike(ours, plain, moves, 1e-12)
    learner = ours.state.learner
    theta = learner.theta.mT.contiguous().mT
    ours.state = changed(ours.state, learner=changed(learner, theta=theta))
    assert_alike(ours, plain, moves, 1e-12)


@pytest.mark.usefixtures("traced")
def test_where_nothing_has_gradients_it_is_fused() -> None:
    ours, plain = pair(2, "landscape-nav")
    taken: list[torch.Tensor] = []
    usual = ours._step.usual
    ours._step.usual = lambda *given: (taken.append(given[1]), usual(*given))[1]  # type: ignore[method-assign]
    for action in actions(ours, 3):
        ours.advance(action)
        plain.advance(action)
    assert len(taken) == 1  # traced
    assert_allclose(ours.observe(), plain.observe(), rtol=1e-12)


def test_where_gradients_are_asked_they_flow(traced: list[int]) -> None:
    ours, plain = pair(2, "landscape-nav")
    slopes = []
    for simulation in (ours, plain):
        scale = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
        for move in actions(simulation, 3):
            outcome = simulation.advance(scale * move)
        cost = simulation.advance(0.0 * move).cost.sum()  # by the state's history alone
        slopes.append(torch.autograd.grad(outcome.cost.sum() + cost, scale)[0])
    assert slopes[0] == slopes[1] != 0
    assert len(traced) == 1  # random numbers
    assert_alike(ours, plain, actions(ours, 3), 1e-12)
    assert len(traced) == 2  # a step, as here no gradients are asked


@pytest.mark.usefixtures("traced")
def test_without_copies_an_observation_within_bounds_is_the_states_own() -> None:
    ours, plain = pair(1, "digits", observation="gradient", copy=False)
    assert_alike(ours, plain, actions(ours, 3, 0.05), 1e-12)
    assert ours.observe().data_ptr() == ours.state.learner.gradient.data_ptr()


@pytest.mark.usefixtures("traced")
def test_without_copies_what_drifts_out_of_bounds_is_clipped() -> None:
    problem = {"drift": 1e16, "noise": None, "landscape": {"kind": "quadratic", "dim": 1}}
    ours, plain = pair(1, "drifting-target", problem=problem, observation="gradient", copy=False)
    assert_alike(ours, plain, actions(ours, 1), 1e-12)
    assert abs(ours.observe()) < abs(ours.state.learner.gradient)


@pytest.mark.usefixtures("traced")
def test_a_copy_goes_on_as_it_would() -> None:
    ours, plain = pair(2, "landscape-nav")
    moves = actions(ours, 4)
    assert_alike(ours, plain, moves, 1e-12)
    for copied in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert_alike(copied, copy.deepcopy(plain), moves, 1e-12)


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(Refusal, match=r"leave compiled out: tasks that switch"):
        TorchSimulation(1, "task-switching", compiled=True)
    with pytest.raises(Refusal, match="constants"):
        TorchSimulation(1, constants={"eta": torch.tensor(1.0)}, compiled=True)
    with pytest.raises(Refusal, match="meta"):
        TorchSimulation(1, device="meta", compiled=True)


def test_a_function_that_values_decide_is_refused() -> None:
    for function in (
        lambda x: [x + 1 if x.sum() > 0 else x],
        lambda x: [x * x.sum().item()],
        lambda x: [x * torch.tensor(x.tolist())],
        lambda x: [x * torch.from_numpy(np.square(x.numpy()))],
    ):
        with pytest.raises(Refusal, match="leave compiled out"):
            Fused(function)(torch.ones(3))


def test_without_a_compiler_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    with pytest.raises(Refusal, match=r"leave compiled out.*no-such-compiler"):
        Fused(lambda x: [x.sin() + 0.1234])(torch.ones(3))


@pytest.mark.usefixtures("traced")
def test_threads_trace_one_after_the_other() -> None:
    def slowly(x: Tensor) -> list[Tensor]:
        time.sleep(0.05)
        return [x + 1]

    with ThreadPoolExecutor(3) as threads:
        made = [threads.submit(Fused(slowly), torch.ones(2)) for _ in range(3)]
    assert [each.result()[0].tolist() for each in made] == [[2.0, 2.0]] * 3


def test_one_tensor_given_twice_is_two_arguments(traced: list[int]) -> None:
    function, x = Fused(lambda a, b: [a - b]), torch.ones(2)
    assert function(x, x)[0].tolist() == [0.0, 0.0]
    assert function(x, 3 * x)[0].tolist() == [-2.0, -2.0]
    assert len(traced) == 1
