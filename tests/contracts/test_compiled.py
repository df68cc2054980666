"""Fused steps on tensors: the numbers of the step's parts, and those parts where it cannot be."""

from __future__ import annotations

import copy
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from landscape_gym.fusing import Fused
from landscape_gym.refusal import Refusal
from landscape_gym.registration import NETWORKS, REGIMES, TRAINING
from landscape_gym.tensor_checks import extent, reach
from landscape_gym.tensor_state import changed
from landscape_gym.torch_simulation import TorchSimulation
from tests.contracts.fused_pairs import (
    MINIBATCHES,
    ROWS,
    STEPS,
    actions,
    assert_alike,
    needs_compiler,
    pair,
)

NO_SWITCHES = [
    name
    for name, regime in {**REGIMES, **TRAINING, **NETWORKS}.items()
    if not regime.problem.hazard and not name.startswith("mnist")
]


@pytest.mark.parametrize("regime", NO_SWITCHES)
def test_a_trace_does_what_the_parts_of_a_step_do(regime: str, traced: list[Any]) -> None:
    ours, plain = pair(ROWS, regime)
    assert_alike(ours, plain, actions(ours, STEPS), 1e-12)
    numbers, move, arrival = (len(graph.graph.nodes) for graph in traced)
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


def test_extents_are_sums_of_squares() -> None:
    rows = torch.tensor([[3.0, 4.0], [1.0, 1.0]])
    assert 25.01 < reach(rows) < 25.1  # float32's sums may be below
    assert extent(rows, torch.tensor([1.0, 2.0])).tolist() == [27.0, 5.0]


@pytest.mark.usefixtures("traced")
def test_a_row_ends_just_beyond_its_bound() -> None:
    problem = {"max_norm": 3.0, "noise": None, "landscape": {"kind": "quadratic", "dim": 2}}
    setup = {"problem": problem, "action": {"kind": "velocity", "scale": 100.0}}
    ours, plain = pair(1, "long-horizon", **setup)
    theta = plain.state.theta
    for norm in (2.95, 3.1):
        towards = norm * theta / theta.norm()
        action = (towards - plain.state.theta) / (100.0 * plain.problem.dt)
        assert_alike(ours, plain, action[None], 1e-12)
        assert (plain.state.theta.norm() > 2.9).item()
    assert_allclose(plain.state.theta.norm(), 2.95)


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


def test_where_gradients_are_asked_they_flow(traced: list[Any]) -> None:
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


def test_without_a_compiler_it_is_refused() -> None:
    from torch._inductor import config  # slow to import

    without = config.patch({"cpp.cxx": ("no-such-compiler",)})
    with without, pytest.raises(Refusal, match=r"leave compiled out.*no-such-compiler"):
        Fused(lambda x: [x.sin() + 0.1234])(torch.ones(3))


@pytest.mark.usefixtures("traced")
def test_threads_trace_one_after_the_other() -> None:
    def slowly(x: Tensor) -> list[Tensor]:
        time.sleep(0.05)
        return [x + 1]

    with ThreadPoolExecutor(3) as threads:
        made = [threads.submit(Fused(slowly), torch.ones(2)) for _ in range(3)]
    assert [each.result()[0].tolist() for each in made] == [[2.0, 2.0]] * 3


def test_one_tensor_given_twice_is_two_arguments(traced: list[Any]) -> None:
    function, x = Fused(lambda a, b: [a - b]), torch.ones(2)
    assert function(x, x)[0].tolist() == [0.0, 0.0]
    assert function(x, 3 * x)[0].tolist() == [-2.0, -2.0]
    assert len(traced) == 1
