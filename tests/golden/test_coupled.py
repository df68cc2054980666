"""Rules under a bound by the loss: themselves where it is far, and shorter where it is near."""

from typing import Any

import numpy as np
import pytest
import torch

from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import Coupled, LossBound

BANK = Coupled.filter_bank()
GRADIENTS = np.random.default_rng(0).standard_normal((20, 3, 5))


def path(rule: Any, losses: Any, convert: Any = np.asarray) -> np.ndarray:
    """Displacements of three rows after each step, with the same loss in each row."""
    x, state, found = convert(np.zeros((3, 5))), None, []
    for g, value in zip(GRADIENTS, losses, strict=True):
        seen = {"displacement": x, "loss": convert(np.full((3, 1), value))}
        seen = {name: seen[name] for name in rule.channels if name != "gradient"}
        gradient = convert(g.copy())
        state = rule.init(gradient, **seen) if state is None else state
        u, state = rule.update(gradient, state, **seen)
        x = x + u
        found.append(np.asarray(x))
    return np.array(found)


def test_where_much_is_left_of_the_loss_the_rule_is_left_alone():
    assert BANK.channels == ("gradient", "displacement", "loss")
    alone = path(BANK.rule, np.ones(20))
    np.testing.assert_allclose(path(BANK, np.full(20, 1e15)), alone, rtol=1e-9)
    assert np.abs(path(BANK, np.full(20, 0.1)) - alone).max() > 0.1


def test_no_step_promises_more_than_there_is():
    g, loss = GRADIENTS[0], np.full((3, 1), 0.7)
    bound = LossBound(stiffness=4.0)
    u, _ = bound.slowed(-1e6 * g, g, loss, bound.init(loss))
    np.testing.assert_allclose(-(u * g).sum(-1), 2 * 0.7 / 4.0, rtol=1e-6)


def test_coordinates_that_do_all_the_same_are_slowed_to_what_one_of_them_may_do():
    # L = (e_1 + ... + e_n)^2 / 2: each coordinate thinks that the whole distance is its own.
    def closed(n: int, bound: LossBound) -> float:
        e = np.full((1, n), 1 / n)
        g, loss = np.full((1, n), e.sum()), np.full((1, 1), e.sum() ** 2 / 2)
        u, _ = bound.slowed(-g, g, loss, bound.init(loss))
        return float(-u.sum())

    assert closed(1, LossBound(1.0)) == pytest.approx(np.sqrt(1.25) - 0.5)
    for n in (10, 1000):
        assert 0.9 < closed(n, LossBound(1.0)) < 1.0  # not n
        assert closed(n, LossBound(1e-9)) == pytest.approx(n, rel=1e-3)


def test_tensors_move_as_arrays_do_and_rows_by_themselves():
    losses = np.geomspace(2.0, 1e-3, 20)
    together = path(BANK, losses)
    np.testing.assert_allclose(path(BANK, losses, torch.from_numpy), together, rtol=1e-9)
    x, state = np.zeros((1, 5)), None
    for g, value, all_rows in zip(GRADIENTS, losses, together, strict=True):
        seen = {"displacement": x, "loss": np.full((1, 1), value)}
        state = BANK.init(g[[1]], **seen) if state is None else state
        u, state = BANK.update(g[[1]], state, **seen)
        x = x + u
        np.testing.assert_allclose(x[0], all_rows[1], rtol=1e-9)


def test_a_bound_needs_the_loss():
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2)
    with pytest.raises(ValueError, match="Coupled reads the loss: call step"):
        RuleOptimizer([p], BANK).step()
