"""Named optimizers make the steps of the pure rules, under the same bound."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from landscape_gym.gain_bound import GainBound
from landscape_gym.optim import FilterBank, RuleOptimizer, SelfScaledAdam, SelfScaledSOAP, fading
from landscape_gym.optim.adam_steps import PRIOR
from landscape_gym.optim.blocks import matrix_shape
from landscape_gym.optim.loss_reading import LossReading
from landscape_gym.optim.rates import FASTEST, RATE, SLOWEST
from landscape_gym.optim.units import signed_step
from landscape_gym.rules import Adam, Coupled, SelfTuning

DOUBLE = torch.float64
SHAPE = (5, 4)


def trained(
    make: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer], unit: float = 1.0
) -> torch.Tensor:
    """A linear model's matrix after 30 noisy steps; so many units are a loss of one."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=DOUBLE)  # noqa: E731
    w, x, y = torch.nn.Parameter(draw(*SHAPE)), draw(64, SHAPE[1]), draw(64, SHAPE[0])
    optimizer = make([w])
    for _ in range(30):
        rows = torch.randint(64, (8,), generator=generator)

        def closure(rows: torch.Tensor = rows) -> torch.Tensor:
            optimizer.zero_grad()
            loss = unit * (x[rows] @ w.T - y[rows]).square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)
    return w.detach()


def at_once(optimizer: LossReading) -> LossReading:
    """The same without a warm-up, without a limit by slopes, and with the least hope."""
    optimizer.bound = replace(optimizer.bound, warm_up=1, adaptation=0.0, hope=0.5)
    return optimizer


@dataclass(frozen=True)
class Proportional:
    """The bank, shown gradients in proportion to the root mean square that they had lately."""

    bank: SelfTuning
    kind = "proportional"
    channels = SelfTuning.channels

    def init(self, gradient: Any, displacement: Any) -> tuple[Any, Any, Any]:
        first = 0.01 * gradient / gradient.square().mean().sqrt()
        zero = 0.0 * gradient[..., :1]
        return zero, zero, self.bank.init(first, displacement)

    def update(self, gradient: Any, state: tuple[Any, Any, Any], displacement: Any) -> Any:
        t, square, bank = state
        t, square = t + 1, 0.9 * square + 0.1 * gradient.square().mean()
        shown = 0.01 * gradient / ((square / (1 - 0.9**t)).sqrt() + 1e-12)
        u, bank = self.bank.update(shown, bank, displacement)
        return u, (t, square, bank)


def test_the_bank_of_one_tensor_is_the_pure_rule():
    bank = Proportional(SelfTuning.for_networks(growth=3e-4))
    bound = GainBound(4.0, 3.0, rise=10.0)
    pure = trained(lambda p: RuleOptimizer(p, Coupled(bank, bound)))
    ours = trained(lambda p: FilterBank(p, adaptation=0.0))
    torch.testing.assert_close(ours, pure, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("optimizer", [FilterBank, SelfScaledAdam, SelfScaledSOAP])
def test_steps_are_the_same_whatever_the_loss_is_measured_in(optimizer):
    one, thousand = (trained(optimizer, unit=unit) for unit in (1.0, 1000.0))
    torch.testing.assert_close(thousand, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("foreach", [None, True, False])
def test_self_scaled_adam_is_the_pure_rule(foreach):
    rule = Adam(lr=0.4 * SHAPE[1] ** -0.5, b2=0.95)
    bound = GainBound(3.0, 3.0, warm_up=round(5 * signed_step([torch.empty(SHAPE)])))
    pure = trained(lambda p: RuleOptimizer(p, Coupled(rule, bound)))
    ours = trained(lambda p: SelfScaledAdam(p, adaptation=0.0, foreach=foreach))
    torch.testing.assert_close(ours, pure, rtol=1e-12, atol=1e-12)


@dataclass(frozen=True)
class Cautious:
    """Adam, whose coordinates wait where they do not descend; the others go further."""

    adam: Adam
    kind = "cautious"
    channels = Adam.channels

    def init(self, gradient: Any) -> Any:
        return self.adam.init(gradient)

    def update(self, gradient: Any, state: Any) -> Any:
        u, state = self.adam.update(gradient, state)
        descends = u * gradient < 0
        return u * descends / descends.double().mean().clamp(min=0.5), state


def test_without_a_side_that_is_short_enough_soap_is_cautious_adam():
    rule = Cautious(Adam(lr=0.4 * SHAPE[1] ** -0.5, b1=0.93, b2=0.95))
    bound = GainBound(4.5, 6.0, warm_up=1)
    pure = trained(lambda p: RuleOptimizer(p, Coupled(rule, bound)))
    ours = trained(lambda p: at_once(SelfScaledSOAP(p, max_dim=1, adaptation=0.0)))
    torch.testing.assert_close(ours, pure, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(trained(lambda p: at_once(SelfScaledSOAP(p, adaptation=0.0))), ours)


def test_a_gain_without_end_leaves_the_bound_by_the_floor():
    from landscape_gym.rules import LossBound

    rule = Adam(lr=0.2, b2=0.99)
    old = trained(lambda p: RuleOptimizer(p, Coupled(rule, LossBound(3.0, lowest=0.01))))
    whole: dict[str, Any] = {"lowest": 0.01, "adaptation": 0.0, "betas": (0.9, 0.99)}
    ours = trained(lambda p: at_once(SelfScaledAdam(p, gain=float("inf"), **whole)))
    torch.testing.assert_close(ours, old, rtol=1e-12, atol=1e-12)


def soap_by_hand(
    gradients: list[np.ndarray], renewal: int, left: bool, right: bool, seldom: int
) -> np.ndarray:
    """Velocities' sum, unbounded: frames by eigh at the first renewal, power iteration after it."""
    rows, columns = gradients[0].shape
    m, L, R = np.zeros((rows, columns)), np.zeros((rows, rows)), np.zeros((columns, columns))
    v, Q, P, moved = np.zeros_like(m), np.eye(rows), np.eye(columns), np.zeros_like(m)
    rates, told = np.zeros_like(m), np.zeros_like(m)

    def turned(S: np.ndarray, old: np.ndarray, first: bool) -> tuple[np.ndarray, np.ndarray]:
        if first:
            return np.linalg.eigh(S)[1][:, ::-1], np.arange(len(S))
        order = np.argsort(-np.einsum("ij,ij->j", old, S @ old), kind="stable")
        return np.linalg.qr((S @ old)[:, order])[0], order

    for t, G in enumerate(gradients, 1):
        before, rotated = Q.T @ m @ P / (1 - 0.93 ** max(t - 1, 1)), Q.T @ G @ P
        m = 0.93 * m + 0.07 * G  # in the parameters' own coordinates
        v = 0.95 * v + 0.05 * rotated**2
        square = v / (1 - 0.95**t)
        if t > 10:
            x = np.clip(before * rotated / square, -1, 1)
            y = x - 0.8 * np.minimum(np.exp(rates), 1) * x**2
            rates = rates + np.log(1 + 0.08 * y + (0.08 * x) ** 2 / 2)
        if t < 20 or t % 5 == 0:
            told = -np.log(1 + np.sqrt(np.sqrt(square) / np.sqrt(square).mean()) * t / 200)
        faded = np.clip(rates + told, -8, 1.5)
        mean = Q.T @ m @ P / (1 - 0.93**t)
        descends = mean * rotated > 0
        velocity = descends / max(0.5, descends.mean()) * np.exp(faded) * mean / np.sqrt(square)
        u = Q @ velocity @ P.T
        moved -= 0.4 / np.sqrt(columns) * u
        L, R = 0.95 * L + 0.05 * G @ G.T, 0.95 * R + 0.05 * G.T @ G
        if t % renewal == 0:
            if left and (t == renewal or t % (seldom * renewal) == 0):
                Q, order = turned(L, Q, t == renewal)
                v, rates, told = v[order], rates[order], told[order]
            if right:
                P, order = turned(R, P, t == renewal)
                v, rates, told = v[:, order], rates[:, order], told[:, order]
    return moved


@pytest.mark.parametrize(
    ("shape", "max_dim", "left", "right"),
    [
        ((5, 4), 8, True, True),
        ((3, 2, 2, 2), 8, True, True),
        ((9, 4), 8, False, True),
        ((16, 4), 12, True, True),
    ],
)
def test_the_frame_moves_means_and_keeps_squares(shape, max_dim, left, right):
    """Momentum kept in the parameters' coordinates is the same as moved with the frame."""
    rng = np.random.default_rng(0)
    p = torch.nn.Parameter(torch.zeros(shape, dtype=DOUBLE))
    unbounded = SelfScaledSOAP([p], stiffness=1e-300, renewal=4, max_dim=max_dim)
    optimizer = at_once(unbounded)
    rows, columns = matrix_shape(p.shape)
    gradients = [
        rng.normal(size=(rows, columns)) @ np.diag(1.0 + np.arange(columns)) for _ in range(29)
    ]
    for G in gradients:
        p.grad = torch.tensor(G).reshape(shape)
        optimizer.step(loss=1.0)
    expected = soap_by_hand(gradients, 4, left, right, 2 if rows > max_dim else 1)
    np.testing.assert_allclose(p.detach().reshape(rows, columns), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("kind", "falls"), [(SelfScaledSOAP, True), (SelfScaledAdam, False)])
def test_only_in_the_frame_steps_that_end_uphill_limit_the_next(kind, falls):
    p = torch.nn.Parameter(torch.ones(4, 4, dtype=DOUBLE))
    optimizer = kind([p])
    for t in range(30):
        p.grad = torch.ones_like(p) * (-1) ** t
        optimizer.step(loss=1.0)
    assert (optimizer.diagnostics()["reach"] < 0.9) is falls


@pytest.mark.parametrize(("interval", "adaptation"), [(1, 0.1), (4, 0.1), (10, 0.1)])
def test_coordinates_find_rates_of_their_own(interval: int, adaptation: float):
    gradients = np.random.default_rng(0).normal(0.5, 1.0, size=(40, *SHAPE))
    p = torch.nn.Parameter(torch.zeros(SHAPE, dtype=DOUBLE))
    constants = {"adaptation": adaptation, "interval": interval}
    optimizer = at_once(SelfScaledAdam([p], stiffness=1e-300, **constants))
    theta, M, V, rate = np.zeros(SHAPE), np.zeros(SHAPE), np.zeros(SHAPE), np.ones(SHAPE)
    for t, G in enumerate(gradients, 1):
        p.grad = torch.tensor(G)
        optimizer.step(loss=1.0)
        before, b1, b2 = M / (1 - 0.9 ** max(t - 1, 1)), 0.9**t, 0.95**t
        M, V = 0.9 * M + 0.1 * G, 0.95 * V + 0.05 * G**2
        if t > 10 and t % interval == 0:
            x = interval * adaptation * np.clip(before * G / (V / (1 - b2)), -1, 1)
            rate *= 1 + x + x**2 / 2
        step = 0.4 * SHAPE[1] ** -0.5 * rate / (1 + t / PRIOR)
        theta -= step * M / (1 - b1) / (V / (1 - b2)) ** 0.5
    np.testing.assert_allclose(p.detach(), theta, rtol=1e-6)


@pytest.mark.parametrize("interval", [1, 4])
def test_coordinates_of_the_bank_find_rates_of_their_own(interval: int):
    """Of parameters that hardly move, filters see the same with rates and without."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(rng.normal(size=SHAPE), 1.0, size=(40, *SHAPE))
    p, q = (torch.nn.Parameter(torch.zeros(SHAPE, dtype=DOUBLE)) for _ in range(2))
    rated = at_once(FilterBank([p], 1e-12, stiffness=1e-300, interval=interval))
    plain = at_once(FilterBank([q], 1e-12, stiffness=1e-300, adaptation=0.0))
    mean, noise, square, rate = np.zeros(SHAPE), 0.0, 0.0, np.ones(SHAPE)
    for t, G in enumerate(gradients, 1):
        p.grad, q.grad = torch.tensor(G), torch.tensor(G)
        for optimizer in (rated, plain):
            optimizer.step(loss=1.0)
        square = 0.9 * square + 0.1 * (G**2).mean()
        y = 0.01 * G / (square / (1 - 0.9**t)) ** 0.5
        before, mean = mean, 0.9 * mean + 0.1 * y
        noise = 0.95 * (y**2 if t == 1 else noise) + 0.05 * (y - mean) ** 2
        if t > 10 and t % interval == 0:
            x = 0.1 * interval * np.clip(before * y / (noise + mean**2), -1, 1)
            rate = np.minimum(rate * (1 + x + x**2 / 2), FASTEST * (1 + t / 1000))
    ours, without = rated.state[p], plain.state[q]
    np.testing.assert_allclose(ours["velocity"] / without["velocity"], rate, rtol=1e-6)
    assert without["stride"] / ours["stride"] == pytest.approx(1 + 40 / 1000)


@pytest.mark.parametrize("optimizer", [SelfScaledAdam, FilterBank])
@pytest.mark.parametrize(("adaptation", "interval"), [(0.3, 4), (1.01, 1), (-0.1, 1), (0.1, 0)])
def test_adaptations_that_are_none_are_refused(optimizer, adaptation: float, interval: int):
    with pytest.raises(ValueError, match=r"adaptation|interval"):
        optimizer([torch.nn.Parameter(torch.zeros(2))], adaptation=adaptation, interval=interval)


@pytest.mark.parametrize(("sign", "bound"), [(1, FASTEST), (-1, SLOWEST)])
def test_rates_of_coordinates_stay_within_bounds_that_fade_with_the_age(sign, bound):
    p = torch.nn.Parameter(torch.ones(4, dtype=DOUBLE))
    optimizer = SelfScaledSOAP([p], betas=(0.0, 0.95))  # the mean is the last gradient
    for t in range(150):
        p.grad = torch.ones_like(p) * sign**t
        optimizer.step(loss=1.0)
    expected = torch.full_like(p, bound * (1 + 150 / fading.PRIOR))
    torch.testing.assert_close(optimizer.state[p][RATE], expected.detach())
