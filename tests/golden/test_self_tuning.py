"""The self-tuning rule: theory's table, parity with plain Bayes, exact by exact gradients."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from landscape_gym.control import LinearQuadraticPolicy, diagonal_gain, finite_horizon
from landscape_gym.control.hidden_curvature.self_tuning import SelfTuningPolicy
from landscape_gym.derivation.coordinate_prior import curvature_prior
from landscape_gym.derivation.model import LinearQuadratic
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Conditioned, LogUniform, Quadratic
from landscape_gym.problem import CurvatureNoise, IsotropicNoise, NavigationProblem, NormalStart

LANDSCAPE = Quadratic(dim=10, curvature=LogUniform(0.05, 5.0), optimum_std=1.0)
TABLE = NavigationProblem(landscape=LANDSCAPE, start=NormalStart(0.0, 0.0))
SMALL = NavigationProblem(
    landscape=Quadratic(dim=2, optimum=(0.5, -1.0), optimum_std=0.7),
    noise=CurvatureNoise(0.4),
    drift=0.3,
    eta=2.0,
    k=0.8,
    metric=(1.0, 3.0),
)


def costs(problem, policy, episodes=400):
    return rollout(problem, policy, episodes=episodes, seed=0).cost


@pytest.mark.parametrize(("sigma", "ratio"), [(0.3, 1.076), (1.0, 1.386), (3.0, 2.721)])
def test_it_costs_what_the_theory_says(sigma, ratio):
    # Theory 7(e): a bank of 25, relative to full information.
    problem = TABLE.replace(noise=CurvatureNoise(sigma))
    learner = costs(problem, SelfTuningPolicy(problem)).mean()
    assert learner / costs(problem, LinearQuadraticPolicy(problem)).mean() == pytest.approx(
        ratio, rel=0.01
    )


def observe(policy, y, x):
    return np.concatenate([y, x], axis=1)


@pytest.mark.parametrize("acting", ["look-ahead", "mean"])
def test_the_belief_is_bayes_rule_on_all_gradients_at_once(acting):
    rng = np.random.default_rng(3)
    policy = SelfTuningPolicy(SMALL, points=5, acting=acting)
    xs, ys = rng.normal(size=(2, 4, 3, 2))  # steps, rows, coordinates
    state = None
    for y, x in zip(ys, xs, strict=True):
        action, state = policy.predict(observe(policy, y, x), state)
    u = action * policy.action.scale
    grid = curvature_prior(SMALL.landscape, 5)[0]
    walk = 0.3 * 0.1 * np.minimum.outer(np.arange(4), np.arange(4))
    z_covariance = 0.7**2 + walk
    for i, metric in enumerate((1.0, 3.0)):
        mu, c = (0.5, -1.0)[i], metric / (2.0 * 0.1)
        g = 0.1 * diagonal_gain(grid, metric=metric, eta=2.0, k=0.8, gamma=0.1, dt=0.1).gain
        for row in range(3):
            x, y = xs[:, row, i], ys[:, row, i]
            p, e = np.empty((2, 5))
            for j, h in enumerate(grid):
                V = h * h * z_covariance + 0.16 * h * np.eye(4)
                p[j] = multivariate_normal.pdf(y, h * (x - mu), V)
                z = mu - h * z_covariance[-1] @ np.linalg.solve(V, y - h * (x - mu))
                e[j] = x[-1] - z
            p /= p.sum()
            S = c * g / (1 - g)
            best = p @ (S * e) / (c + p @ S) if acting == "look-ahead" else p @ (g * e)
            assert u[row, i] == pytest.approx(-best / 0.1, rel=1e-9)


@pytest.mark.parametrize("place", ["parameters", "displacement"])
@pytest.mark.parametrize("noise", [None, CurvatureNoise(0.3)])
def test_rows_that_start_later_are_as_rows_of_their_own(place, noise):
    problem = TABLE.replace(noise=noise, landscape={"dim": 3}, horizon=9)
    policy = SelfTuningPolicy(problem, points=4, place=place)
    seen = np.random.default_rng(5).normal(size=(6, 2, 6))
    state = fresh = None
    for t, observation in enumerate(seen):
        start = np.array([t == 0, t in (0, 3)])
        action, state = policy.predict(observation, state, start)
        if t >= 3:
            alone, fresh = policy.predict(observation[1:], fresh, np.array([t == 3]))
            np.testing.assert_allclose(action[1:], alone, rtol=1e-12)


@pytest.mark.parametrize("horizon", [None, 6])
def test_two_exact_gradients_reveal_the_curvature(horizon):
    problem = TABLE.replace(horizon=horizon, landscape={"dim": 3}, metric=(1.0, 2.0, 0.5))
    policy = SelfTuningPolicy(problem)
    h, z, x = np.array([[0.07, 0.9, 4.321]]), np.array([[1.0, -2.0, 0.5]]), np.zeros((1, 3))
    action, state = policy.predict(observe(policy, h * (x - z), x))
    for t in range(1, 5):
        x = x + problem.dt * action * policy.action.scale
        action, state = policy.predict(observe(policy, h * (x - z), x), state)
        for i, metric in enumerate((1.0, 2.0, 0.5)):
            if horizon is None:
                gain = diagonal_gain(h[0, i], metric=metric, eta=1, k=1, gamma=0.1, dt=0.1).gain
            else:
                lq = LinearQuadratic.of([[h[0, i]]], G=[[metric]], gamma=0.1, dt=0.1)
                gain = finite_horizon(lq, 6).law.K[t, 0, 0]
            u = action[0, i] * policy.action.scale
            assert u == pytest.approx(-gain * (x - z)[0, i], rel=1e-9)


def test_look_ahead_costs_less_where_control_is_cheap():
    problem = TABLE.replace(eta=100.0)
    ahead, mean = (
        costs(problem, SelfTuningPolicy(problem, acting=acting))
        for acting in ("look-ahead", "mean")
    )
    saved = mean - ahead
    assert saved.mean() > 4 * saved.std() / math.sqrt(len(saved))


def test_weights_matter():
    # The negative twin: a bank for other noise than there is costs more.
    problem = TABLE.replace(noise=CurvatureNoise(0.3))
    right = costs(problem, SelfTuningPolicy(problem))
    wrong = costs(problem, SelfTuningPolicy(problem.replace(noise=CurvatureNoise(1.5))))
    assert (wrong - right).mean() > 4 * (wrong - right).std() / math.sqrt(len(right))


def test_known_curvature_is_a_bank_of_one():
    landscape = {"kind": "quadratic", "curvature": (0.0, 0.3), "optimum_std": 1.0}
    problem = NavigationProblem(landscape=landscape)
    full = LinearQuadraticPolicy(problem)
    learner = SelfTuningPolicy(problem)
    assert curvature_prior(problem.landscape, 25).shape == (2, 1)
    assert costs(problem, learner, 8) == pytest.approx(costs(problem, full, 8), rel=1e-9)


def test_coordinates_of_a_conditioned_spectrum_have_their_own_priors():
    spectrum = Conditioned(100.0, 0.3, 3.0)
    own = curvature_prior(Quadratic(dim=4, curvature=spectrum), 25)
    assert own.shape == (4, 25)
    assert (np.diff(own) > 0).all()
    largest = 0.3 * 10 ** ((np.arange(25) + 0.5) / 25)
    np.testing.assert_allclose(own[0], largest, rtol=0.05)
    assert own[1].mean() > own[3].mean()
    mixed = curvature_prior(Quadratic(dim=4, curvature=spectrum, rotated=True), 25)
    assert mixed.shape == (1, 25)


def test_it_is_no_privileged_policy():
    policy = SelfTuningPolicy(TABLE)
    assert not policy.privileged
    assert not policy.observation.privileged
    assert policy.observation.channels == ("gradient", "parameters")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": "relative"}, "noise|Relative"),
        ({"default_dynamics": "decay"}, "default_dynamics"),
        ({"hazard": 0.1, "landscape": {"curvature": (1.0,) * 10}}, "hazard > 0 redraws"),
        ({"metric": np.eye(10) + 0.1}, "the metric couples them"),
        ({"landscape": {"rotated": True}}, "rotated and gradients are exact"),
        ({"landscape": {"curvature": np.eye(10) + 0.1}}, "Hessian is given and couples"),
    ],
)
def test_what_it_is_not_derived_for_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SelfTuningPolicy(TABLE.replace(**changes))


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="at least 1 point, got 0"):
        SelfTuningPolicy(TABLE, points=0)
    uniform = TABLE.replace(start={"kind": "uniform"}, noise=IsotropicNoise(0.1))
    with pytest.raises(ValueError, match="the start has to be Gaussian"):
        SelfTuningPolicy(uniform, place="displacement")
    SelfTuningPolicy(uniform)
