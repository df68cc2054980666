"""Learners of rotated Hessians: what they infer is right, and they beat linear rules."""

import math

import numpy as np
import pytest

from landscape_gym.control import LinearQuadraticPolicy, riccati
from landscape_gym.control.hidden_curvature.noisy_quasi_newton import NoisyQuasiNewtonPolicy
from landscape_gym.control.hidden_curvature.quasi_newton import QuasiNewtonPolicy
from landscape_gym.derivation.memory_rule import best_memory_rule
from landscape_gym.derivation.model import LinearQuadratic
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.evaluation import rollout
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import CurvatureNoise, IsotropicNoise
from landscape_gym.registration import REGIMES

EXACT = REGIMES["hidden-curvature"].problem
NOISY = REGIMES["landscape-nav"].problem.replace(landscape={"dim": 4})
RNG_SEED = 7


def costs(problem, policy, episodes=200):
    return rollout(problem, policy, episodes=episodes, seed=0).cost


def random_quadratic(rng, d=6, least=0.05):
    basis = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return (basis * np.geomspace(least, 2.5, d)) @ basis.T, rng.normal(size=d)


def navigate(policy, H, z, steps):
    """The controls on one landscape from 0, and the places where they were given."""
    x, state, moves = np.zeros((1, len(z))), None, []
    for _ in range(steps):
        seen = np.concatenate([(x - z) @ H, x], axis=1)
        action, state = policy.predict(seen, state)
        moves.append((x[0], action[0] * policy.action.scale))
        x = x + EXACT.dt * moves[-1][1]
    return moves, state


@pytest.mark.parametrize("horizon", [None, 12])
def test_after_as_many_moves_as_dimensions_the_law_is_that_of_full_information(horizon):
    H, z = random_quadratic(np.random.default_rng(RNG_SEED))
    policy = QuasiNewtonPolicy(EXACT.replace(horizon=horizon))
    moves, state = navigate(policy, H, z, 8)
    np.testing.assert_allclose(policy.hessian(state)[0], H, atol=1e-7)
    lq = LinearQuadratic.of(H, gamma=EXACT.gamma, dt=EXACT.dt)
    if horizon is None:
        K = riccati(lq).law.K
        for x, u in moves[6:]:
            np.testing.assert_allclose(u, -K @ (x - z), rtol=1e-3, atol=1e-6)
        early = moves[2][1] + K @ (moves[2][0] - z)
        assert np.abs(early).max() > 1e-3


def test_what_is_known_of_the_hessian_agrees_with_the_gradients_seen():
    H, z = random_quadratic(np.random.default_rng(RNG_SEED))
    policy = QuasiNewtonPolicy(EXACT)
    for steps in (2, 3, 5):
        moves, state = navigate(policy, H, z, steps)
        estimate = policy.hessian(state)[0]
        path = np.array([x for x, _ in moves])
        np.testing.assert_allclose(
            np.diff(path, axis=0) @ estimate, np.diff(path, axis=0) @ H, atol=1e-9
        )
        assert np.linalg.eigvalsh(estimate)[0] > 0


def test_exact_gradients_nearly_suffice():
    # A linear rule with two previous gradients and updates costs about 1.10 times the optimum.
    learner = costs(EXACT, QuasiNewtonPolicy(EXACT))
    full = costs(EXACT, LinearQuadraticPolicy(EXACT))
    assert learner.mean() / full.mean() < 1.03


def test_the_first_move_has_the_best_length():
    problem = EXACT.replace(episode_steps=60)
    policy = QuasiNewtonPolicy(problem)
    derived = costs(problem, policy, 400)
    for factor in (0.6, 1.6):
        other = QuasiNewtonPolicy(problem)
        other.h_new = factor * policy.h_new
        worse = costs(problem, other, 400) - derived
        assert worse.mean() > 3 * worse.std() / math.sqrt(len(worse))


@pytest.mark.parametrize("place", ["parameters", "displacement"])
@pytest.mark.parametrize("noise", [CurvatureNoise(0.3), CurvatureNoise(1.0), IsotropicNoise(0.3)])
def test_by_noisy_gradients_the_likeliest_hessian_beats_linear_rules(noise, place):
    problem = NOISY.replace(noise=noise, episode_steps=100)
    learner = costs(problem, NoisyQuasiNewtonPolicy(problem, place, rounds=2))
    linear = costs(problem, RulePolicy(best_memory_rule(linear_setting(problem), 2)))
    saved = linear - learner
    assert saved.mean() > 4 * saved.std() / math.sqrt(len(saved))


def log_posterior(H, z_variance, ys, xs, sigma2, a, b):
    """Of H up to a constant, z integrated out: jointly Gaussian gradients, and the prior."""
    n, d = xs.shape
    covariance = np.kron(np.ones((n, n)), z_variance * H @ H) + np.kron(np.eye(n), sigma2 * H)
    y = (ys - xs @ H).ravel()
    data = y @ np.linalg.solve(covariance, y) + np.linalg.slogdet(covariance)[1]
    prior = a * np.trace(np.linalg.inv(H)) + b * np.trace(H) + d * np.linalg.slogdet(H)[1]
    return -(data + prior) / 2


def test_expectation_and_maximisation_climb_to_a_maximum_of_the_posterior():
    rng = np.random.default_rng(RNG_SEED)
    H, z = random_quadratic(rng, 4, 0.5)
    xs = rng.normal(size=(6, 4))
    ys = (xs - z) @ H + 0.3 * rng.normal(size=(6, 4)) @ np.linalg.cholesky(H).T
    policy = NoisyQuasiNewtonPolicy(NOISY, rounds=200)
    state = None
    for x, y in zip(xs, ys, strict=True):
        _, state = policy.predict(np.concatenate([y, x])[None], state)
    found = state.H[0]
    typical, b = 0.5, math.log(100) / 4.95  # of log-uniform curvatures between 0.05 and 5
    a = 4 * typical + b * typical**2
    at = lambda H: log_posterior(H, 1.0, ys, xs, 0.09, a, b)  # noqa: E731
    for _ in range(20):
        step = rng.normal(size=(4, 4))
        step = step + step.T
        slope = (at(found + 1e-5 * step) - at(found - 1e-5 * step)) / 2e-5
        bend = (2 * at(found) - at(found + 1e-3 * step) - at(found - 1e-3 * step)) / 1e-6
        assert abs(slope) < 1e-4 * bend
        assert bend > 1


@pytest.mark.parametrize(
    ("policy", "problem"), [(QuasiNewtonPolicy, EXACT), (NoisyQuasiNewtonPolicy, NOISY)]
)
def test_rows_that_start_later_are_as_rows_of_their_own(policy, problem):
    policy = policy(problem.replace(horizon=9))
    seen = np.random.default_rng(5).normal(size=(6, 2, 2 * problem.dim))
    state = fresh = None
    for t, observation in enumerate(seen):
        start = np.array([t == 0, t in (0, 3)])
        action, state = policy.predict(observation, state, start)
        if t >= 3:
            alone, fresh = policy.predict(observation[1:], fresh, np.array([t == 3]))
            np.testing.assert_allclose(action[1:], alone, rtol=1e-9)


def test_float32_suffices():
    H, z = random_quadratic(np.random.default_rng(RNG_SEED))
    policy, x, state = QuasiNewtonPolicy(EXACT), np.zeros((1, 6), np.float32), None
    for _ in range(100):
        seen = np.concatenate([(x - z) @ H, x], axis=1).astype(np.float32)
        action, state = policy.predict(seen, state)
        assert action.dtype == np.float32
        x = (x + EXACT.dt * action * policy.action.scale).astype(np.float32)
    assert (x - z) @ H @ (x - z).T < 1e-3 * z @ H @ z


@pytest.mark.parametrize("policy", [QuasiNewtonPolicy(EXACT), NoisyQuasiNewtonPolicy(NOISY)])
def test_they_are_no_privileged_policies(policy):
    assert not policy.privileged
    assert not policy.observation.privileged


@pytest.mark.parametrize(
    ("policy", "problem", "message"),
    [
        (QuasiNewtonPolicy, NOISY, "secants need exact gradients.*NoisyQuasiNewtonPolicy"),
        (QuasiNewtonPolicy, EXACT.replace(drift=0.1), "secants need exact gradients"),
        (NoisyQuasiNewtonPolicy, EXACT, "use QuasiNewtonPolicy without noise"),
        (NoisyQuasiNewtonPolicy, NOISY.replace(drift=0.1), "a landscape that stays"),
        (NoisyQuasiNewtonPolicy, NOISY.replace(noise=IsotropicNoise(0.0)), "noise has std 0"),
        (QuasiNewtonPolicy, EXACT.replace(metric=range(1, 7)), "multiple of the identity"),
        (
            QuasiNewtonPolicy,
            EXACT.replace(landscape={"curvature": (1.0,) * 6, "rotated": False}),
            "Hessian is known",
        ),
    ],
)
def test_what_they_are_not_derived_for_is_refused(policy, problem, message):
    with pytest.raises(ValueError, match=message):
        policy(problem)


def test_rounds_are_counted():
    with pytest.raises(ValueError, match="rounds is at least 1, got 0"):
        NoisyQuasiNewtonPolicy(NOISY, rounds=0)
