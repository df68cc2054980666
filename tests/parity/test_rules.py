"""Rules against torch.optim, NumPy against torch, and what is derived or refused for a problem."""

import math

import numpy as np
import pytest
import torch

from landscape_gym.control import HiddenCurvature, MemoryRule, best_linear_rule, optimum
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.rules import RULES, GradientDescent, Momentum

DT = 0.1
DIM = 6


def quadratic():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(DIM, DIM))
    return root @ root.T / DIM, rng.normal(size=DIM), rng.normal(size=DIM)  # H, z, theta_0


def path(rule, convert, steps=60):
    """The parameters that the rule passes through, as NumPy arrays."""
    H, z, theta = (convert(array) for array in quadratic())
    state, passed = rule.init(H @ (theta - z)), []
    for _ in range(steps):
        u, state = rule.update(H @ (theta - z), state)
        theta = theta + DT * u
        passed.append(np.asarray(theta))
    return np.stack(passed)


def torch_path(steps=60, **settings):
    """The same with torch.optim.SGD."""
    H, z, start = (torch.from_numpy(array) for array in quadratic())
    theta, passed = torch.nn.Parameter(start.clone()), []
    optimizer = torch.optim.SGD([theta], **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        error = theta - z
        (0.5 * error @ H @ error).backward()
        optimizer.step()
        passed.append(theta.detach().numpy().copy())
    return np.stack(passed)


PAIRS = [
    (GradientDescent(lr=1.5), {"lr": DT * 1.5}),
    (Momentum(lr=0.8, momentum=0.9), {"lr": DT * 0.8, "momentum": 0.9}),
]


@pytest.mark.parametrize(("rule", "settings"), PAIRS)
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_rules_make_the_steps_of_torch_optim(rule, settings, convert):
    ours, theirs = path(rule, convert), torch_path(**settings)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert np.abs(ours[-1] - quadratic()[1]).max() < np.abs(ours[0] - quadratic()[1]).max()


def test_past_two_over_the_curvature_both_diverge_alike():
    steepest = np.linalg.eigvalsh(quadratic()[0])[-1]
    lr = 2.1 / (DT * steepest)
    ours, theirs = path(GradientDescent(lr), np.asarray), torch_path(lr=DT * lr)
    np.testing.assert_allclose(ours, theirs, rtol=1e-11)
    assert np.abs(ours[-1]).max() > 10 * np.abs(ours[0]).max()


RATES = tuple(np.linspace(0.1, 1.5, DIM).tolist())


@pytest.mark.parametrize(
    "rule", [GradientDescent(1.5), GradientDescent(RATES), Momentum(0.8, 0.9)], ids=repr
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree_and_types_are_kept(rule, dtype):
    gradients = np.random.default_rng(1).normal(size=(3, 4, DIM)).astype(dtype)
    numpy_state = rule.init(gradients[0])
    torch_state = rule.init(torch.from_numpy(gradients[0]))
    for gradient in gradients:
        u, numpy_state = rule.update(gradient, numpy_state)
        v, torch_state = rule.update(torch.from_numpy(gradient), torch_state)
        assert isinstance(v, torch.Tensor)
        assert u.dtype == v.numpy().dtype == dtype
        np.testing.assert_array_equal(u, v.numpy())


@pytest.mark.parametrize(
    "rule",
    [GradientDescent(RATES), Momentum(0.8, 0.9), MemoryRule((0.5, 0.1), (0.9,))],
    ids=["gradient descent", "momentum", "memory"],
)
def test_rows_of_a_policy_begin_afresh_by_themselves(rule):
    policy, rng = RulePolicy(rule), np.random.default_rng(2)
    first, second = rng.normal(size=(2, 2, DIM))
    _, state = policy.predict(first)
    mixed, _ = policy.predict(second, state, np.array([False, True]))
    carried, _ = policy.predict(second, state, np.array([False, False]))
    fresh, _ = policy.predict(second)
    np.testing.assert_array_equal(mixed[0], carried[0])
    np.testing.assert_array_equal(mixed[1], fresh[1])


# ---- constants from problems ------------------------------------------------------------


def problem(**fields):
    return NavigationProblem(**{"eta": 2.0, "k": 1.5, "gamma": 4.0, "dt": DT, **fields})


@pytest.mark.parametrize(
    ("fields", "lr"),
    [
        ({}, 3.0 / 4.0),
        ({"horizon": 1}, 3.0 * DT),
        ({"horizon": 1, "gamma": 0.0}, 3.0 * DT),
        ({"horizon": 3, "gamma": 0.0}, 3.0 * 3 * DT),
        ({"horizon": 3}, 3.0 * DT * (1 + math.exp(-0.4) + math.exp(-0.8))),
        ({"metric": (0.5, 0.5)}, 3.0 / 4.0 / 0.5),
        ({"metric": ((0.5, 0.0), (0.0, 2.0))}, (3.0 / 4.0 / 0.5, 3.0 / 4.0 / 2.0)),
        ({"default_dynamics": {"kind": "decay", "rate": 0.0}}, 3.0 / 4.0),
    ],
)
def test_learning_rate_of_a_problem(fields, lr):
    assert GradientDescent.derive(problem(**fields)).lr == pytest.approx(lr, rel=1e-14)


def test_with_a_short_horizon_gradient_descent_is_the_optimum():
    curvature = (0.5, 2.0)
    landscape = {"kind": "quadratic", "curvature": curvature}
    short = problem(landscape=landscape, gamma=300.0, dt=1e-5, metric=(0.5, 2.0))
    lr = GradientDescent.derive(short).lr
    gains = optimum(short).policy.law.K[0, 0]
    np.testing.assert_allclose(np.array(lr) * curvature, gains, rtol=2e-3)


def test_momentum_of_a_problem_is_the_best_linear_rule():
    landscape = {"kind": "quadratic", "dim": 4, "optimum": 0.5, "optimum_std": 1.0}
    given = problem(
        landscape=landscape,
        gamma=0.1,
        eta=100.0,
        metric=(0.5, 0.5, 0.5, 0.5),
        noise={"kind": "curvature", "std": 0.3},
        drift=0.2,
        start={"kind": "normal", "mean": 1.0, "std": 0.5},
    )
    quadrature = given.landscape.curvature_quadrature()
    assert quadrature is not None
    h, weights = quadrature
    best = best_linear_rule(
        HiddenCurvature(
            h,
            weights,
            eta=100.0,
            k=1.5,
            gamma=0.1,
            dt=DT,
            metric=0.5,
            second_moment=0.5**2 + 0.5**2 + 1.0**2,
            noise=0.09 * h,
            drift=0.2 * DT,
        )
    )
    assert Momentum.derive(given) == Momentum(best.a, best.b)


@pytest.mark.parametrize("start", [None, {"kind": "uniform", "low": -2.0, "high": 3.0}])
def test_noise_lowers_the_step_size(start):
    noises = (None, {"kind": "isotropic", "std": 0.1}, {"kind": "isotropic", "std": 1.0})
    rates = [Momentum.derive(problem(noise=noise, start=start)).lr for noise in noises]
    assert rates == sorted(rates, reverse=True)


def test_momentum_for_minibatches_of_a_model():
    pytest.importorskip("sklearn")
    rates = [
        Momentum.derive(
            problem(
                landscape="logistic_regression",
                gamma=0.1,
                noise={"kind": "minibatch", "batch_size": size},
            )
        ).lr
        for size in (512, 8)
    ]
    assert rates[0] > rates[1] > 0


DERIVED = {
    "landscape-nav": {"momentum", "nesterov", "adam", "self_tuning", "evolution_strategy"},
    "short-horizon": {"gradient_descent", "natural_gradient", "newton", "ballistic"},
    "long-horizon": {"momentum", "ballistic", "partial_control"},
    "hidden-curvature": {"momentum", "nesterov", "evolution_strategy"},
    "geometry": {"natural_gradient", "ballistic", "partial_control"},
    "partial-control": {"partial_control"},
    "noisy-gradient": {"momentum", "self_tuning"},
    "drifting-target": {"rmsprop", "adam", "momentum", "self_tuning"},
    "task-switching": {"soft_reset", "shrink_and_perturb"},
    "hidden-task-switching": {"soft_reset", "selective_reset"},
    "logistic-regression": {"momentum", "nesterov", "adam", "rmsprop", "natural_gradient"},
    "learning-speed": set(),
    "double-well": {"gradient_descent", "newton"},
}
REFUSED = {
    "landscape-nav": {"ballistic", "partial_control", "soft_reset"},
    "short-horizon": {"adam", "self_tuning", "soft_reset", "evolution_strategy"},
    "long-horizon": {"adam", "rmsprop", "soft_reset"},
    "hidden-curvature": {"ballistic", "adam", "self_tuning"},
    "geometry": {"momentum", "adam", "soft_reset"},
    "partial-control": set(RULES) - {"partial_control"},
    "noisy-gradient": {"adam", "partial_control", "soft_reset"},
    "drifting-target": {"ballistic", "partial_control", "soft_reset", "evolution_strategy"},
    "task-switching": {"momentum", "adam", "hard_reset"},
    "hidden-task-switching": {"momentum", "partial_control", "hard_reset"},
    "logistic-regression": {"ballistic", "self_tuning", "soft_reset"},
    "learning-speed": set(RULES),
    "double-well": {"momentum", "ballistic", "adam"},
}


@pytest.mark.parametrize("name", REGIMES)
def test_regimes_derive_the_rules_whose_assumptions_they_meet(name):
    derived = set()
    for kind, rule in RULES.items():
        try:
            constants = rule.derive(REGIMES[name].problem)
        except ValueError:
            continue
        derived.add(kind)
        given = [value for value in vars(constants).values() if value is not None]
        assert all(np.isfinite(value).all() for value in given if not isinstance(value, str))
    assert derived >= DERIVED[name]
    assert not derived & REFUSED[name]


B = ((1.0,), (0.5,))
COUPLED = ((1.0, 0.3), (0.3, 1.0))


@pytest.mark.parametrize(
    ("rule", "fields", "message"),
    [
        (GradientDescent, {"gamma": 0.0}, "gamma = 0 without horizon"),
        (GradientDescent, {"control_matrix": B}, "control_matrix"),
        (GradientDescent, {"default_dynamics": "rotation"}, "default_dynamics"),
        (GradientDescent, {"metric": COUPLED}, "the metric couples them"),
        (Momentum, {"control_matrix": B}, "control_matrix"),
        (Momentum, {"default_dynamics": lambda theta: theta}, "default_dynamics"),
        (Momentum, {"metric": (1.0, 2.0)}, "differs between them"),
        (Momentum, {"hazard": 0.1}, r"replace\(hazard=0.0\)"),
        (Momentum, {"noise": "relative"}, r"replace\(noise=None\)"),
        (Momentum, {"landscape": "ackley"}, "distribution of curvatures"),
    ],
)
def test_a_failing_assumption_is_named(rule, fields, message):
    with pytest.raises(ValueError, match=message):
        rule.derive(problem(**fields))


@pytest.mark.parametrize("rule", [GradientDescent, Momentum])
def test_the_fisher_metric_is_refused(rule):
    pytest.importorskip("sklearn")
    with pytest.raises(ValueError, match="constant metric"):
        rule.derive(problem(landscape="logistic_regression", metric="fisher"))
