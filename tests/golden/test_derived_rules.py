"""Derived rules: within their assumptions they are the optimum, outside they are not, or refuse."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from landscape_gym.control import best_linear_rule, best_memory_rule, heavy_ball, optimum
from landscape_gym.control.hidden_curvature.memory_rule import memory_rule_cost
from landscape_gym.control.hidden_curvature.setting import linear_setting
from landscape_gym.evaluation import compare
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.rules.adam import Adam
from landscape_gym.rules.adamw import AdamW
from landscape_gym.rules.ballistic import Ballistic
from landscape_gym.rules.centred_adam import CentredAdam
from landscape_gym.rules.fisher import conjugate_gradients, fisher_product
from landscape_gym.rules.forgetting import curvature_memory
from landscape_gym.rules.gradient_descent import GradientDescent
from landscape_gym.rules.natural_gradient import NaturalGradient
from landscape_gym.rules.nesterov import Nesterov
from landscape_gym.rules.newton import Newton
from landscape_gym.rules.partial_control import PartialControl
from landscape_gym.rules.rmsprop import RMSprop
from landscape_gym.rules.sign_descent import SignDescent
from landscape_gym.rules.whitening import best_whitening

DENSE = ((2.0, 0.6), (0.6, 0.5))
COUPLED = ((0.5, 0.2), (0.2, 1.0))


def problem(curvature=(1 / 9, 1.0), **fields):
    landscape = {"kind": "quadratic", "dim": len(curvature), "curvature": curvature}
    return NavigationProblem(**{"landscape": landscape, "eta": 2.0, "k": 1.5, **fields})


def result(given, rule, episodes=64):
    """Ratio and regret of a rule, against the optimum of full information."""
    policies = {"rule": RulePolicy(rule, given), "optimum": optimum(given).policy}
    entry = compare(given, policies, episodes=episodes, optimum="optimum")["rule"]
    return entry.ratio.value, entry.regret.value


# ---- known curvature ---------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"metric": (0.2, 3.0)}, {"metric": COUPLED}])
@pytest.mark.parametrize("curvature", [(1 / 9, 1.0), DENSE])
def test_without_discount_the_ballistic_rule_is_the_optimum(curvature, fields):
    given = problem(curvature, gamma=0.0, episode_steps=300, **fields)
    ratio, _ = result(given, Ballistic.derive(given))
    assert ratio == pytest.approx(1.0, abs=1e-9)
    impatient = given.replace(gamma=5.0)
    ratio, regret = result(impatient, Ballistic.derive(impatient))
    assert ratio > 1.01
    assert regret > 0.05


def test_the_ballistic_rate_is_the_root_of_the_curvature():
    # Theory 4(a): (eta k)^(1/2) G^(-1/2) H^(-1/2), here (2 * 1.5 / (g h))^(1/2), as dt -> 0.
    given = problem((0.25, 4.0), metric=(0.5, 3.0), gamma=0.3, dt=1e-6)
    expected = np.sqrt(3.0 / np.array([0.5 * 0.25, 3.0 * 4.0]))
    np.testing.assert_allclose(Ballistic.derive(given).rates, expected, rtol=1e-5)


def test_along_flat_directions_the_ballistic_rule_does_not_move():
    given = problem((0.0, 1.0), gamma=0.1)
    rates = Ballistic.derive(given).rates
    assert rates[0] == pytest.approx(0.0, abs=1e-12)
    assert rates[1] > 1


PARTIAL = [
    {"default_dynamics": {"kind": "rotation", "rate": 3.0}},
    {"default_dynamics": "decay"},
    {"default_dynamics": ((0.0, 1.0), (0.0, -0.5)), "metric": COUPLED},
    {"control_matrix": ((1.0,), (0.5,)), "default_dynamics": ((-0.1, 0.3), (0.0, -0.2))},
    {"hazard": 0.2},
    {"drift": 0.1},
]


@pytest.mark.parametrize("fields", PARTIAL, ids=repr)
@pytest.mark.parametrize("curvature", [(1.0, 4.0), DENSE])
def test_partial_control_is_the_optimum_whatever_moves_by_itself(curvature, fields):
    landscape = {
        "kind": "quadratic",
        "curvature": curvature,
        "optimum": (0.5, -1.0),
        "optimum_std": 0.5,
    }
    given = NavigationProblem(landscape=landscape, gamma=0.2, dt=0.05, **fields)
    rule = PartialControl.derive(given)
    assert result(given, rule)[0] == pytest.approx(1.0, abs=1e-9)
    if "drift" not in fields:  # which changes nothing
        still = PartialControl.derive(problem(curvature, eta=1.0, k=1.0, gamma=0.2, dt=0.05))
        if "control_matrix" not in fields:
            assert result(given, still)[0] > 1.005


def test_partial_control_does_not_stop_at_the_minimum_and_has_no_potential():
    given = problem((4.0, 4.0), default_dynamics={"kind": "rotation", "rate": 3.0}, dt=0.02)
    rule = PartialControl.derive(given)
    jacobian = np.asarray(rule.parameter_rates) + np.asarray(rule.gradient_rates) * 4.0
    assert abs(jacobian[0, 1] - jacobian[1, 0]) > 0.1
    theta = np.array([0.0, -0.5])  # the minimum, if the target is there
    u, _ = rule.update(np.zeros(2), rule.init(theta, theta), theta)
    assert np.abs(u + given.dynamics_matrix @ theta).max() > 0.1


@pytest.mark.parametrize("curvature", [(1 / 9, 10.0), DENSE])
@pytest.mark.parametrize("metric", [None, COUPLED])
def test_newton_is_the_optimum_of_a_single_step(curvature, metric):
    given = problem(curvature, metric=metric, horizon=1, dt=0.5, gamma=1.0)
    rule = Newton.derive(given)
    assert result(given, rule)[0] == pytest.approx(1.0, abs=1e-12)
    assert result(given, GradientDescent(rule.lr))[0] > 1.001
    longer = given.replace(horizon=200, dt=0.1, gamma=0.1)
    assert result(longer, Newton.derive(longer))[0] > 1.2


def test_newton_reads_the_hessian_where_it_is_hidden():
    landscape = {"kind": "quadratic", "dim": 3, "rotated": True}
    given = NavigationProblem(landscape=landscape, horizon=1, dt=0.5)
    rule = Newton.derive(given)
    assert rule.channels == ("gradient", "hessian")
    assert RulePolicy(rule, given).privileged
    assert result(given, rule)[0] == pytest.approx(1.0, abs=1e-12)


# ---- metrics -----------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [(0.02, 1.0), COUPLED])
def test_with_a_short_horizon_the_natural_gradient_is_the_optimum(metric):
    short = problem((2.0, 0.5), metric=metric, gamma=100.0, dt=1e-4, episode_steps=800)
    rule = NaturalGradient.derive(short)
    ratio, regret = result(short, rule)
    assert ratio < 1.0001
    assert regret < 0.01
    plain = GradientDescent.derive(short.replace(metric=None))
    assert result(short, plain)[1] > 0.1
    long = short.replace(gamma=1.0, dt=0.01)
    assert result(long, NaturalGradient.derive(long))[0] > 1.1


def test_the_metric_of_a_constant_and_of_a_channel_are_one():
    G = np.array(COUPLED)
    g = np.array([[1.0, -2.0], [0.5, 0.3]])
    constant, read = NaturalGradient(0.3, COUPLED, 0.1), NaturalGradient(0.3, None, 0.1)
    u, _ = constant.update(g, constant.init(g))
    flat = np.tile(G.ravel(), (2, 1))
    v, _ = read.update(g, read.init(g, flat), flat)
    w, _ = read.update(g, read.init(g), lambda vectors: vectors @ G)
    np.testing.assert_allclose(u, v, rtol=1e-12)
    np.testing.assert_allclose(u, w, rtol=1e-8)


def test_natural_gradients_take_one_path_whatever_the_parameters():
    # Theory 5: theta = M phi, H -> M' H M, G -> M' G M.
    rng = np.random.default_rng(0)
    d, dt = 4, 0.05
    root, other, M = rng.normal(size=(3, d, d))
    H, G, M = root @ root.T / d + np.eye(d), other @ other.T / d + np.eye(d), M + 2 * np.eye(d)
    z, start = rng.normal(size=(2, d))

    def path(H, G, z, theta, rule_class):
        landscape = {"kind": "quadratic", "dim": d, "curvature": H, "optimum": z}
        given = NavigationProblem(landscape=landscape, metric=G, gamma=2.0, dt=dt)
        rule = rule_class.derive(
            given if rule_class is NaturalGradient else given.replace(metric=None)
        )
        state, passed = rule.init(theta), []
        for _ in range(50):
            u, state = rule.update(H @ (theta - z), state)
            theta = theta + dt * u
            passed.append(theta)
        return np.stack(passed)

    inverse = np.linalg.inv(M)
    for rule, same in ((NaturalGradient, True), (GradientDescent, False)):
        there = path(H, G, z, start, rule)
        again = path(M.T @ H @ M, M.T @ G @ M, inverse @ z, inverse @ start, rule) @ M.T
        assert (np.abs(there - again).max() < 1e-6) == same
    assert np.abs(there - again).max() > 0.1


# ---- the Fisher information of networks ------------------------------------------------------


def network(outputs):
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, outputs)
    ).double()
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64)
    return net, torch.randn(20, 3, generator=generator, dtype=torch.float64)


def scores_squared(net, x, likelihood):
    """E s s' by its definition: over the model's own outcomes, with s the gradient of -log p."""
    parameters = list(net.parameters())

    def score(loss):
        grads = torch.autograd.grad(loss, parameters, retain_graph=True)
        return torch.cat([g.flatten() for g in grads])

    total = 0.0
    for row in x:
        out = net(row)
        if likelihood == "categorical":
            log_p = torch.log_softmax(out, -1)
            terms = [(log_p[i].exp().detach(), score(-log_p[i])) for i in range(len(out))]
        elif likelihood == "bernoulli":  # independent outputs: their informations add
            terms = []
            for logit in out:
                for sign in (1.0, -1.0):
                    log_p = torch.nn.functional.logsigmoid(sign * logit)
                    terms.append((log_p.exp().detach(), score(-log_p)))
        else:  # y = mean + n: the score is -n J, and E n^2 = 1
            terms = [(1.0, score(mean)) for mean in out]
        total = total + sum(p * torch.outer(s, s) for p, s in terms)
    return total / len(x)


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli", "normal"])
def test_products_with_the_fisher_information_are_those_of_its_definition(likelihood):
    net, x = network(3)
    F = scores_squared(net, x, likelihood)
    product = fisher_product(net, x, likelihood)
    columns = torch.stack([product(unit) for unit in torch.eye(len(F), dtype=torch.float64)], 1)
    torch.testing.assert_close(columns, F, rtol=1e-10, atol=1e-12)


def test_conjugate_gradients_solve_the_damped_system():
    net, x = network(3)
    F, product = scores_squared(net, x, "categorical"), fisher_product(net, x)
    g = torch.linspace(-1.0, 1.0, len(F), dtype=torch.float64)
    found = conjugate_gradients(product, g, damping=0.01, iterations=500)
    exact = torch.linalg.solve(F + 0.01 * torch.eye(len(F), dtype=torch.float64), g)
    assert found.converged
    torch.testing.assert_close(found.solution, exact, rtol=1e-7, atol=1e-9)
    rule = NaturalGradient(0.5, None, 0.01)
    u, _ = rule.update(g, rule.init(g), product)
    torch.testing.assert_close(u, -0.5 * exact, rtol=1e-6, atol=1e-8)


def test_large_matrices_are_solved_by_conjugate_gradients(monkeypatch):
    rng = np.random.default_rng(0)
    root, g = rng.normal(size=(2, 5, 5)), rng.normal(size=(2, 5))
    flat = (root @ root.transpose(0, 2, 1)).reshape(2, -1)
    rule = NaturalGradient(0.5, None, 0.1)
    direct, _ = rule.update(g, rule.init(g), flat)
    monkeypatch.setattr("landscape_gym.rules.natural_gradient.DIRECT", 4)
    iterated, _ = rule.update(g, rule.init(g), flat)
    np.testing.assert_allclose(iterated, direct, rtol=1e-7)
    assert (iterated != direct).any()


def test_the_damping_is_the_next_order_of_the_optimum():
    # R / h of theory 2 in 1 / gamma: gradient descent errs by gamma^-2, this by gamma^-4.
    errors = []
    for gamma in (10.0, 20.0):
        tau = 1 / gamma
        exact = (math.sqrt(gamma**2 / 4 + 3.0 * 0.7) - gamma / 2) / 0.7
        damped = NaturalGradient(3.0 * tau, 1.0, 3.0 * tau**2 * 0.7)
        u, _ = damped.update(np.ones(1), damped.init(np.ones(1)))
        errors.append([abs(3.0 * tau / exact - 1), abs(-u[0] / exact - 1)])
    falls = np.log2(np.array(errors[0]) / errors[1])
    np.testing.assert_allclose(falls, [2.0, 4.0], atol=0.1)


def test_conjugate_gradients_say_where_they_stopped_and_take_rows_side_by_side():
    A = np.diag(np.geomspace(1e-3, 1.0, 8))
    rows = np.stack([np.ones(8), np.zeros(8), np.arange(8.0)])
    found = conjugate_gradients(lambda v: v @ A, rows)
    assert found.converged
    np.testing.assert_allclose(found.solution, rows / np.diag(A), rtol=1e-6)
    short = conjugate_gradients(lambda v: v @ A, rows, iterations=3)
    assert not short.converged
    assert short.iterations == 3
    assert short.residual > 1e-3


def test_an_unknown_likelihood_is_refused():
    with pytest.raises(ValueError, match="categorical"):
        fisher_product(torch.nn.Linear(1, 1), torch.ones(1, 1), "categorial")


def test_the_fisher_metric_of_a_model_is_read_and_damped_by_the_ridge():
    pytest.importorskip("sklearn")
    given = NavigationProblem(landscape="logistic_regression", metric="fisher", eta=4.0, gamma=5.0)
    given = given.replace(dt=0.02)
    rule = NaturalGradient.derive(given)
    assert rule.channels == ("gradient", "fisher")
    assert rule.lr == pytest.approx(4.0 / 5.0)
    assert rule.damping == pytest.approx(4.0 / 5.0**2 * 1e-3)
    policies = {
        "natural": RulePolicy(rule, given),
        "undamped": RulePolicy(replace(rule, damping=0.0), given),
        "plain": RulePolicy(GradientDescent.derive(given.replace(metric=None))),
    }
    results = compare(given, policies, episodes=8)
    assert results["natural"].regret.value < 0.95 < results["plain"].regret.value
    assert results["natural"].diverged == 0 < results["undamped"].diverged


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


def test_memory_of_the_curvature_ends_with_it():
    assert curvature_memory(NavigationProblem(horizon=50)) == pytest.approx(math.exp(-0.02))
    switching = NavigationProblem(hazard=2.0, dt=0.05, episode_steps=10_000)
    assert curvature_memory(switching) == pytest.approx(math.exp(-0.1001))


# ---- refusals ------------------------------------------------------------------------------

B = ((1.0,), (0.5,))
KNOWN = (Ballistic, PartialControl)
NOISE = (SignDescent, RMSprop, Adam, AdamW, CentredAdam)
HIDDEN = {"kind": "quadratic", "dim": 2}


def cases(rules, fields, message):
    return [(rule, fields, message) for rule in rules]


@pytest.mark.parametrize(
    ("rule", "fields", "message"),
    [
        *cases(KNOWN, {"landscape": HIDDEN}, "RMSprop or Adam"),
        *cases(KNOWN, {"landscape": "ackley"}, "not quadratic"),
        *cases(KNOWN, {"noise": "isotropic"}, "LQGPolicy"),
        *cases(KNOWN, {"horizon": 5}, "horizon=5"),
        (PartialControl, {"default_dynamics": lambda theta: theta}, "not known to be linear"),
        (Ballistic, {"hazard": 0.1}, r"replace\(hazard=0.0\)"),
        *cases((Ballistic, Newton, NaturalGradient), {"control_matrix": B}, "control_matrix"),
        *cases(
            (Ballistic, Newton, Nesterov, NaturalGradient, *NOISE),
            {"default_dynamics": "rotation"},
            "default_dynamics",
        ),
        (NaturalGradient, {"gamma": 0.0}, "gamma = 0 without horizon"),
        *cases(NOISE, {"noise": None}, "does not grow with the curvature"),
        *cases(NOISE, {"noise": "isotropic"}, "does not grow with the curvature: use momentum"),
        *cases(NOISE, {"noise": {"kind": "curvature", "std": 0.0}}, "does not grow"),
        *cases(NOISE, {"gamma": 0.0}, "would come to rest"),
        *cases((Nesterov, *NOISE), {"metric": (1.0, 2.0)}, "differs between them"),
        *cases((Nesterov, SignDescent, RMSprop, Adam, CentredAdam), {"hazard": 0.1}, "hazard"),
        (
            AdamW,
            {"hazard": 0.1, "landscape": {"kind": "quadratic", "optimum": 1.0}},
            "not redrawn about 0",
        ),
        (CentredAdam, {"horizon": 1}, "b1 = 0"),
    ],
)
def test_a_failing_assumption_is_named(rule, fields, message):
    noise = {"noise": "curvature"} if rule in NOISE else {}
    with pytest.raises(ValueError, match=message):
        rule.derive(problem(**{**noise, **fields}))


def test_without_a_hessian_newton_names_gradient_descent():
    from landscape_gym.landscapes.torch_landscape import TorchLandscape

    large = TorchLandscape(lambda theta: (theta**2).sum(), dim=101)
    with pytest.raises(ValueError, match="gradient descent"):
        Newton.derive(NavigationProblem(landscape=large))


def test_newton_refuses_the_fisher_metric():
    pytest.importorskip("sklearn")
    with pytest.raises(ValueError, match="natural gradient"):
        Newton.derive(NavigationProblem(landscape="logistic_regression", metric="fisher"))


def test_a_centred_variance_of_one_gradient_is_refused():
    with pytest.raises(ValueError, match="CentredAdam"):
        RMSprop(centred=True, corrected=True)


def test_in_its_own_regime_the_metric_makes_the_natural_gradient_and_not_the_plain_one():
    problem = REGIMES["geometry"].problem
    plain = GradientDescent.derive(problem.replace(metric=None))
    rules = {
        "natural": RulePolicy(NaturalGradient.derive(problem), problem),
        "plain": RulePolicy(plain),
        "optimum": optimum(problem).policy,
    }
    result = compare(problem, rules, episodes=256, optimum="optimum")
    assert 1 < result["natural"].ratio.value < 1.01
    assert result["natural"].regret.high < 0.02
    assert result["plain"].regret.low > 0.8
