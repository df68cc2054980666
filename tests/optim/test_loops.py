"""Loops that people train with: each works, or says what to do."""

import copy
import io
import math
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP

NAMED = [SelfScaledAdam, SelfScaledSOAP, FilterBank]
each = pytest.mark.parametrize("cls", NAMED)


def model(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 2)).to(
        dtype
    )


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(step))
    return x, torch.stack([x[:, 0] * x[:, 1], x.sum(-1)], -1)


def loss_of(net: nn.Module, step: int) -> torch.Tensor:
    x, y = batch(step)
    dtype = next(net.parameters()).dtype
    return (net(x.to(dtype)) - y.to(dtype)).square().mean()


def train(net: nn.Module, optimizer, steps: range = range(12)) -> list[torch.Tensor]:
    for step in steps:
        optimizer.zero_grad()
        loss = loss_of(net, step)
        loss.backward()
        optimizer.step(loss=loss)
    return [p.detach().clone() for p in net.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor], **tolerance: float) -> None:
    for one, other in zip(a, b, strict=True):
        torch.testing.assert_close(one, other, **(tolerance or {"rtol": 0, "atol": 0}))


@each
def test_a_closure_a_loss_and_an_observed_loss_are_one(cls):
    net = model()
    expected = train(net, cls(net.parameters()))
    net = model()
    optimizer = cls(net.parameters())
    for step in range(12):

        def closure(step: int = step) -> torch.Tensor:
            optimizer.zero_grad()
            loss = loss_of(net, step)
            loss.backward()
            return loss

        if step % 2:
            assert optimizer.step(closure).requires_grad, "the closure's own loss is returned"
        else:
            optimizer.observe(closure())
            optimizer.step()
    same(list(net.parameters()), expected)


@each
def test_it_learns(cls):
    net = model()
    optimizer = cls(net.parameters())
    first = loss_of(net, 1000).item()
    train(net, optimizer, range(150))
    assert loss_of(net, 1000).item() < first / 5


@each
def test_accumulated_gradients_have_the_mean_of_the_losses(cls):
    def half(net: nn.Module, step: int, part: slice) -> torch.Tensor:
        x, y = batch(step)
        return (net[3](net[2](net[0](x[part]))) - y[part]).square().mean()

    nets = model(), model()
    optimizers = [cls(net[0].parameters()) for net in nets]
    for step in range(5):
        for net, optimizer in zip(nets, optimizers, strict=True):
            optimizer.zero_grad()
            parts = [slice(0, 16)] if net is nets[0] else [slice(0, 8), slice(8, 16)]
            for part in parts:
                loss = half(net, step, part) / len(parts)
                loss.backward()
                optimizer.observe(loss.detach() * len(parts))
            optimizer.step()
    same(*[list(net.parameters()) for net in nets], rtol=1e-3, atol=1e-4)


@each
def test_a_closure_that_returns_nothing_tells_nothing(cls):
    """Lightning's manual loop gives such a one."""
    nets = [model(), model()]
    for net, closure in zip(nets, (None, lambda: None), strict=True):
        optimizer = cls(net.parameters())
        for seed in range(3):
            optimizer.zero_grad()
            loss = loss_of(net, seed)
            loss.backward()
            assert optimizer.step(closure, loss=loss) is loss
    same(*[list(net.parameters()) for net in nets])


@each
def test_a_step_without_a_loss_or_with_two_is_refused(cls):
    net = model()
    optimizer = cls(net.parameters())
    before = [p.detach().clone() for p in net.parameters()]
    loss_of(net, 0).backward()
    with pytest.raises(ValueError, match=r"step\(loss=loss\).*not told"):
        optimizer.step()
    with pytest.raises(ValueError, match="told in two"):
        optimizer.step(lambda: 1.0, loss=1.0)
    with pytest.raises(ValueError, match="let it return the loss"):
        optimizer.step(lambda: None)
    with pytest.raises(ValueError, match="one number"):
        optimizer.step(loss=torch.ones(3))
    same(list(net.parameters()), before)
    assert not optimizer.state


@each
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_is_not_finite_moves_nothing_and_is_said_once(cls, what):
    net = model()
    optimizer = cls(net.parameters())
    train(net, optimizer, range(3))
    saved, before = (
        copy.deepcopy(optimizer.state_dict()),
        [p.detach().clone() for p in net.parameters()],
    )
    if what == "gradient":
        next(net.parameters()).grad[0, 0] = math.inf
    bad = math.nan if what == "loss" else 1.0
    with pytest.warns(RuntimeWarning, match="nothing moves"):
        optimizer.step(loss=bad)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step(loss=bad)
    same(list(net.parameters()), before)
    assert_same_state(optimizer.state_dict(), saved)


def assert_same_state(a, b) -> None:
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same_state(a[key], b[key])
    elif isinstance(a, torch.Tensor):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    else:
        assert a == b


@each
def test_a_state_that_is_saved_goes_on_bit_for_bit(cls):
    net = model()
    optimizer = cls(net.parameters())
    train(net, optimizer, range(13))
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    expected = train(net, optimizer, range(13, 30))
    saved = torch.load(file, weights_only=True)
    again = model()
    other = cls(again.parameters())
    again.load_state_dict(saved["net"])
    other.load_state_dict(saved["optimizer"])
    same(train(again, other, range(13, 30)), expected)
    assert_same_state(other.state_dict(), optimizer.state_dict())


@each
def test_copies_go_on_bit_for_bit(cls):
    net = model()
    optimizer = cls(net.parameters())
    train(net, optimizer, range(5))
    again, other = copy.deepcopy((net, optimizer))
    same(train(again, other, range(5, 9)), train(net, optimizer, range(5, 9)))


@each
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_has_a_state_in_float32(cls, dtype):
    net = model(dtype)
    optimizer = cls(net.parameters())
    train(net, optimizer, range(3))
    other = cls(net.parameters())
    other.load_state_dict(optimizer.state_dict())
    for state in other.state.values():
        for value in state.values():
            assert not isinstance(value, torch.Tensor) or value.dtype == torch.float32
    assert next(net.parameters()).dtype == dtype


@each
def test_a_scaler_of_gradients(cls):
    """Scaling by powers of two is exact, and a step that it skips changes nothing."""
    net = model()
    expected = train(net, cls(net.parameters()), range(6))
    net = model()
    optimizer = cls(net.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for step in [0, 1, 2, None, 3, 4, 5]:
        optimizer.zero_grad()
        loss = loss_of(net, step if step is not None else 99)
        statistics = copy.deepcopy(dict(net.named_buffers()))
        scaler.scale(loss).backward()
        if step is None:
            next(net.parameters()).grad[0, 0] = math.inf
            before = copy.deepcopy(optimizer.state_dict())
        scaler.step(optimizer, loss=loss)
        scaler.update()
        if step is None:
            assert_same_state(optimizer.state_dict(), before)
            assert statistics
    same(list(net.parameters()), expected)


@each
def test_clipped_gradients(cls):
    net = model()
    optimizer = cls(net.parameters())
    for step in range(60):
        optimizer.zero_grad()
        loss = loss_of(net, step)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        optimizer.step(loss=loss)
    assert loss_of(net, 1000) < 2


@each
def test_parameters_without_gradients_stay_and_later_ones_join(cls):
    net = model()
    optimizer = cls(net[0].parameters())
    train(net, optimizer, range(3))
    optimizer.add_param_group({"params": list(net[3].parameters()), "lr": 0.5})
    net[0].weight.requires_grad_(False)
    net[0].weight.grad = None
    before = net[0].weight.detach().clone(), net[3].weight.detach().clone()
    train(net, optimizer, range(3, 6))
    assert torch.equal(net[0].weight, before[0])
    assert not torch.equal(net[3].weight, before[1])
    assert optimizer.state[net[0].weight]["step"] == 3


@each
def test_what_it_does_not_know_is_refused(cls):
    net = model()
    with pytest.raises(ValueError, match=r"'momentum'.*it knows.*'lr'"):
        cls([{"params": net.parameters(), "momentum": 0.9}])
    with pytest.raises(ValueError, match="view_as_real"):
        cls([nn.Parameter(torch.zeros(2, dtype=torch.complex64))])
    with pytest.raises(ValueError, match="lr"):
        cls(net.parameters(), lr=-1.0)
    sparse = nn.Embedding(4, 3, sparse=True)
    optimizer = cls(sparse.parameters())
    sparse(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="sparse=False"):
        optimizer.step(loss=1.0)


@each
def test_weight_decay_shrinks_by_the_part_of_the_step(cls):
    net, other = model(), model()
    plain, decayed = cls(net.parameters()), cls(other.parameters(), weight_decay=0.1)
    start = [p.detach().clone() for p in net.parameters()]
    a, b = train(net, plain, range(1)), train(other, decayed, range(1))
    slowdown = plain.diagnostics()["slowdown"]
    for moved, shrunk, before in zip(a, b, start, strict=True):
        torch.testing.assert_close(moved - shrunk, 0.1 * slowdown * before, rtol=1e-3, atol=1e-6)


@each
def test_maximising_is_minimising_the_negative(cls):
    net, other = model(), model()
    expected = train(net, cls(net.parameters(), lowest=-math.inf))
    optimizer = cls(other.parameters(), maximize=True)
    for step in range(12):
        optimizer.zero_grad()
        (-loss_of(other, step)).backward()
        other_loss = optimizer.step(loss=-loss_of(copy.deepcopy(other), step))
    assert other_loss < 0
    # the start of the averages depends on the sign of the first loss alone through its size
    same(list(other.parameters()), expected, rtol=1e-4, atol=1e-5)


@each
def test_a_tensor_as_lr_and_a_schedule(cls):
    net, other = model(), model()
    expected = train(net, cls(net.parameters(), lr=0.5))
    same(train(other, cls(other.parameters(), lr=torch.tensor(0.5))), expected)
    optimizer = cls(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    train(net, optimizer, range(1))
    schedule.step()
    assert optimizer.param_groups[0]["lr"] < 1


@each
def test_a_loss_below_the_lowest_is_said_and_the_floor_dropped(cls):
    net = model()
    optimizer = cls(net.parameters(), lowest=1e6)
    with pytest.warns(RuntimeWarning, match="below the lowest"):
        train(net, optimizer, range(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(net, optimizer, range(1, 40))
    assert loss_of(net, 1000) < 2


@each
def test_a_compiled_model(cls):
    net, other = model(), model()
    expected = train(net, cls(net.parameters()), range(3))
    compiled: Any = torch.compile(other, backend="eager")
    same(train(compiled, cls(compiled.parameters()), range(3)), expected)


@each
def test_averages_are_there_on_request(cls):
    net = model()
    optimizer = cls(net.named_parameters())
    expected = None
    for step in range(32):
        train(net, optimizer, range(step, step + 1))
        now = net[0].weight.detach().double()
        if expected is None:
            expected = now
        elif step < 9:
            expected = expected + 9 / (step + 9) * (now - expected)
        elif (step + 1) % 10 == 0:  # from then on every tenth iterate
            expected = expected + 9 / ((step + 1) / 10 + 8) * (now - expected)
    averages = optimizer.averaged_parameters()
    assert list(averages) == [name for name, _ in net.named_parameters()]
    torch.testing.assert_close(averages["0.weight"].double(), expected, rtol=1e-5, atol=1e-6)
    last, statistics = net[0].weight.detach().clone(), net[1].running_mean.clone()
    with optimizer.averaged(net, [batch(step)[0] for step in range(4)]):
        assert torch.equal(net[0].weight, averages["0.weight"])
        assert not torch.equal(net[1].running_mean, statistics)
    assert torch.equal(net[0].weight, last)
    assert torch.equal(net[1].running_mean, statistics)
    with pytest.raises(ValueError, match="averaging=True"):
        cls(net.parameters(), averaging=False).averaged_parameters()


@each
def test_what_it_does_is_told(cls):
    net = model()
    optimizer = cls(net.parameters(), lr=0.5)
    assert optimizer.diagnostics() == {}
    train(net, optimizer, range(14))
    said = optimizer.diagnostics()
    assert all(isinstance(value, float) and math.isfinite(value) for value in said.values())
    assert 0 < said["slowdown"] <= 1
    assert said["effective_rate"] == 0.5 * said["slowdown"]
    if cls is SelfScaledSOAP:
        assert said["frame_age"] == 4
        assert 0 < said["refresh_share"] < 1
