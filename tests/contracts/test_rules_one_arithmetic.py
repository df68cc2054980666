"""Every rule: the same numbers in NumPy and torch, pure in both, with gradients and under vmap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

import numpy as np
import pytest
import torch

from landscape_gym.optim.cohort import is_separable
from landscape_gym.rules import RULES, Coupled, GradientDescent, LossBound, SelfScaledAdam
from tests.contracts.rule_cases import CASES, DIM, Case, shown

STEPS = 4


def takes_out(rule: Any) -> bool:
    return "out" in signature(rule.update).parameters


each_case = pytest.mark.parametrize("case", CASES, ids=str)


def begun(rule: Any, seen: dict[str, Any]) -> Any:
    """The state before the first update."""
    first, *others = rule.channels
    return rule.init(seen[first], **{name: seen[name] for name in others})


def updated(rule: Any, seen: dict[str, Any], state: Any) -> tuple[Any, Any]:
    """The velocity and the next state."""
    first, *others = rule.channels
    return rule.update(seen[first], state, **{name: seen[name] for name in others})


def leaves(state: Any) -> Iterator[Any]:
    """The arrays of a state, in order."""
    for part in state:
        yield from leaves(part) if isinstance(part, tuple) else [part]


def mapped(function: Callable[[Any], Any], state: Any) -> Any:
    """A state with other arrays."""
    if not isinstance(state, tuple):
        return function(state)
    parts = [mapped(function, part) for part in state]
    return tuple(parts) if type(state) is tuple else type(state)(*parts)


def rebuilt(state: Any, arrays: Iterator[Any]) -> Any:
    """A state of that form with these arrays in it."""
    return mapped(lambda _: next(arrays), state)


def tensors(seen: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.from_numpy(array.copy()) for name, array in seen.items()}


def after_a_step(rule: Any) -> tuple[Any, dict[str, Any]]:
    """A state in torch that has seen something, and what is seen next."""
    seen = tensors(shown(rule, 0))
    _, state = updated(rule, seen, begun(rule, seen))
    return state, tensors(shown(rule, 1))


def test_all_rules_are_among_the_cases() -> None:
    assert {type(case.rule).kind for case in CASES} >= {*RULES, Coupled.kind, SelfScaledAdam.kind}


@each_case
def test_numpy_and_torch_give_the_same_numbers(case: Case) -> None:
    rule = case.rule
    state = begun(rule, shown(rule, 0))
    in_torch = begun(rule, tensors(shown(rule, 0)))
    for step in range(STEPS):
        u, state = updated(rule, shown(rule, step), state)
        v, in_torch = updated(rule, tensors(shown(rule, step)), in_torch)
        pairs = zip((u, *leaves(state)), (v, *leaves(in_torch)), strict=True)
        for ours, theirs in pairs:
            assert isinstance(ours, np.ndarray)
            assert isinstance(theirs, torch.Tensor)
            assert ours.dtype == np.float64
            assert theirs.dtype == torch.float64
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12, atol=1e-12)
        assert np.abs(u).max() > 0


@each_case
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_an_update_leaves_what_it_is_given(case: Case, library: str) -> None:
    rule, convert = case.rule, {"numpy": dict, "torch": tensors}[library]
    state = begun(rule, convert(shown(rule, 0)))
    for step in range(STEPS):
        seen = convert(shown(rule, step))
        before = [np.asarray(array).copy() for array in (*leaves(state), *seen.values())]
        _, later = updated(rule, seen, state)
        given = (*leaves(state), *seen.values())
        assert all(np.array_equal(a, b) for a, b in zip(before, given, strict=True))
        state = later


@each_case
def test_single_precision_stays(case: Case) -> None:
    rule, convert = case.rule, lambda step: tensors(shown(case.rule, step, np.float32))
    state, in_torch = begun(rule, shown(rule, 0, np.float32)), begun(rule, convert(0))
    exact = begun(rule, shown(rule, 0))
    for step in range(STEPS):
        u, state = updated(rule, shown(rule, step, np.float32), state)
        v, in_torch = updated(rule, convert(step), in_torch)
        w, exact = updated(rule, shown(rule, step), exact)
        assert {array.dtype for array in (u, *leaves(state))} == {np.dtype(np.float32)}
        assert {array.dtype for array in (v, *leaves(in_torch))} == {torch.float32}
        np.testing.assert_allclose(u, v.numpy(), rtol=2e-4, atol=2e-4)
        if "uniform" not in str(type(rule).__doc__):  # whose numbers hang on the last bits seen
            np.testing.assert_allclose(u, w, rtol=2e-3, atol=2e-3)


@each_case
def test_velocities_have_gradients(case: Case) -> None:
    """By whatever is seen and by the state, against differences."""
    if case.not_smooth:
        pytest.skip(case.not_smooth)
    rule = case.rule
    state, seen = after_a_step(rule)
    arrays = [array.clone().requires_grad_() for array in (*leaves(state), *seen.values())]

    def velocity(*values: Any) -> Any:
        rest = iter(values)
        before = rebuilt(state, rest)
        return updated(rule, dict(zip(seen, rest, strict=True)), before)[0]

    assert torch.autograd.gradcheck(velocity, arrays)


@each_case
def test_gradients_flow_through_steps(case: Case) -> None:
    if case.not_smooth:
        pytest.skip(case.not_smooth)
    rule = case.rule
    seen = [tensors(shown(rule, step)) for step in range(STEPS)]
    first = seen[0][rule.channels[0]].requires_grad_()
    state = begun(rule, seen[0])
    remembers = any(True for _ in leaves(state))
    for shown_then in seen[:-1]:
        _, state = updated(rule, shown_then, state)
    u, _ = updated(rule, seen[-1], state)
    if remembers:
        (slope,) = torch.autograd.grad(u.sum(), first)
        assert torch.isfinite(slope).all()
        assert slope.abs().max() > 0


@each_case
def test_vmap_is_the_batch(case: Case) -> None:
    rule = case.rule
    state, seen = after_a_step(rule)
    u, later = updated(rule, seen, state)
    one = torch.func.vmap(lambda given, before: updated(rule, given, before))
    v, by_row = one(seen, state)
    for batch, rows in zip((u, *leaves(later)), (v, *leaves(by_row)), strict=True):
        torch.testing.assert_close(batch, rows, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if takes_out(case.rule)], ids=str)
def test_a_rule_that_takes_memory_writes_there_what_it_would_give(case: Case) -> None:
    rule = case.rule
    state, seen = after_a_step(rule)
    u, later = updated(rule, seen, state)
    before = [leaf.data_ptr() for leaf in leaves(state)]
    first, *others = rule.channels
    given = {name: seen[name] for name in others}
    v, in_place = rule.update(seen[first], state, **given, out=state)
    for ours, theirs in zip((u, *leaves(later)), (v, *leaves(in_place)), strict=True):
        assert torch.equal(ours, theirs)
    kept = sum(leaf.data_ptr() in before for leaf in leaves(in_place))
    assert kept >= 1


@pytest.mark.parametrize("case", [case for case in CASES if is_separable(case.rule)], ids=str)
def test_separable_rules_act_piece_by_piece(case: Case) -> None:
    rule = case.rule
    state, seen = after_a_step(rule)
    part = slice(1, 3)

    def cut(array: Any) -> Any:
        return array[..., part] if array.shape[-1] == DIM else array

    u, later = updated(rule, seen, state)
    v, of_part = updated(rule, {k: cut(a) for k, a in seen.items()}, mapped(cut, state))
    for whole, piece in zip((u, *leaves(later)), (v, *leaves(of_part)), strict=True):
        assert torch.equal(cut(whole), piece)


def test_rules_say_whether_they_are_separable() -> None:
    separable = {type(case.rule).kind for case in CASES if is_separable(case.rule)}
    assert {"adam", "momentum", "soft_reset"} <= separable
    assert separable.isdisjoint({"coupled", "self_scaled_adam", "newton", "self_tuning"})
    assert is_separable(GradientDescent(0.1))
    assert not is_separable(GradientDescent((0.1, 0.2)))


def test_the_bound_is_the_same_in_both_and_has_gradients() -> None:
    bound, rng = LossBound(stiffness=3.0), np.random.default_rng(0)
    v, gradient = rng.normal(size=(2, 3, 4))
    loss, v = 1 + rng.random((3, 1)), v - 2 * gradient  # downhill: something is promised
    state, in_torch = bound.init(loss), bound.init(torch.from_numpy(loss))
    asked, g, now = (torch.from_numpy(array) for array in (v, gradient, loss))
    for _ in range(STEPS):
        before = [leaf.clone() for leaf in in_torch]
        u, state = bound.slowed(v, gradient, loss, state)
        w, later = bound.slowed(asked, g, now, in_torch)
        assert all(map(torch.equal, before, in_torch))
        in_torch = later
        np.testing.assert_allclose(u, w.numpy(), rtol=1e-12)
        assert (np.abs(u) < np.abs(v)).all()
    given: Any = [array.clone().requires_grad_() for array in (asked, g, now, *in_torch)]
    assert torch.autograd.gradcheck(
        lambda v, g, loss, *means: bound.slowed(v, g, loss, type(in_torch)(*means))[0], given
    )
    rows, _ = torch.func.vmap(bound.slowed)(asked, g, now, in_torch)
    torch.testing.assert_close(rows, bound.slowed(asked, g, now, in_torch)[0], rtol=1e-12, atol=0)
