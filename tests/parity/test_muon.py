"""Muon and sign descent beside torch.optim.Muon, through `RuleOptimizer`."""

import numpy as np
import pytest
import torch

from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import Muon, SignDescent

STEPS = 12
SHAPES = ((4, 6), (5, 5))
"""As wide as tall, at least: torch.optim.Muon lengthens the moves of others."""


def parameters(*shapes: tuple[int, ...]) -> list[torch.nn.Parameter]:
    rng = np.random.default_rng(0)
    return [torch.nn.Parameter(torch.from_numpy(rng.normal(size=shape))) for shape in shapes]


def trained(optimizer: torch.optim.Optimizer, moved: list[torch.nn.Parameter]) -> list[np.ndarray]:
    """The parameters after some steps, whose gradients change."""
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.zeros((), dtype=torch.float64)
        for p in moved:
            A, b = (torch.from_numpy(rng.normal(size=p.shape)) for _ in range(2))
            loss = loss + (A * p - b).cosh().log().sum()
        loss.backward()
        optimizer.step()
    return [p.detach().numpy().copy() for p in moved]


def ours(rule, *shapes: tuple[int, ...], **settings) -> list[np.ndarray]:
    moved = parameters(*shapes)
    return trained(RuleOptimizer(moved, rule, **settings), moved)


def theirs(*shapes: tuple[int, ...], **settings) -> list[np.ndarray]:
    moved = parameters(*shapes)
    return trained(torch.optim.Muon(moved, weight_decay=0.0, **settings), moved)


def difference(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    return max(np.abs(a - b).max() for a, b in zip(some, others, strict=True))


@pytest.fixture
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.optim.Muon orthogonalises in 16 bits; here in the gradient's own."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())


@pytest.mark.usefixtures("full_precision")
@pytest.mark.parametrize("momentum", [0.0, 0.95])
def test_it_makes_the_steps_of_torch(momentum: float):
    rule = Muon(lr=0.3, momentum=momentum, iterations=5)
    reference = theirs(*SHAPES, lr=0.03, momentum=momentum)
    assert difference(ours(rule, *SHAPES, dt=0.1), reference) < 1e-12
    for other in ({"momentum": 0.5}, {"iterations": 4}, {"lr": 0.31}):
        changed = Muon(**{"lr": 0.3, "momentum": momentum, "iterations": 5, **other})
        assert difference(ours(changed, *SHAPES, dt=0.1), reference) > 1e-3


@pytest.mark.usefixtures("full_precision")
def test_tall_matrices_move_by_the_root_of_their_sides_less():
    rule = Muon(lr=0.03, iterations=5)
    reference = theirs((8, 2), lr=0.03)
    assert difference(ours(rule, (8, 2), lr=2.0), reference) < 1e-12


def test_without_that_they_differ_by_16_bits():
    reference = theirs(*SHAPES, lr=0.03)
    assert 1e-6 < difference(ours(Muon(0.03, iterations=5), *SHAPES), reference) < 0.03
    # Singular values of 1 instead of 0.7 to 1.2: at most 0.3 of the way, 12 steps of 0.03.
    assert 0.01 < difference(ours(Muon(0.03), *SHAPES), reference) < 0.3 * STEPS * 0.03


def test_the_exact_step_turns_no_direction_and_has_singular_values_of_1():
    (before,) = parameters((3, 4))
    G = np.random.default_rng(2).normal(size=(3, 4))
    moved = torch.nn.Parameter(before.detach().clone())
    moved.grad = torch.from_numpy(G)
    RuleOptimizer([moved], Muon(lr=0.5)).step()
    step = (moved - before).detach().numpy()
    U, _, V = np.linalg.svd(G, full_matrices=False)
    np.testing.assert_allclose(step, -0.5 * U @ V, rtol=1e-10)


def test_by_name_it_trains_a_network_and_knows_its_matrices():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    x = torch.randn(64, 4)
    y = torch.tanh(x[:, :1] * x[:, 1:2])
    optimizer, losses = RuleOptimizer(model.parameters(), "muon"), []
    for _ in range(200):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


def test_groups_have_matrices_of_their_own_and_states_are_saved():
    first, second = parameters((2, 3), (3, 1))
    groups = [{"params": [first]}, {"params": [second], "lr": 0.5}]
    optimizer = RuleOptimizer(groups, "muon")
    whole = trained(optimizer, [first, second])
    saved = optimizer.state_dict()
    assert {name for state in saved["state"].values() for name in state} == {"cohort", "rule.mean"}
    again = RuleOptimizer(groups, "muon")
    again.load_state_dict(saved)
    twice = trained(again, [first, second])
    for p, start in zip((first, second), parameters((2, 3), (3, 1)), strict=True):
        p.data.copy_(start.data)
    straight = RuleOptimizer(groups, "muon")
    assert difference(trained(straight, [first, second]), whole) == 0
    assert difference(trained(straight, [first, second]), twice) == 0


def test_the_dual_norm_of_sign_descent_is_of_all_parameters_together():
    p, q = (torch.nn.Parameter(torch.zeros(n)) for n in (2, 3))
    p.grad, q.grad = torch.tensor([1.0, -2.0]), torch.tensor([0.0, 3.0, 4.0])
    RuleOptimizer([p, q], SignDescent(0.1, dual=True)).step()
    torch.testing.assert_close(p.detach(), torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(q.detach(), torch.tensor([0.0, -1.0, -1.0]))


def test_shapes_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match=r"\(2, 2\) have 4 coordinates together, got 6"):
        RuleOptimizer(parameters((2, 3)), Muon(shapes=((2, 2),)))
    RuleOptimizer(parameters((2, 3)), Muon.for_parameters(parameters((2, 3))))
