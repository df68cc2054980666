"""Fused steps on tensors: the numbers of the step's parts, and those parts where it cannot be."""

from __future__ import annotations

import copy
import pickle
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from landscape_gym.fusing import Fused
from landscape_gym.networks.chain import NONE
from landscape_gym.refusal import Refusal
from landscape_gym.registration import NETWORKS, REGIMES, TRAINING
from landscape_gym.tensor_checks import extent, reach
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


def descent(seen: Tensor, gain: Tensor) -> Tensor:
    """A rule, for actions that are as many as what is seen."""
    return -gain * seen


@torch.no_grad()
def assert_alike(ours: TorchSimulation, plain: TorchSimulation, moves: Tensor, tol: float) -> None:
    """That both do the same where actions are given."""
    for action in moves:
        assert_close(ours.advance(action), plain.advance(action), tol)
        assert_allclose(ours.observe(), plain.observe(), rtol=tol, atol=tol)
    assert_same_state(ours, plain, tol)


@torch.no_grad()
def assert_followed(ours: TorchSimulation, plain: TorchSimulation, gains: Tensor) -> None:
    """That both do the same where one follows a rule, and the other is told what it does."""
    for gain in gains:
        expected = plain.advance(descent(plain.observe(), gain))
        assert_close(ours.follow(descent, gain), expected, 1e-12)
        assert_allclose(ours.observe(), plain.observe(), rtol=1e-12, atol=1e-12)
    assert_same_state(ours, plain, 1e-12)


def assert_same_state(ours: TorchSimulation, plain: TorchSimulation, tol: float) -> None:
    """That all is the same that anybody reads."""
    unread = ["previous_update"] if ours._borrows else []
    for mine, theirs in ((ours.state, plain.state), (ours.state.learner, plain.state.learner)):
        read = [name for name in vars(theirs) if name not in unread]
        found, expected = ([getattr(each, name) for name in read] for each in (mine, theirs))
        assert_close(found, expected, tol)


def assert_close(found: Iterable[Any], expected: Iterable[Any], tol: float) -> None:
    """That tensors among others are the same."""
    for mine, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, Tensor):
            assert_allclose(mine, theirs, rtol=tol, atol=tol)


@pytest.mark.parametrize("regime", NO_SWITCHES)
def test_a_trace_does_what_the_parts_of_a_step_do(regime: str, traced: list[int]) -> None:
    ours, plain = pair(ROWS, regime)
    assert_alike(ours, plain, actions(ours, STEPS), 1e-12)
    numbers, move, arrival = traced
    assert numbers > 2
    assert move > 4
    assert arrival > 10


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
    function = Fused(lambda theta, *rest: [reach(theta), *extent(*rest).unbind()])
    good = torch.ones(3, 2), torch.ones(3, 2), torch.ones(3)
    assert torch.stack(function(*good)).isfinite().all()
    for i in range(3):
        bad = [tensor.clone() for tensor in good]
        bad[i].view(-1)[1] = number
        assert torch.stack(function(*bad)).isfinite().tolist() == [j != i for j in range(3)]


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("extents", [(torch.nan, 1, 1), (1, torch.nan, 1), (1, 1, torch.inf)])
def test_what_is_not_finite_is_left_to_the_parts(
    extents: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    theta, *rest = extents
    monkeypatch.setattr("landscape_gym.fused_step.reach", lambda point: point.sum() * 0 + theta)
    monkeypatch.setattr(
        "landscape_gym.fused_step.extent",
        lambda grad, cost: torch.stack([cost.sum() * 0 + each for each in rest]),
    )
    ours, plain = pair(2, "landscape-nav")
    parts, taken = ours._advance_one_by_one, []

    def counted(actions: Tensor, **how: bool) -> Any:
        taken.append(how)
        return parts(actions, **how)

    monkeypatch.setattr(ours, "_advance_one_by_one", counted)
    assert_alike(ours, plain, actions(ours, 3), 1e-12)
    assert len(taken) == 3


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
    price = ours._step.price
    ours._step.price = lambda *given: (taken.append(given[2]), price(*given))[1]  # type: ignore[method-assign]
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
    assert len(traced) == 3  # a move and an arrival, as here no gradients are asked


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


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("regime", ["landscape-nav", "noisy-gradient", "drifting-target", "digits"])
def test_a_rule_is_a_part_of_the_step(regime: str, copy: bool, traced: list[int]) -> None:
    velocity = {"kind": "velocity", "scale": 1.0}
    ours, plain = pair(ROWS, regime, observation="gradient", action=velocity, copy=copy)
    assert_followed(ours, plain, torch.linspace(0.01, 0.1, STEPS))
    made = len(traced)
    assert_followed(ours, plain, torch.linspace(0.01, 0.1, 3)[:, None].double())
    assert len(traced) == made + 1  # the same rule with other tensors
    assert_alike(ours, plain, actions(ours, 3, 0.05), 1e-12)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.usefixtures("traced")
def test_where_gradients_are_on_they_flow_through_a_rule(compiled: bool) -> None:
    simulation = pair(2, "landscape-nav")[0 if compiled else 1]
    gain = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    rule = lambda seen: -gain * simulation.state.learner.gradient  # noqa: E731
    (slope,) = torch.autograd.grad(simulation.follow(rule).cost.sum(), gain)
    assert slope != 0


@pytest.mark.usefixtures("traced")
@torch.no_grad()
def test_a_rules_tensors_are_read_at_every_step() -> None:
    ours, _ = pair(2, "landscape-nav", observation="gradient")
    gain = torch.tensor(0.1, dtype=torch.float64)
    rule = lambda seen: -gain * seen  # noqa: E731
    assert (ours.follow(rule).charge > 0).all()
    gain.fill_(0.0)
    assert (ours.follow(rule).charge == 0).all()


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.usefixtures("traced")
@torch.no_grad()
def test_a_rule_that_cannot_be_followed_is_refused_and_changes_nothing(compiled: bool) -> None:
    ours, plain = pair(2, "landscape-nav", observation="gradient")
    ours = ours if compiled else copy.deepcopy(plain)
    assert_followed(ours, plain, torch.tensor([0.1]))
    with pytest.raises(ValueError, match=r"^actions have shape \(2, 10\); got \(2, 1\)"):
        ours.follow(lambda seen: seen[:, :1])
    with pytest.raises(ValueError, match="NaN"):
        ours.follow(lambda seen: seen * torch.nan)
    with pytest.raises(TypeError, match=r"tensors; got 0\.1"):
        ours.follow(descent, 0.1)  # type: ignore[arg-type]
    assert_followed(ours, plain, torch.tensor([0.1, 0.2]))
    assert_followed(copy.deepcopy(ours), plain, torch.tensor([0.1]))


@pytest.mark.usefixtures("traced")
@torch.no_grad()
def test_where_rows_diverge_the_rule_is_followed_by_parts() -> None:
    problem = {"max_norm": 3.0, "landscape": {"kind": "quadratic", "curvature": (1.0, 2.0)}}
    setup = {"problem": problem, "action": {"scale": 100.0}, "observation": "gradient"}
    ours, plain = pair(4, "noisy-gradient", **setup)
    assert_followed(ours, plain, torch.tensor([1e-4]))
    far = torch.tensor([[1e-4], [1.0], [1e-4], [1e-4]], dtype=torch.float64)
    expected = plain.advance(descent(plain.observe(), far))
    assert expected.terminated.tolist() == [False, True, False, False]
    assert_close(ours.follow(descent, far), expected, 1e-12)
    assert_followed(ours, plain, torch.tensor([1e-4, 1e-4]))


@needs_compiler
@torch.no_grad()
def test_compiled_large_parameters_lie_where_nobody_holds_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("recycling", "torch_simulation"):
        monkeypatch.setattr(f"landscape_gym.{module}.LARGE", 1)
    changes = {"observation": "gradient", "copy": False, **MINIBATCHES}
    ours, plain = pair(1, "digits", "float32", **changes)
    held, kept, places = [], [], set()
    for step in range(STEPS):
        found = ours.follow(descent, torch.tensor(0.05))
        expected = plain.advance(descent(plain.observe(), torch.tensor(0.05)))
        assert_close(found, expected, 1e-5)
        places.add(ours.state.theta.data_ptr())
        if step < 3:
            held.append(ours.state)
            kept.append((ours.state.theta.clone(), ours.state.grad.clone()))
    for state, (theta, grad) in zip(held, kept, strict=True):
        assert torch.equal(state.theta, theta)
        assert torch.equal(state.grad, grad)
    assert len(places) < STEPS
    assert_allclose(ours.state.theta, plain.state.theta, rtol=1e-4, atol=1e-5)


def test_a_networks_gradient_is_one_operation() -> None:
    torch.manual_seed(0)
    slopes, taken = [torch.randn(5, 3), torch.randn(5, 2)], [torch.randn(5, 4), torch.randn(5, 3)]
    given = slopes, taken, [3, 15], [0, NONE], torch.randn(1, 21)
    torch.library.opcheck(torch.ops.landscape_gym.gradient.default, given)
    found = torch.ops.landscape_gym.gradient(*given)
    weights = [slope.T @ x for slope, x in zip(slopes, taken, strict=True)]
    expected = torch.cat([slopes[0].sum(0), weights[0].flatten(), weights[1].flatten()])
    assert_allclose(found[0], expected, rtol=1e-6)


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
