"""Rules that are a part of fused steps, beside the same rules followed step by step."""

from __future__ import annotations

import copy
import gc
import importlib
import pickle
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn

from landscape_gym.fused_step import MOST
from landscape_gym.networks import chain
from landscape_gym.networks.chain import NONE, joined_gradient
from landscape_gym.refusal import Refusal
from tests.contracts.fused_pairs import (
    MINIBATCHES,
    ROWS,
    STEPS,
    actions,
    assert_alike,
    assert_close,
    assert_followed,
    descent,
    needs_compiler,
    pair,
)

GRADIENT = {"observation": "gradient", "action": {"kind": "velocity", "scale": 1.0}}
"""What is seen and done is as long as parameters are."""


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("regime", ["landscape-nav", "noisy-gradient", "drifting-target", "digits"])
def test_a_rule_is_a_part_of_the_step(regime: str, copy: bool, traced: list[Any]) -> None:
    ours, plain = pair(ROWS, regime, **GRADIENT, copy=copy)
    assert_followed(ours, plain, torch.linspace(0.01, 0.1, STEPS))
    made = len(traced)
    assert_followed(ours, plain, torch.linspace(0.01, 0.1, 3)[:, None].double())
    assert len(traced) == made + 1  # the same rule with other tensors
    assert_alike(ours, plain, actions(ours, 3, 0.05), 1e-12)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.usefixtures("traced")
@torch.no_grad()
def test_a_rule_sees_what_is_observed(scaled: bool) -> None:
    channels = ("gradient", "elapsed", "previous_update")
    seen = {"channels": channels, "scaled": scaled, "clip": 0.5 if scaled else None}
    ours, plain = pair(ROWS, "landscape-nav", observation=seen, action={"kind": "velocity"})

    def rule(seen: Tensor) -> Tensor:
        size = ours.action_size
        return (-0.1 * seen[:, :size] + 0.05 * seen[:, -size:] + 0.01 * seen[:, size, None]).half()

    for _ in range(STEPS):
        assert_close(ours.follow(rule), plain.follow(rule), 1e-12)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.usefixtures("traced")
def test_where_gradients_are_on_they_flow_through_a_rule(compiled: bool) -> None:
    simulation = pair(2, "landscape-nav", **GRADIENT)[0 if compiled else 1]
    gain = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    cost = simulation.follow(lambda seen: -gain * seen).cost.sum()
    (slope,) = torch.autograd.grad(cost, gain)
    assert slope != 0


@needs_compiler
@torch.no_grad()
def test_a_rules_tensors_are_read_at_every_step() -> None:
    ours, _ = pair(2, "landscape-nav", **GRADIENT)
    gain = torch.tensor(0.1, dtype=torch.float64)
    rule = lambda seen: -gain * seen  # noqa: E731
    assert (ours.follow(rule).charge > 0).all()
    gain.fill_(0.0)
    assert (ours.follow(rule).charge == 0).all()


@torch.no_grad()
def test_a_rule_is_compiled_for_each_type_of_what_it_is_given(traced: list[Any]) -> None:
    ours, plain = pair(2, "landscape-nav", **GRADIENT)
    for dtype in (torch.float32, torch.float64, torch.float32):
        assert_followed(ours, plain, torch.tensor([0.1, 0.05], dtype=dtype))
    assert len(traced) == 4  # random numbers, two moves, and arrivals


@torch.no_grad()
def test_rules_are_known_by_where_they_are(traced: list[Any]) -> None:
    @dataclass(eq=True)
    class Descent:
        gain: float

        def __call__(self, seen: Tensor) -> Tensor:
            return -self.gain * seen

        def half(self, seen: Tensor) -> Tensor:
            return -0.5 * self.gain * seen

    ours, plain = pair(2, "landscape-nav", **GRADIENT)
    same = Descent(0.1), Descent(0.1)
    assert same[0] == same[1]
    same[1].gain = 0.2
    for _ in range(2):
        for rule in (*same, same[0].half, same[1].half):
            assert_close(ours.follow(rule), plain.follow(rule), 1e-12)
    assert len(traced) == 2 + 4
    assert_close(
        pickle.loads(pickle.dumps(ours)).follow(descent, torch.tensor(0.1)),
        ours.follow(descent, torch.tensor(0.1)),
        1e-12,
    )


@torch.no_grad()
def test_rules_that_are_seen_once_are_forgotten(traced: list[Any]) -> None:
    ours, _ = pair(2, "landscape-nav", **GRADIENT)
    rules = [lambda seen: -0.1 * seen for _ in range(MOST + 1)]
    held = [weakref.ref(ours.state.theta)]
    for rule in rules:
        ours.follow(rule)
        held.append(weakref.ref(ours.state.theta))
    made = len(traced)
    ours.follow(rules[-1])
    assert len(traced) == made
    ours.follow(rules[0])
    assert len(traced) == made + 1
    gc.collect()
    assert sum(each() is not None for each in held) <= 1  # where episodes began


@pytest.mark.usefixtures("traced")
@torch.no_grad()
def test_a_rule_that_is_no_function_of_what_it_sees_is_refused() -> None:
    ours, plain = pair(2, "landscape-nav", **GRADIENT)
    assert_followed(ours, plain, torch.tensor([0.1]))
    m = torch.zeros_like(ours.state.theta)

    def momentum(seen: Tensor, mean: Tensor) -> Tensor:
        return -0.1 * mean.mul_(0.9).add_(seen)

    def of_one_row(seen: Tensor) -> Tensor:
        m[0].add_(seen[0])
        return -0.1 * m

    def into(seen: Tensor) -> Tensor:
        return torch.mul(seen, -0.1, out=m)

    for rule, given in (
        (momentum, [m]),
        (lambda seen: momentum(seen, m), []),
        (of_one_row, []),
        (into, []),
    ):
        with pytest.raises(Refusal, match="changes no tensor"):
            ours.follow(rule, *given)
    assert (m == 0).all()
    dropout = nn.Dropout()
    for rule in (lambda seen: 0.1 * torch.rand_like(seen), lambda seen: 0.1 * dropout(seen)):
        with pytest.raises(Refusal, match="no random numbers"):
            ours.follow(rule)
    with pytest.raises(Refusal, match="compile"):
        ours.follow(lambda seen: seen if seen.sum() > 0 else -seen)

    def of_its_own(seen: Tensor) -> Tensor:
        made = torch.zeros_like(seen)
        made[0] = seen[0]
        return made.add_(seen).mul_(-0.1)

    assert_close(ours.follow(of_its_own), plain.follow(of_its_own), 1e-12)
    assert_followed(ours, plain, torch.tensor([0.1]))


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.usefixtures("traced")
@torch.no_grad()
def test_a_rule_that_cannot_be_followed_is_refused_and_changes_nothing(compiled: bool) -> None:
    ours, plain = pair(2, "landscape-nav", **GRADIENT)
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
    kept: list[tuple[Tensor, Tensor]] = []
    for step in range(STEPS):
        found = ours.follow(descent, torch.tensor(0.05))
        expected = plain.advance(descent(plain.observe(), torch.tensor(0.05)))
        assert_close(found, expected, 1e-5)
        theta, grad = ours.state.theta, ours.state.grad
        pieces = ours._recycling._pieces  # type: ignore[union-attr]
        for result in (theta, grad):
            assert any(np.shares_memory(result.numpy(), piece) for piece in pieces)
        if step < 3:
            kept += [(theta, theta.clone()), (grad, grad.clone())]
    for result, as_it_was in kept:
        assert torch.equal(result, as_it_was)
    assert_allclose(ours.state.theta, plain.state.theta, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_networks_gradient_is_one_operation(traced: list[Any]) -> None:
    ours, plain = pair(1, "digits", **MINIBATCHES)
    assert_alike(ours, plain, actions(ours, 2, 0.05), 1e-12)
    called = [node.target for graph in traced for node in graph.graph.nodes]
    assert called.count(torch.ops.landscape_gym.joined_gradient.default) == 1

    torch.manual_seed(0)
    slopes, taken = [torch.randn(5, 2), torch.randn(5, 3)], [torch.randn(5, 3), torch.randn(5, 4)]
    given = slopes, taken, [3, 12, 6], [1, 2], [0, NONE], torch.randn(1, 21)
    torch.library.opcheck(torch.ops.landscape_gym.joined_gradient.default, given)
    last, first = [slope.T @ x for slope, x in zip(slopes, taken, strict=True)]
    expected = torch.cat([slopes[1].sum(0), first.flatten(), last.flatten()])
    assert_allclose(joined_gradient(*given)[0], expected, rtol=1e-6)


def test_the_operation_may_be_defined_again() -> None:
    importlib.reload(chain)
    slope, x, theta = torch.ones(2, 3), torch.ones(2, 1), torch.zeros(1, 3)
    found = torch.ops.landscape_gym.joined_gradient([slope], [x], [3], [0], [NONE], theta)
    assert found.tolist() == [[2.0, 2.0, 2.0]]
