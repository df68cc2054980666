"""Derived rules: within their assumptions they are the optimum, outside they are not, or refuse."""

import numpy as np
import pytest

from landscape_gym.control import optimum
from landscape_gym.evaluation import compare
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
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
from tests.golden.problems import problem, result

DENSE = ((2.0, 0.6), (0.6, 0.5))
COUPLED = ((0.5, 0.2), (0.2, 1.0))


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
        *cases((Momentum, Nesterov), {"gamma": 0.0, "noise": "isotropic"}, "would come to rest"),
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
