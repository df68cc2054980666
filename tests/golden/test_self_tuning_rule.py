"""The self-tuning rule: theory's table, parity with the policy of the same bank, and networks."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from landscape_gym.control import LinearQuadraticPolicy, LQGPolicy, SelfTuningPolicy
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Conditioned, LogUniform, Quadratic
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import CurvatureNoise, NavigationProblem, NormalStart
from landscape_gym.rules.self_tuning import SelfTuning
from landscape_gym.rules.soft_reset import L2Init

LANDSCAPE = Quadratic(dim=10, curvature=LogUniform(0.05, 5.0), optimum_std=1.0)
TABLE = NavigationProblem(
    landscape=LANDSCAPE, start=NormalStart(0.0, 0.0), noise=CurvatureNoise(1.0)
)


def costs(problem, policy, episodes=400):
    policy = policy if hasattr(policy, "predict") else RulePolicy(policy, problem)
    return rollout(problem, policy, episodes=episodes, seed=0).cost


def assert_costs_more(worse, better):
    difference = worse - better
    assert difference.mean() > 4 * difference.std() / math.sqrt(len(difference))


@pytest.mark.parametrize(("sigma", "ratio"), [(0.3, 1.135), (1.0, 1.435), (3.0, 2.777)])
def test_a_bank_of_four_costs_what_the_theory_says(sigma, ratio):
    # Theory 7(e), relative to full information; and at most a tenth above known curvatures.
    problem = TABLE.replace(noise=CurvatureNoise(sigma))
    found = costs(problem, SelfTuning.derive(problem)).mean()
    full = costs(problem, LinearQuadraticPolicy(problem)).mean()
    assert found / full == pytest.approx(ratio, rel=0.01)
    assert found < 1.1 * costs(problem, LQGPolicy(problem)).mean()


def test_larger_banks_cost_less():
    banks = [costs(TABLE, SelfTuning.derive(TABLE, points)) for points in (2, 3, 4, 8)]
    for small, large in pairwise(banks):
        assert_costs_more(small, large)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"drift": 0.3, "metric": tuple(np.linspace(0.5, 2.0, 10)), "eta": 2.0},
        {"landscape": {"curvature": Conditioned(100.0, 0.3, 3.0), "optimum": 0.7}},
        {"start": NormalStart(tuple(np.linspace(-1.0, 1.0, 10)), 0.5), "noise": "isotropic"},
    ],
)
def test_it_is_the_policy_of_the_same_bank(changes):
    problem = TABLE.replace(**changes)
    policy = SelfTuningPolicy(problem, points=4, place="displacement")
    found = costs(problem, SelfTuning.derive(problem), 8)
    np.testing.assert_allclose(found, costs(problem, policy, 8), rtol=1e-9)


def test_a_state_of_eight_numbers_for_each_coordinate():
    y = np.ones((5, 10))
    state = SelfTuning.derive(TABLE).init(y, displacement=y)
    each = [a.shape for part in state for a in part]
    assert each == [(5, 10)] * 8 + [(5, 1)] * 4
    state = SelfTuning.for_networks().init(y, displacement=y)
    each = [a.shape for part in state for a in part]
    assert sorted(each) == [(5, 1)] * 3 + [(5, 10)] * 8


def test_a_bank_for_other_noise_costs_more():
    right = SelfTuning.derive(TABLE)
    wrong = SelfTuning.derive(TABLE.replace(noise=CurvatureNoise(0.2)))
    assert_costs_more(costs(TABLE, wrong), costs(TABLE, right))


# ---- tasks that are redrawn ----------------------------------------------------------------


def test_one_known_curvature_with_hazard_is_the_soft_reset():
    landscape = {"kind": "quadratic", "curvature": (0.3, 2.0), "optimum_std": 1.0}
    problem = NavigationProblem(
        landscape=landscape, noise="isotropic", hazard=0.1, start=NormalStart(0.0, 0.0)
    )
    bank, soft = SelfTuning.derive(problem, points=1), L2Init.derive(problem)
    np.testing.assert_allclose(costs(problem, bank, 16), costs(problem, soft, 16), rtol=1e-9)


def test_forgetting_and_the_pull_pay_where_tasks_are_redrawn():
    problem = TABLE.replace(hazard=0.1, noise=CurvatureNoise(0.3))
    rule = SelfTuning.derive(problem)
    single = SelfTuning.derive(problem.replace(hazard=0.0))
    assert_costs_more(costs(problem, single), costs(problem, rule))
    assert_costs_more(costs(problem, replace(rule, kept=1.0)), costs(problem, rule))
    assert_costs_more(costs(problem, replace(rule, pull=(0.0,) * 4)), costs(problem, rule))


# ---- networks -----------------------------------------------------------------------------


def test_with_estimated_noise_it_learns_without_a_learning_rate():
    torch.manual_seed(0)
    inputs = torch.randn(512, 12)
    labels = (inputs[:, :3].sum(1) > 0).long()
    model = torch.nn.Sequential(torch.nn.Linear(12, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
    weights = list(model.parameters())
    starts = [weight.detach().clone() for weight in weights]
    rule, states = SelfTuning.for_networks(), [None] * len(weights)
    for _ in range(150):
        picks = torch.randint(0, 512, (64,))
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs[picks]), labels[picks]).backward()
        with torch.no_grad():
            for i, (weight, start) in enumerate(zip(weights, starts, strict=True)):
                y, x = weight.grad, weight - start
                states[i] = states[i] or rule.init(y, displacement=x)
                u, states[i] = rule.update(y, states[i], displacement=x)
                weight += u
                assert weight.dtype == torch.float32
    with torch.no_grad():
        assert torch.nn.functional.cross_entropy(model(inputs), labels) < 0.15


def test_what_exact_gradients_leave_unknown_is_how_far_targets_go_in_a_step():
    # Two zero gradients in two places of a unit curvature: no noise, so the target is known.
    rule = SelfTuning.for_networks((1.0,), spread=0.3, growth=0.02)
    y = np.zeros((1, 2))
    _, state = rule.update(y, rule.init(y, displacement=y), displacement=y)
    np.testing.assert_allclose(state.variance[0], 0.02 * 0.3**2, rtol=1e-6)
    assert SelfTuning.derive(TABLE.replace(drift=0.3)).drift == pytest.approx(0.3 * TABLE.dt)


def test_the_look_ahead_is_the_best_move_if_the_curvature_were_revealed_after_it():
    # Values by iterating Bellman's equation, the move by trying many; not by the rule's weights.
    problem = TABLE.replace(eta=20.0, gamma=0.3, landscape={"dim": 1})
    rule = SelfTuning.derive(problem, points=3)
    y, x = np.array([[0.7]]), np.array([[0.4]])
    state = rule.init(y, displacement=x)
    u, after = rule.update(y, state, displacement=x)
    p, target = np.exp(np.ravel(after.log_weight)), np.ravel(after.target)
    c, q = 1 / (20.0 * problem.dt), problem.dt * np.array(rule.curvature)
    P, v = np.zeros(3), np.linspace(-1.0, 1.0, 200_001)
    for _ in range(5000):
        P = c * (q + problem.discount * P) / (c + q + problem.discount * P)
    costs = c / 2 * v**2
    for p_h, z, S in zip(p / p.sum(), target, q + problem.discount * P, strict=True):
        costs = costs + p_h * S / 2 * (x[0, 0] + v - z) ** 2
    assert u[0, 0] * problem.dt == pytest.approx(v[np.argmin(costs)], abs=1e-5)
    assert abs(u[0, 0] * problem.dt) > 0.05


def test_gradients_without_noise_break_nothing():
    y, x = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    rule = SelfTuning.for_networks(hazard=0.01)
    state = rule.init(y, displacement=x)
    for _ in range(50):
        u, state = rule.update(y, state, displacement=x)
        assert np.isfinite(u).all()


# ---- form ---------------------------------------------------------------------------------

RULES = [
    SelfTuning.derive(TABLE.replace(landscape={"dim": 3})),
    SelfTuning.derive(TABLE.replace(landscape={"dim": 3, "curvature": Conditioned()}), points=3),
    SelfTuning.for_networks(hazard=0.01),
]


@pytest.mark.parametrize("rule", RULES, ids=["shared", "own", "networks"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree_and_types_are_kept(rule, dtype):
    near = 1e-4 if dtype == np.float32 else 1e-11
    numpy_state = torch_state = None
    for y, x in np.random.default_rng(0).normal(size=(6, 2, 4, 3)).astype(dtype):
        torch_y, torch_x = torch.from_numpy(y), torch.from_numpy(x)
        numpy_state = numpy_state or rule.init(y, displacement=x)
        torch_state = torch_state or rule.init(torch_y, displacement=torch_x)
        u, numpy_state = rule.update(y, numpy_state, displacement=x)
        v, torch_state = rule.update(torch_y, torch_state, displacement=torch_x)
        assert u.dtype == v.numpy().dtype == dtype
        assert {a.dtype for part in numpy_state for a in part} == {np.dtype(dtype)}
        np.testing.assert_allclose(u, v.numpy(), rtol=near, atol=near)


@pytest.mark.parametrize("rule", RULES, ids=["shared", "own", "networks"])
def test_rows_begin_afresh_by_themselves(rule):
    policy = RulePolicy(rule, TABLE.replace(landscape={"dim": 3}))
    first, second = np.random.default_rng(2).normal(size=(2, 2, 6))
    _, state = policy.predict(first)
    mixed, _ = policy.predict(second, state, np.array([False, True]))
    carried, _ = policy.predict(second, state, np.array([False, False]))
    fresh, _ = policy.predict(second)
    np.testing.assert_array_equal(mixed[0], carried[0])
    np.testing.assert_array_equal(mixed[1], fresh[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": None}, "gradients are exact.*SelfTuningPolicy"),
        ({"horizon": 9}, "finite horizon.*SelfTuningPolicy"),
        ({"hazard": 0.1, "signalled": True}, "without a signal"),
        ({"hazard": 0.1, "start": NormalStart(0.0, 1.0)}, "start of std 0"),
        ({"default_dynamics": "decay"}, "default_dynamics"),
        ({"start": {"kind": "uniform"}}, "Gaussian"),
        ({"landscape": "ackley", "noise": None}, "not quadratic"),
    ],
)
def test_what_it_is_not_derived_for_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SelfTuning.derive(TABLE.replace(**changes))


def test_separate_variances_are_those_of_the_mixture():
    """One filter, one step: what it knows of two weights differs by their own gradients."""
    rule = SelfTuning.for_networks((0.5,), spread=0.2, growth=0.0, hazard=0.1, separate=True)
    y, x = np.array([[1.0, -0.1]]), np.zeros((1, 2))
    _, state = rule.update(y, rule.init(y, displacement=x), displacement=x)
    kept, h, prior = np.exp(-0.1), 0.5, 0.04
    noise = kept * y**2 + (1 - kept) * (0.9 * y) ** 2
    gain = h * prior / (h * h * prior + noise)
    target = -gain * y
    variance = (1 - gain * h) * prior
    mixed = kept * variance + (1 - kept) * prior + kept * (1 - kept) * target**2
    np.testing.assert_allclose(state.target[0], kept * target, rtol=1e-12)
    np.testing.assert_allclose(state.variance[0], mixed, rtol=1e-12)
    assert state.variance[0][0, 0] != state.variance[0][0, 1]
