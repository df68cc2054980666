"""Rules for curvature that is hidden, or that shows in the size of the gradient's noise alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from landscape_gym.control import (
    HiddenCurvature,
    best_linear_rule,
    best_memory_rule,
    heavy_ball,
    optimum,
)
from landscape_gym.derivation.memory_rule import memory_rule_cost
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.derivation.whitening import best_whitening
from landscape_gym.evaluation import compare
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.adam import Adam
from landscape_gym.rules.adamw import AdamW
from landscape_gym.rules.ballistic import Ballistic
from landscape_gym.rules.centred_adam import CentredAdam
from landscape_gym.rules.forgetting import curvature_memory
from landscape_gym.rules.nesterov import Nesterov
from landscape_gym.rules.rmsprop import RMSprop
from landscape_gym.rules.sign_descent import SignDescent
from landscape_gym.rules.soft_reset import SoftReset
from tests.golden.problems import problem, result

# ---- hidden curvature ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [{}, {"horizon": 20}, {"noise": {"kind": "curvature", "std": 0.3}, "drift": 0.01}],
    ids=repr,
)
def test_nesterov_has_the_best_constants_of_its_family(fields):
    given = NavigationProblem(eta=100.0, **fields)
    setting, rule = linear_setting(given), Nesterov.derive(given)

    def cost(lr, mu):
        return memory_rule_cost(setting, (lr * (1 + mu), -lr * mu), (mu,)).cost

    least = cost(rule.lr, rule.momentum)
    for lr, mu in ((1.05, 0.0), (0.95, 0.0), (1.0, 0.03), (1.0, -0.03)):
        assert cost(rule.lr * lr, rule.momentum + mu) > least
    assert least < best_linear_rule(setting).cost  # heavy ball
    assert least < 1.02 * best_memory_rule(setting, 1).cost  # all with that memory


def test_the_cost_of_nesterov_is_that_of_its_own_steps():
    rule, h, total = Nesterov(0.7, 0.4), 1.3, 0.0
    given = problem((h,), gamma=0.3, horizon=9, start={"kind": "normal", "mean": 1.0, "std": 0.0})
    theta = np.array([1.0])
    state = rule.init(theta)
    for t in range(9):
        u, state = rule.update(h * theta, state)
        theta = theta + given.dt * u
        total += given.discount**t * given.dt * float((u**2 / 4 + 1.5 * h * theta**2 / 2)[0])
    weights = (0.7 * 1.4, -0.7 * 0.4)
    expected = memory_rule_cost(linear_setting(given), weights, (0.4,)).cost
    assert expected == pytest.approx(total, rel=1e-12)


def test_where_the_future_hardly_counts_nesterov_needs_no_momentum():
    # With one step there is nothing to look back on; and lr is the optimum's, K / h.
    given = problem((1.3,), horizon=1)
    rule = Nesterov.derive(given)
    assert rule.momentum == 0
    assert rule.lr * 1.3 == pytest.approx(optimum(given).policy.law.K[0, 0, 0], rel=1e-6)
    momenta = [
        Nesterov.derive(NavigationProblem(eta=100.0, horizon=T)).momentum for T in (1, 4, 64)
    ]
    assert momenta == sorted(momenta)
    assert momenta[-1] > 0.5


# ---- curvature from noise --------------------------------------------------------------------


def noisy(curvature=(1.0,), std=1.0, **fields):
    return problem(curvature, noise={"kind": "curvature", "std": std}, **fields)


def test_rmsprop_is_the_ballistic_rule_with_the_root_mean_square_for_the_curvature():
    # u = -(eta k)^(1/2) H^(-1/2) g, with sigma / v^(1/2) for H^(-1/2) (theory 7(c)).
    sigma, ballistic = 0.3, math.sqrt(2.0 * 1.5)
    rule = RMSprop(lr=sigma * ballistic, b2=0.9, eps=0.0)
    gradients = np.random.default_rng(0).normal(size=(20, 3))
    state, v = rule.init(gradients[0]), np.zeros(3)
    for g in gradients:
        u, state = rule.update(g, state)
        v = 0.9 * v + 0.1 * g**2
        plugged = Ballistic(tuple(ballistic * sigma / np.sqrt(v)))
        np.testing.assert_allclose(u, plugged.update(g, plugged.init(g))[0], rtol=1e-13)


def test_without_noise_and_discount_the_step_is_that_of_theory_7():
    # alpha = sigma (eta k)^(1/2), for any prior of curvatures.
    given = NavigationProblem(
        noise={"kind": "curvature", "std": 1e-4}, gamma=1e-4, dt=1e-3, eta=2.0, k=1.5
    )
    lr = RMSprop.derive(given).lr
    assert lr == pytest.approx(1e-4 * math.sqrt(3.0), rel=3e-3)


def test_of_a_known_curvature_adam_is_the_optimal_heavy_ball():
    # u_t = b1 u_{t-1} - alpha (1 - b1) / (sigma h^(1/2)) y_t, theory 4(d).
    given = noisy((0.7,), drift=0.01, gamma=0.0)
    adam, best = Adam.derive(given), heavy_ball(given)
    assert adam.b1 == pytest.approx(float(best.b[0]), rel=1e-5)
    assert adam.lr * (1 - adam.b1) / math.sqrt(0.7) == pytest.approx(float(best.a[0]), rel=1e-5)


def test_of_a_learner_that_hardly_moves_the_mean_is_the_steady_kalman_filter():
    # Theory 7(a): a gradient that drifts by q = h^2 drift dt per step, with noise r = sigma^2 h.
    q, r = 0.7**2 * 0.01 * 0.1, 0.7
    p = (q + math.sqrt(q * q + 4 * q * r)) / 2
    adam = Adam.derive(noisy((0.7,), drift=0.01, gamma=0.0, eta=1e-8))
    assert 1 - adam.b1 == pytest.approx(p / (p + r), rel=3e-3)


def test_on_a_rotated_landscape_v_is_alike_along_all_eigenvectors():
    # v is the mean of sigma^2 h, which only scales gradients: the rule is linear in them.
    sigma, h = 0.8, (0.1, 0.4, 4.0)
    landscape = {"kind": "quadratic", "dim": 3, "curvature": h, "rotated": True}
    given = noisy(h, std=sigma, drift=0.02, gamma=0.2)
    given = given.replace(landscape=landscape)
    root, setting = sigma * math.sqrt(np.mean(h)), linear_setting(given)
    plain = best_linear_rule(setting, momentum=False)
    assert RMSprop.derive(given).lr == pytest.approx(root * plain.a, rel=1e-5)
    averaged, adam = best_linear_rule(setting), Adam.derive(given)
    assert adam.b1 == pytest.approx(averaged.b, rel=1e-4)
    assert adam.lr * (1 - adam.b1) == pytest.approx(root * averaged.a, rel=1e-4)
    on_the_axes = noisy(h, std=sigma, drift=0.02, gamma=0.2)
    assert abs(RMSprop.derive(on_the_axes).lr / RMSprop.derive(given).lr - 1) > 0.05


def test_centring_leaves_of_white_noise_what_its_own_impulse_response_says():
    # White noise through a filter keeps the sum of squares of the filter's impulse response.
    given = noisy((0.7,), drift=0.2, gamma=0.3)
    rule, impulse = CentredAdam.derive(given), np.ones(1)
    state, left = rule.init(impulse), 0.0
    for t in range(400):
        gradient = impulse if t == 0 else 0.0 * impulse
        _, state = rule.update(gradient, state)
        left += float(gradient[0] - state.mean[0]) ** 2
    adam = Adam.derive(given)
    assert 0.1 < left < 0.9
    assert rule.lr == pytest.approx(adam.lr * math.sqrt(left), rel=1e-9)
    assert (rule.b1, rule.b2) == (adam.b1, adam.b2)


def test_sign_descent_is_the_best_rule_that_hears_signs_alone():
    # Of a small signal x in unit Gaussian noise the sign has the mean 2 phi(0) x and variance 1, so
    # sign / (2 phi(0)) is x in noise of variance 1 / (2 phi(0))^2, and the rule is linear in that.
    h, sigma = 0.7, 2.0
    heard = (norm.cdf(1e-6) - norm.cdf(-1e-6)) / 1e-6
    setting = linear_setting(noisy((h,), std=sigma, gamma=0.5))
    noisier = replace(setting, noise=sigma**2 * h / heard**2)
    assert isinstance(noisier, HiddenCurvature)
    best = best_linear_rule(noisier, momentum=False)
    rule = SignDescent.derive(noisy((h,), std=sigma, gamma=0.5))
    assert rule.lr == pytest.approx(best.a * sigma * math.sqrt(h) / heard, rel=1e-5)


@pytest.mark.parametrize("rule", [RMSprop, Adam, CentredAdam, AdamW])
def test_the_memory_of_the_square_is_as_long_as_the_curvature_lasts(rule):
    # e-fold in an episode: what is seen at its beginning counts 1 / e at its end.
    given = noisy((0.5, 2.0), drift=0.1, episode_steps=70)
    assert rule.derive(given).b2 ** 70 == pytest.approx(math.exp(-1.0), rel=1e-9)
    assert AdamW.derive(given.replace(hazard=2.0)).b2 ** 70 == pytest.approx(
        math.exp(-1.0 - 2.0 * 70 * given.dt), rel=1e-9
    )


def test_minibatches_are_noise_of_the_curvature_over_their_size():
    # Per datum the gradient has the Fisher information as its covariance (theory 7(b)).
    pytest.importorskip("sklearn")
    given = NavigationProblem(
        landscape="logistic_regression", noise={"kind": "minibatch", "batch_size": 25}
    )
    same = given.replace(noise={"kind": "curvature", "std": 1 / 5})
    found, expected = linear_setting(given).noise, linear_setting(same).noise
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert RMSprop.derive(given).lr == pytest.approx(RMSprop.derive(same).lr, rel=1e-12)


@pytest.mark.parametrize(("rule", "bound"), [(Adam, 1.01), (CentredAdam, 1.015)])
def test_where_noise_outweighs_gradients_adam_is_the_optimum(rule, bound):
    given = noisy(
        (1.0,) * 4,
        std=5.0,
        eta=1.0,
        k=1.0,
        gamma=0.0,
        drift=0.05,
        episode_steps=2000,
        start={"kind": "normal", "std": 0.3},
    )
    adam = rule.derive(given)
    seen = ObservationConfig(("gradient", "displacement"))
    policies = {
        "rule": RulePolicy(adam),
        "wrong lr": RulePolicy(replace(adam, lr=1.5 * adam.lr)),
        "wrong b1": RulePolicy(replace(adam, b1=0.5)),
        "optimum": optimum(given, seen).policy,
    }
    results = compare(given, policies, episodes=48, optimum="optimum")
    assert results["rule"].ratio.value < bound
    assert results["wrong lr"].ratio.value > 1.05
    assert results["wrong b1"].ratio.value > 1.05


@pytest.mark.parametrize("rule", [RMSprop, SignDescent])
def test_where_noise_outweighs_gradients_the_expected_cost_is_the_predicted_one(rule):
    landscape = {"kind": "quadratic", "dim": 20}
    given = NavigationProblem(
        landscape=landscape,
        noise={"kind": "curvature", "std": 10.0},
        gamma=1.0,
        start={"kind": "normal", "std": 1.0},
    )
    inflation = math.pi / 2 if rule is SignDescent else 1.0
    best = best_whitening(given, "a rule", averaged=False, inflation=inflation)
    derived = rule.derive(given)
    results = compare(
        given,
        {
            "rule": RulePolicy(derived),
            "fast": RulePolicy(replace(derived, lr=2 * derived.lr)),
            "slow": RulePolicy(replace(derived, lr=derived.lr / 2)),
        },
        episodes=128,
    )
    assert results["rule"].cost == pytest.approx(20 * best.cost, rel=0.02)
    assert results["rule"].cost < min(results["fast"].cost, results["slow"].cost)


def test_where_gradients_outweigh_noise_adam_is_too_slow_and_centring_helps():
    # The negative twin: v holds the gradient's own square, and the derivation does not.
    given = noisy((0.05, 0.5, 5.0), std=0.1, eta=1.0, k=1.0)
    adam, centred = (
        result(given, Adam.derive(given))[0],
        result(given, CentredAdam.derive(given))[0],
    )
    assert adam > 2.0
    assert centred < 0.8 * adam


def test_weight_decay_is_what_redrawn_tasks_ask_for():
    landscape = {"kind": "quadratic", "dim": 10, "optimum_std": 1.0}
    given = NavigationProblem(landscape=landscape, noise={"kind": "curvature", "std": 1.0})
    assert AdamW.derive(given).weight_decay == 0
    rates = []
    for hazard in (0.05, 0.2, 1.0):
        switching = given.replace(hazard=hazard)
        rule = AdamW.derive(switching)
        rates.append(rule.weight_decay * rule.lr)
        without = replace(rule, weight_decay=0.0)
        policies = {"rule": RulePolicy(rule, switching), "without": RulePolicy(without, switching)}
        results = compare(switching, policies, episodes=128)
        assert results["rule"].cost < results["without"].cost
    assert rates == sorted(rates)


@pytest.mark.parametrize("curvature", [(0.7,), (0.2, 3.0)])
def test_weight_decay_is_the_pull_of_the_exact_optimum(curvature):
    # Of exact gradients the optimum is a soft reset, whose gains come from dynamic programming.
    landscape = {"kind": "quadratic", "dim": len(curvature), "optimum_std": 0.6}
    landscape["curvature"] = curvature
    given = problem(curvature, landscape=landscape, dt=1e-4, gamma=0.3, hazard=0.4, drift=0.1)
    rule = AdamW.derive(given.replace(noise={"kind": "curvature", "std": 0.5}))
    exact = SoftReset.derive(given)
    pull, lr = np.array(exact.pull), np.array(exact.lr) * curvature
    assert rule.lr * rule.weight_decay == pytest.approx(pull.mean(), rel=2e-3)
    followed = np.mean(lr / (lr + pull))  # what is not pulled back
    drifting = _as_if_jumps_were_drift(given.replace(noise={"kind": "curvature", "std": 0.5}))
    assert rule.lr == pytest.approx(followed * drifting.lr, rel=2e-3)
    assert rule.b1 == pytest.approx(drifting.b1, rel=1e-9)


def _as_if_jumps_were_drift(given):
    """Adam for a target that drifts as far as it jumps: by the mean square of a jump, times the
    hazard, between two independent draws of the prior."""
    points, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    jump = given.landscape.optimum_std**2 * np.sum(weights * np.subtract.outer(points, points) ** 2)
    return Adam.derive(given.replace(hazard=0.0, drift=given.drift + given.hazard * jump))


def test_memory_of_the_curvature_ends_with_it():
    assert curvature_memory(NavigationProblem(horizon=50)) == pytest.approx(math.exp(-0.02))
    switching = NavigationProblem(hazard=2.0, dt=0.05, episode_steps=10_000)
    assert curvature_memory(switching) == pytest.approx(math.exp(-0.1001))
