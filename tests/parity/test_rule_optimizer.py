"""`RuleOptimizer` trains as torch.optim does, and goes on bit for bit."""

import copy

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import (
    Adam,
    AdamW,
    EvolutionStrategy,
    GradientDescent,
    Momentum,
    Nesterov,
    RMSprop,
    SelfTuning,
)

STEPS = 200
X, Y = (torch.from_numpy(part) for part in load_digits(return_X_y=True))
X = X.double() / 16


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).double()


def conv():
    torch.manual_seed(0)
    head = nn.Linear(4 * 16, 10)
    image = nn.Unflatten(1, (1, 8, 8))
    net = nn.Sequential(image, nn.Conv2d(1, 4, 3, 2, 1), nn.Tanh(), nn.Flatten(), head)
    return net.double()


def batch(step):
    rows = torch.arange(32 * step, 32 * (step + 1)) % len(X)
    return X[rows], Y[rows]


def train(net, optimizer, steps=STEPS, first=0, scheduler=None):
    for step in range(first, first + steps):
        x, y = batch(step)
        optimizer.zero_grad()
        cross_entropy(net(x), y).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return vector(net)


def vector(net):
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()])


PAIRS = [
    (GradientDescent(0.2), torch.optim.SGD, {"lr": 0.2}),
    (Momentum(0.05, 0.9), torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    (Nesterov(0.05, 0.9), torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    (RMSprop(1e-3), torch.optim.RMSprop, {"lr": 1e-3}),
    (Adam(3e-3), torch.optim.Adam, {"lr": 3e-3}),
    (AdamW(3e-3, weight_decay=0.1), torch.optim.AdamW, {"lr": 3e-3, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("rule", "theirs", "settings"), PAIRS, ids=lambda value: repr(value))
@pytest.mark.parametrize("make", [mlp, conv])
def test_networks_train_as_by_torch_optim(make, rule, theirs, settings):
    ours, net = make(), make()
    start = vector(ours)
    trained = train(ours, RuleOptimizer(ours.parameters(), rule))
    torch.testing.assert_close(
        trained, train(net, theirs(net.parameters(), **settings)), rtol=0, atol=1e-6
    )
    assert (trained - start).abs().max() > 0.05


def test_vectors_longer_than_a_piece_move_as_by_torch_optim(monkeypatch):
    monkeypatch.setattr("landscape_gym.optim.cohort.CHUNK", 100)
    ours, net = mlp(), mlp()
    trained = train(ours, RuleOptimizer(ours.parameters(), AdamW(3e-3, weight_decay=0.1)), 50)
    theirs = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.1)
    torch.testing.assert_close(trained, train(net, theirs, 50), rtol=0, atol=1e-10)


def test_a_single_number_before_a_long_vector_has_its_own_memory(monkeypatch):
    monkeypatch.setattr("landscape_gym.optim.cohort.CHUNK", 8)
    ours, theirs = ([torch.nn.Parameter(torch.ones(n)) for n in (1, 8)] for _ in range(2))
    optimizers = RuleOptimizer(ours, Momentum(0.1, 0.9)), torch.optim.SGD(theirs, 0.1, 0.9)
    for _ in range(3):
        for p in (*ours, *theirs):
            p.grad = torch.ones_like(p)
        for optimizer in optimizers:
            optimizer.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q)


class Delayed:
    """Descends by the gradient of two steps ago, and hands on what it remembers."""

    channels = ("gradient",)

    def init(self, gradient):
        return 0.0 * gradient, 0.0 * gradient

    def update(self, gradient, state):
        last, before = state
        return before, (gradient, last)


def test_what_a_rule_hands_on_is_not_overwritten_on_the_way():
    p = torch.nn.Parameter(torch.zeros(2))
    optimizer = RuleOptimizer([p], Delayed())
    passed = []
    for step in range(1, 6):
        p.grad = torch.full_like(p, float(step))
        optimizer.step()
        passed.append(p.detach()[0].item())
    assert passed == [0.0, 0.0, 1.0, 3.0, 6.0]


@pytest.mark.parametrize(
    "rule",
    ["adam", "hidden-curvature", "centred_adam", "momentum", SelfTuning.for_networks()],
    ids=str,
)
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.filterwarnings("ignore:this rule was learned")  # whether it serves is not asked
def test_training_goes_on_bit_for_bit(rule, half, tmp_path):
    def make():
        net = mlp()
        return net.bfloat16() if half else net

    def steps(net, optimizer, first):
        for step in range(first, first + 5):
            x, y = batch(step)
            optimizer.zero_grad()
            cross_entropy(net(x.to(next(net.parameters()).dtype)), y).backward()
            optimizer.step()

    whole = make()
    optimizer = RuleOptimizer(whole.parameters(), rule)
    steps(whole, optimizer, 0)
    torch.save((whole.state_dict(), optimizer.state_dict()), tmp_path / "saved.pt")
    cloned = copy.deepcopy((whole, optimizer))
    steps(whole, optimizer, 5)

    net = make()
    resumed = RuleOptimizer(net.parameters(), rule)
    model_state, state = torch.load(tmp_path / "saved.pt", weights_only=True)
    net.load_state_dict(model_state)
    resumed.load_state_dict(state)
    steps(net, resumed, 5)
    assert torch.equal(vector(whole), vector(net))
    steps(*cloned, 5)
    assert torch.equal(vector(whole), vector(cloned[0]))


def test_schedules_act_as_on_torch_optim():
    def trained(make):
        net = mlp()
        optimizer = make(net.parameters())
        peak = 3.0 * optimizer.param_groups[0]["lr"]
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, peak, total_steps=50, cycle_momentum=False
        )
        return train(net, optimizer, 50, scheduler=schedule)

    ours = trained(lambda p: RuleOptimizer(p, Adam(1e-3)))
    theirs = trained(lambda p: torch.optim.Adam(p, lr=1e-3))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_groups_have_an_lr_of_their_own():
    def trained(optimizer, unit, **settings):
        net = mlp()
        groups = [
            {"params": net[0].parameters(), "lr": 0.1 * unit},
            {"params": net[2].parameters()},
        ]
        return train(net, optimizer(groups, **settings), 30)

    ours = trained(RuleOptimizer, 1.0, rule=Adam(3e-3))
    theirs = trained(torch.optim.Adam, 3e-3, lr=3e-3)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_a_closure_gives_gradients_and_the_loss():
    net = mlp()
    optimizer = RuleOptimizer(net.parameters(), Adam(3e-3))

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(net(X), Y)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(50)]
    assert losses[-1] < 0.7 * losses[0]
    # The evolution strategy reads nothing but the loss.
    optimizer = RuleOptimizer(net.parameters(), EvolutionStrategy(step=1e-3))
    before = [optimizer.step(closure).item() for _ in range(100)]
    assert min(before) < before[0]
    with pytest.raises(ValueError, match=r"step\(closure\)"):
        optimizer.step()


@pytest.mark.parametrize("rule", ["adam", "momentum", "hidden-curvature"])
def test_parameters_without_gradient_stay_and_so_does_their_state(rule):
    # Against two optimizers, each of which sees only what has a gradient.
    def run(split):
        a, b = (nn.Parameter(torch.linspace(0.5, 2.0, n).double()) for n in (3, 4))
        if split:
            optimizers = [RuleOptimizer([p], rule) for p in (a, b)]
        else:
            optimizers = [RuleOptimizer([{"params": [a]}, {"params": [b]}], rule)]
        for step in range(12):
            for p, every in ((a, 2), (b, 3)):
                p.grad = p.detach().clone() if step % every == 0 else None
            for optimizer in optimizers:
                optimizer.step()
        return torch.cat([a, b]).detach()

    assert torch.equal(run(split=True), run(split=False))


def test_parameters_of_one_group_may_miss_gradients_as_in_torch_optim():
    def run(make):
        a, b = (nn.Parameter(torch.linspace(0.5, 2.0, n).double()) for n in (3, 4))
        optimizer = make([a, b])
        for step in range(12):
            a.grad = a.detach().clone() if step not in (0, 5) else None
            b.grad = b.detach().clone() if step not in (3, 5, 6) else None
            optimizer.step()
        return torch.cat([a, b]).detach()

    ours = run(lambda p: RuleOptimizer(p, Adam(0.05)))
    torch.testing.assert_close(ours, run(lambda p: torch.optim.Adam(p, lr=0.05)), rtol=0, atol=1e-9)


def test_steps_with_infinite_gradients_are_skipped_by_the_scaler():
    p = nn.Parameter(torch.ones(3))
    optimizer, scaler = RuleOptimizer([p], "adam"), torch.amp.GradScaler("cpu")
    scaler.scale(p.sum()).backward()
    p.grad[0] = torch.inf
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(p, torch.ones(3))
    assert not optimizer.state
    optimizer.zero_grad()
    scaler.scale(p.sum()).backward()
    scaler.step(optimizer)
    torch.testing.assert_close(p.detach(), torch.full((3,), 1 - 0.001))


class Pull:
    """``u = -(theta - theta_0) - g``."""

    channels = ("gradient", "displacement")

    def init(self, gradient, displacement):
        return ()

    def update(self, gradient, state, displacement):
        return -displacement - gradient, state


def test_displacements_are_from_where_training_began():
    parameters = [torch.nn.Parameter(torch.tensor(values)) for values in ([3.0, -2.0], [5.0])]
    optimizer = RuleOptimizer(parameters, Pull(), lr=0.5)
    for _ in range(2):
        for p in parameters:
            p.grad = torch.ones_like(p)
        optimizer.step()
    # From theta_0: -1/2 after one step; then -1/2 + (1/2 - 1) / 2 = -3/4.
    assert [p.tolist() for p in parameters] == [[2.25, -2.75], [4.25]]


def test_modules_may_be_shared_between_types():
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = RuleOptimizer([a, b], Adam(0.1))
    (a.sum() + b.sum()).backward()
    optimizer.step()
    np.testing.assert_allclose(a.detach().numpy(), 0.9, rtol=1e-6)
    np.testing.assert_allclose(b.detach().numpy(), 0.9, rtol=1e-6)
