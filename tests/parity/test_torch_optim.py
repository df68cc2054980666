"""Rules take the steps of torch.optim on losses that change at random, as NumPy and as torch."""

import numpy as np
import pytest
import torch

from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.adam import Adam
from landscape_gym.rules.adamw import AdamW
from landscape_gym.rules.ballistic import Ballistic
from landscape_gym.rules.centred_adam import CentredAdam
from landscape_gym.rules.gradient_descent import GradientDescent
from landscape_gym.rules.momentum import Momentum
from landscape_gym.rules.natural_gradient import NaturalGradient
from landscape_gym.rules.nesterov import Nesterov
from landscape_gym.rules.newton import Newton
from landscape_gym.rules.partial_control import PartialControl
from landscape_gym.rules.rmsprop import RMSprop
from landscape_gym.rules.sign_descent import SignDescent

DT, DIM, STEPS = 0.1, 6, 200
SGD, RMS = torch.optim.SGD, torch.optim.RMSprop


def random_losses():
    """One loss a step: (A, b, c) of ``sum log cosh(A theta - b) + c . theta``."""
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(STEPS, 4, DIM)), rng.normal(size=(STEPS, 4))
    return A, b, 0.3 * rng.normal(size=(STEPS, DIM))


def gradient(theta, A, b, c):
    bend = A @ theta - b
    slope = bend.tanh() if isinstance(theta, torch.Tensor) else np.tanh(bend)
    return A.T @ slope + c


START = np.linspace(-1.0, 2.0, DIM)


def path(rule, convert):
    """The parameters that the rule passes through."""
    losses, theta, state, passed = random_losses(), convert(START), None, []
    for parts in zip(*losses, strict=True):
        g = gradient(theta, *(convert(part) for part in parts))
        others = {"parameters": theta} if "parameters" in rule.channels else {}
        state = rule.init(g, **others) if state is None else state
        u, state = rule.update(g, state, **others)
        theta = theta + DT * u
        passed.append(np.asarray(theta))
    return np.stack(passed)


def torch_path(optimizer, **settings):
    """The same with an optimizer of torch, and autograd."""
    theta, passed = torch.nn.Parameter(torch.from_numpy(START.copy())), []
    optimizer = optimizer([theta], **settings)
    for parts in zip(*random_losses(), strict=True):
        A, b, c = (torch.from_numpy(part) for part in parts)
        optimizer.zero_grad()
        ((A @ theta - b).cosh().log().sum() + c @ theta).backward()
        optimizer.step()
        passed.append(theta.detach().numpy().copy())
    return np.stack(passed)


ADAM = {"betas": (0.8, 0.95), "eps": 1e-6}
PAIRS = [
    (GradientDescent(0.3), SGD, {"lr": DT * 0.3}),
    (Momentum(0.2, 0.9), SGD, {"lr": DT * 0.2, "momentum": 0.9}),
    (Nesterov(0.2, 0.9), SGD, {"lr": DT * 0.2, "momentum": 0.9, "nesterov": True}),
    (RMSprop(0.5, 0.9, 1e-6), RMS, {"lr": DT * 0.5, "alpha": 0.9, "eps": 1e-6}),
    (
        RMSprop(0.5, 0.9, 1e-6, centred=True),
        RMS,
        {"lr": DT * 0.5, "alpha": 0.9, "eps": 1e-6, "centered": True},
    ),
    (Adam(0.5, 0.8, 0.95, 1e-6), torch.optim.Adam, {"lr": DT * 0.5, **ADAM}),
    (
        AdamW(0.5, 0.8, 0.95, 1e-6, 0.7),
        torch.optim.AdamW,
        {"lr": DT * 0.5, "weight_decay": 0.7, **ADAM},
    ),
]


@pytest.mark.parametrize(("rule", "optimizer", "settings"), PAIRS, ids=lambda value: repr(value))
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_rules_take_the_steps_of_torch_optim(rule, optimizer, settings, convert):
    ours, theirs = path(rule, convert), torch_path(optimizer, **settings)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert np.abs(ours[-1] - START).max() > 0.1


def test_each_constant_of_adam_matters():
    # The negative twin: with another constant the paths differ.
    rule = AdamW(0.5, 0.8, 0.95, 1e-6, 0.7)
    theirs = torch_path(torch.optim.AdamW, lr=DT * 0.5, weight_decay=0.7, **ADAM)
    for change in (
        AdamW(0.6, 0.8, 0.95, 1e-6, 0.7),
        AdamW(0.5, 0.7, 0.95, 1e-6, 0.7),
        AdamW(0.5, 0.8, 0.9, 1e-6, 0.7),
        AdamW(0.5, 0.8, 0.95, 1e-2, 0.7),
        AdamW(0.5, 0.8, 0.95, 1e-6, 0.6),
    ):
        assert np.abs(path(change, np.asarray) - theirs).max() > 1e-4
    assert np.abs(path(rule, np.asarray) - theirs).max() < 1e-12


# ---- NumPy and torch, float32 and float64 -------------------------------------------------

VECTOR = tuple(np.linspace(0.1, 1.5, DIM).tolist())
MATRIX = tuple(map(tuple, (np.eye(DIM) + 0.1).tolist()))
RULES = [
    Nesterov(0.8, 0.9),
    Ballistic(1.5),
    Ballistic(VECTOR),
    Ballistic(MATRIX),
    Newton(0.5, 0.1, VECTOR, MATRIX),
    Newton(0.5, 0.1, MATRIX),
    NaturalGradient(0.5, VECTOR),
    NaturalGradient(0.5, MATRIX, 0.1),
    NaturalGradient(0.5, None, 0.1),
    PartialControl(MATRIX, VECTOR, VECTOR),
    SignDescent(0.5),
    RMSprop(0.5, 0.9),
    RMSprop(0.5, 0.9, centred=True),
    RMSprop(0.5, 0.9, corrected=True),
    Adam(0.5),
    AdamW(0.5),
    CentredAdam(0.5),
]


def seen(rng, channels, dtype):
    """What a rule sees of 4 rows."""
    root = rng.normal(size=(4, DIM, DIM))
    square = (root @ root.transpose(0, 2, 1)).reshape(4, -1)
    draws = {name: rng.normal(size=(4, DIM)) for name in ("gradient", "parameters")}
    draws |= {"hessian": square, "fisher": square}
    return {name: draws[name].astype(dtype) for name in channels}


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree_and_types_are_kept(rule, dtype):
    rng = np.random.default_rng(1)
    numpy_state = torch_state = None
    for _ in range(3):
        arrays = seen(rng, rule.channels, dtype)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        if numpy_state is None:
            numpy_state, torch_state = rule.init(**arrays), rule.init(**tensors)
        u, numpy_state = rule.update(state=numpy_state, **arrays)
        v, torch_state = rule.update(state=torch_state, **tensors)
        assert u.dtype == v.numpy().dtype == dtype
        assert all(array.dtype == dtype for array in numpy_state)
        assert all(tensor.numpy().dtype == dtype for tensor in torch_state)
        np.testing.assert_allclose(u, v.numpy(), rtol=2e-5 if dtype == np.float32 else 1e-12)


# A quadratic landscape has no model, and so no Fisher information.
@pytest.mark.parametrize("rule", [r for r in RULES if "fisher" not in r.channels], ids=repr)
def test_rows_of_a_policy_begin_afresh_by_themselves(rule):
    problem = NavigationProblem(landscape={"kind": "quadratic", "dim": DIM})
    policy, rng = RulePolicy(rule, problem), np.random.default_rng(2)
    first, second = (
        np.concatenate(list(seen(rng, rule.channels, np.float64).values()), axis=1)
        for _ in range(2)
    )
    _, state = policy.predict(first)
    mixed, _ = policy.predict(second, state, np.array([False, True, False, False]))
    carried, _ = policy.predict(second, state, np.zeros(4, bool))
    fresh, _ = policy.predict(second)
    np.testing.assert_array_equal(mixed[0], carried[0])
    np.testing.assert_array_equal(mixed[1], fresh[1])


def test_signs_of_zeros_are_zero_and_of_the_rest_one():
    rule, g = SignDescent(0.5), np.array([1e-300, -1e300, 0.0, -0.0])
    np.testing.assert_array_equal(rule.update(g, rule.init(g))[0], [-0.5, 0.5, 0.0, 0.0])


def test_a_gradient_that_stays_does_not_make_the_centred_variance_negative():
    # sum (1 - b2^t) g^2 - ((1 - b2^t) g)^2 tends to 0, and rounding takes it below.
    rule, g = RMSprop(0.1, 0.5, eps=1e-3, centred=True), np.full(50, np.pi) * np.arange(1, 51)
    state = rule.init(g)
    for _ in range(200):
        u, state = rule.update(g, state)
        assert np.isfinite(u).all()
