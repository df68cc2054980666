"""Simulations on tensors whose steps are fused, beside others whose steps are not."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from landscape_gym.torch_simulation import TorchSimulation

ROWS, STEPS = 5, 12
MINIBATCHES = {"problem": {"noise": {"kind": "minibatch", "batch_size": 16, "exact_loss": False}}}
COMPILER = shutil.which("g++") or shutil.which("clang++")
HEADERS = Path(sysconfig.get_path("include"), "Python.h")
needs_compiler = pytest.mark.skipif(
    not COMPILER or not HEADERS.exists(), reason="no C++ compiler, or no headers of Python's"
)


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
