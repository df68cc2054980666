"""Linear-quadratic solutions against closed forms, other formulations and simulated costs."""

import math

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are, sqrtm

from landscape_gym.control import (
    LinearQuadratic,
    diagonal_gain,
    finite_horizon,
    optimum,
    riccati,
)
from landscape_gym.derivation import diagonal as diagonal_solver
from landscape_gym.derivation.diagonal import DiagonalQuadratic
from landscape_gym.derivation.model import Law
from landscape_gym.problem import NavigationProblem
from tests.golden.problems import instance

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


# ---- the algebraic equations ------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.0, 0.3, 5.0])
def test_the_equation_after_the_move_is_the_one_with_a_cross_term(gamma):
    # Theory section 2: the same Bellman equation written at the point moved from.
    data, dt = instance(0, m=2), 0.1
    found = riccati(LinearQuadratic.of(**data, gamma=gamma, dt=dt))
    H, G, k, eta = data["H"], data["G"], data["k"], data["eta"]
    A, B, beta = np.eye(3) + dt * data["F"], dt * data["B"], math.exp(-gamma * dt)
    Q = dt * k / 2 * A.T @ H @ A
    R = dt / (2 * eta) * G + dt * k / 2 * B.T @ H @ B
    N = dt * k / 2 * A.T @ H @ B
    P = solve_discrete_are(math.sqrt(beta) * A, math.sqrt(beta) * B, Q, R, s=N)
    K = np.linalg.solve(R + beta * B.T @ P @ B, beta * B.T @ P @ A + N.T)
    np.testing.assert_allclose(found.value.P, P, rtol=1e-9)
    np.testing.assert_allclose(found.law.K, K, rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.2, 10.0])
@pytest.mark.parametrize("hazard", [0.0, 0.5])
@pytest.mark.parametrize("horizon", [None, 4])
def test_elementwise_gains_are_those_of_the_matrices(gamma, hazard, horizon):
    h, metric, drift = (
        np.array([0.0, 0.2, 3.0]),
        np.array([0.3, 1.0, 2.0]),
        np.array([-0.5, 0, 0.4]),
    )
    constants = {"eta": 1.3, "k": 0.7, "gamma": gamma, "dt": 0.1, "hazard": hazard}
    lq = LinearQuadratic.of(np.diag(h), G=np.diag(metric), F=np.diag(drift), **constants)
    dq = DiagonalQuadratic(h, metric=metric, drift=drift, **constants)
    if horizon is None:
        matrices, vectors = riccati(lq).law, diagonal_solver.stationary(dq)
    else:
        matrices, vectors = finite_horizon(lq, horizon).law, diagonal_solver.finite_horizon(dq, 4)
    for matrix, vector in zip(matrices, vectors, strict=True):
        np.testing.assert_allclose(matrix, vector[..., None] * np.eye(3), atol=1e-11)


def test_value_and_contraction_of_the_closed_form():
    found = diagonal_gain([0.0, 1e-12, 0.5, 40.0], eta=2.0, k=0.5, gamma=0.1, dt=0.2)
    costs = np.array([0.0, 1e-12, 0.5, 40.0]) * 0.5 * 0.2 * found.rho**2
    costs += found.gain**2 * 0.2 / 2.0
    np.testing.assert_allclose(found.rho, 1 - 0.2 * found.gain, rtol=1e-14)
    # 1/2 P = sum over steps of beta^t times half these costs of a unit error, contracting by rho.
    np.testing.assert_allclose(
        found.P, costs / (1 - math.exp(-0.02) * found.rho**2), rtol=1e-12, atol=0
    )
    assert found.gain[0] == found.P[0] == 0


@pytest.mark.parametrize("gamma", [0.0, 10.0])
def test_flat_directions_are_left_alone_to_the_last_digit(gamma):
    # First order in h: gain = eta k h dt / (1 - beta), or sqrt(eta k h) without discount.
    found = diagonal_gain(1e-16, eta=1.0, k=1.0, gamma=gamma, dt=0.1).gain
    expected = 1e-16 * 0.1 / -math.expm1(-1.0) if gamma else 1e-8
    assert found == pytest.approx(expected, rel=1e-8)


def test_negative_curvature_and_metric_are_refused():
    with pytest.raises(ValueError, match="curvatures >= 0, got -1"):
        diagonal_gain([1.0, -1.0], eta=1.0, k=1.0, gamma=0.1, dt=0.1)
    with pytest.raises(ValueError, match="metric > 0, got 0"):
        diagonal_gain(1.0, metric=0.0, eta=1.0, k=1.0, gamma=0.1, dt=0.1)


@pytest.mark.parametrize("hazard", [0.0, 0.3])
def test_flat_undiscounted_directions_are_solved_by_value_iteration(hazard):
    # scipy's solver has no answer here: a mode of size 1 that costs nothing.
    lq = LinearQuadratic.of(np.diag([1.0, 0.0]), gamma=0.0, dt=0.1, hazard=hazard)
    found = riccati(lq)
    assert found.converged
    assert "value iteration" in found.status
    nearly = riccati(LinearQuadratic.of(np.diag([1.0, 1e-6]), gamma=0.0, dt=0.1, hazard=hazard))
    assert nearly.status.startswith("Solved the algebraic Riccati equation")
    np.testing.assert_allclose(found.law.K[1], 0, atol=0)
    for flat, steep in zip(found.law, nearly.law, strict=True):
        np.testing.assert_allclose(flat[0], steep[0], atol=1e-9)


def test_a_solution_that_is_not_one_says_so():
    found = riccati(LinearQuadratic.of(np.diag([1.0, 0.0]), gamma=0.0, dt=0.1), iterations=3)
    assert not found.converged
    assert found.status.startswith("Not converged: after 3 steps")
    assert found.residual > 1e-3


@pytest.mark.parametrize("gamma", [0.0, 0.1])
def test_a_cost_without_bound_is_not_converged_and_no_error(gamma):
    # A mode that grows by itself shows in the loss, and no control reaches it.
    F, B = ((0.5, 0.0), (0.0, 0.0)), ((0.0,), (1.0,))
    found = riccati(LinearQuadratic.of(np.eye(2), F=F, B=B, gamma=gamma, dt=0.1))
    assert not found.converged
    assert "out of the controls' reach" in found.status
    landscape = {"kind": "quadratic", "curvature": (1.0, 1.0)}
    problem = NavigationProblem(
        landscape=landscape, default_dynamics=F, control_matrix=B, gamma=gamma
    )
    best = optimum(problem)
    assert (best.converged, best.cost) == (False, None)
    finite = optimum(problem.replace(horizon=10))
    assert finite.converged
    assert np.isfinite(finite.cost)


def test_a_mode_that_grows_unseen_is_not_stabilised():
    # The stabilising solution of the Riccati equation would pay for what costs nothing.
    lq = LinearQuadratic.of(np.diag([1.0, 0.0]), F=np.diag([0.0, 2.0]), gamma=0.1, dt=0.1)
    found = riccati(lq)
    assert found.converged
    np.testing.assert_allclose(found.law.K[1], 0, atol=1e-12)


# ---- limits -----------------------------------------------------------------------------


def gain_error(dt, gamma=0.4):
    data = instance(1)
    H, G, eta, k = data["H"], data["G"], data["eta"], data["k"]
    K = riccati(LinearQuadratic.of(H, G=G, eta=eta, k=k, gamma=gamma, dt=dt)).law.K
    R = sqrtm(gamma**2 / 4 * np.eye(3) + eta * k * np.linalg.solve(G, H)).real
    return np.abs(K - R + gamma / 2 * np.eye(3)).max()


def test_gains_converge_to_continuous_time_at_first_order():
    errors = [gain_error(dt) for dt in (4e-3, 2e-3, 1e-3)]
    assert errors[2] < 5e-3
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2.0, rtol=0.01)


def test_short_horizons_give_gradient_descent_at_first_order():
    # R = (eta k / gamma) G^-1 H (1 - x + O(x^2)), x = eta k h / (metric gamma^2).
    h, metric, eta, k, dt = 2.0, 0.5, 1.3, 0.7, 1e-7
    for gamma in (50.0, 100.0):
        x = eta * k * h / (metric * gamma**2)
        gain = diagonal_gain(h, metric=metric, eta=eta, k=k, gamma=gamma, dt=dt).gain
        error = 1 - gain * gamma * metric / (eta * k * h)
        assert error == pytest.approx(x, rel=0.02)


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_a_single_step_is_a_damped_gradient_step(gamma):
    # u = -eta k dt (G + eta k dt^2 H)^-1 H e
    data, dt = instance(2), 0.3
    H, G, scale = data["H"], data["G"], data["eta"] * data["k"]
    lq = LinearQuadratic.of(H, G=G, eta=data["eta"], k=data["k"], gamma=gamma, dt=dt)
    law = finite_horizon(lq, 1).law
    np.testing.assert_allclose(
        law.K[0], scale * dt * np.linalg.solve(G + scale * dt**2 * H, H), rtol=1e-12
    )
    np.testing.assert_allclose(law.K_z, -law.K, rtol=1e-12)


def test_a_long_finite_horizon_starts_as_an_endless_one():
    lq = LinearQuadratic.of(**instance(3, m=2), gamma=0.5, dt=0.1, hazard=0.2)
    for early, endless in zip(finite_horizon(lq, 400).law, riccati(lq).law, strict=True):
        np.testing.assert_allclose(early[0], endless, atol=1e-10)


@pytest.mark.parametrize("hazard", [0.0, 0.4])
def test_coordinates_do_not_matter(hazard):
    # theta = M phi, G -> M^T G M: the same path.
    data, rng = instance(4), np.random.default_rng(5)
    M = rng.normal(size=(3, 3)) + 2 * np.eye(3)
    inverse = np.linalg.inv(M)
    moved = {
        **data,
        "H": M.T @ data["H"] @ M,
        "G": M.T @ data["G"] @ M,
        "F": inverse @ data["F"] @ M,
        "B": inverse @ data["B"] @ M,
    }
    here = riccati(LinearQuadratic.of(**data, gamma=0.3, dt=0.1, hazard=hazard)).law
    there = riccati(LinearQuadratic.of(**moved, gamma=0.3, dt=0.1, hazard=hazard)).law
    for gain, other in zip(here, there, strict=True):
        np.testing.assert_allclose(inverse @ gain @ M, other, atol=1e-10)


# ---- costs of simulated loops -----------------------------------------------------------


def simulated_cost(data, law, theta, z, *, gamma, dt, steps, m=None):
    """Discounted cost of u = -(K theta + K_z z + K_m m), written out from theory section 1."""
    H, G, F, B = (data[name] for name in "HGFB")
    total = 0.0
    for t in range(steps):
        K, K_z, K_m = (gain[t] if gain.ndim == 3 else gain for gain in law)
        u = -(K @ theta + K_z @ z + (0 if m is None else K_m @ m))
        theta = theta + dt * (F @ theta + B @ u)
        loss = 0.5 * (theta - z) @ H @ (theta - z)
        cost = dt * (u @ G @ u / (2 * data["eta"]) + data["k"] * loss)
        total += math.exp(-gamma * dt * t) * cost
    return total


@pytest.mark.parametrize("m", [3, 2])
@pytest.mark.parametrize("horizon", [None, 7])
def test_the_value_is_the_cost_of_the_loop_and_wrong_gains_cost_more(m, horizon):
    data, theta, constants = instance(6, m=m), np.array([1.0, -2.0, 0.5]), {"gamma": 0.5, "dt": 0.1}
    lq = LinearQuadratic.of(**data, **constants)
    solution = riccati(lq) if horizon is None else finite_horizon(lq, horizon)
    steps = 1000 if horizon is None else horizon
    P = solution.value.P if horizon is None else solution.value.P[0]
    cost = simulated_cost(data, solution.law, theta, np.zeros(3), steps=steps, **constants)
    assert cost == pytest.approx(theta @ P @ theta, rel=1e-12)
    for factor in (0.95, 1.05):
        wrong = solution.law._replace(K=factor * solution.law.K)
        assert simulated_cost(data, wrong, theta, np.zeros(3), steps=steps, **constants) > cost


@pytest.mark.parametrize("horizon", [None, 7])
def test_no_other_feed_forward_is_better(horizon):
    data, constants = instance(7), {"gamma": 0.5, "dt": 0.1}
    theta, z = np.array([0.3, 1.0, -0.5]), np.array([0.0, -0.5, 1.0])
    lq = LinearQuadratic.of(**data, **constants)
    law = (riccati(lq) if horizon is None else finite_horizon(lq, horizon)).law
    steps = horizon or 1000
    best = simulated_cost(data, law, theta, z, steps=steps, **constants)
    rng = np.random.default_rng(8)
    for _ in range(5):
        change = 1e-3 * rng.normal(size=law.K_z.shape)
        costs = [
            simulated_cost(
                data, law._replace(K_z=law.K_z + sign * change), theta, z, steps=steps, **constants
            )
            for sign in (1, -1)
        ]
        assert min(costs) > best
        # Stationary: the first-order parts of both changes cancel.
        assert abs(costs[0] - costs[1]) < 1e-3 * (sum(costs) - 2 * best)


def switching_cost(data, law, theta, mean, std, *, gamma, dt, hazard):
    """Expected discounted cost for z ~ N(mean, std^2 I), redrawn: second moments of (x, z, 1)."""
    H, G, F, B = (data[name] for name in "HGFB")
    d, rho = len(H), math.exp(-hazard * dt)
    u = -np.hstack([law.K, law.K_z, (law.K_m @ mean)[:, None]])
    ahead = np.hstack([np.eye(d) + dt * F, np.zeros((d, d + 1))]) + dt * B @ u
    off = ahead - np.hstack([np.zeros((d, d)), np.eye(d), np.zeros((d, 1))])
    weight = dt * (u.T @ G @ u / (2 * data["eta"]) + data["k"] / 2 * off.T @ H @ off)
    stays, redrawn = np.eye(2 * d + 1), np.eye(2 * d + 1)
    stays[:d] = redrawn[:d] = ahead
    redrawn[d : 2 * d], redrawn[d : 2 * d, -1] = 0, mean
    spread = np.diag(np.concatenate([np.zeros(d), np.full(d, std**2), [0.0]]))
    start = np.concatenate([theta, mean, [1.0]])
    moments, total = np.outer(start, start) + spread, 0.0
    for t in range(1000):
        total += math.exp(-gamma * dt * t) * np.sum(weight * moments)
        moments = rho * stays @ moments @ stays.T + (1 - rho) * (
            redrawn @ moments @ redrawn.T + spread
        )
    return total


def test_with_switching_tasks_no_other_law_is_better():
    data, constants = instance(9), {"gamma": 0.5, "dt": 0.1, "hazard": 0.7}
    law = riccati(LinearQuadratic.of(**data, **constants)).law
    where = (np.array([0.3, 1.0, -0.5]), np.array([0.0, -0.5, 1.0]), 0.8)
    best = switching_cost(data, law, *where, **constants)
    rng = np.random.default_rng(10)
    for name in Law._fields:
        change = 1e-3 * rng.normal(size=(3, 3))
        costs = [
            switching_cost(
                data,
                law._replace(**{name: getattr(law, name) + sign * change}),
                *where,
                **constants,
            )
            for sign in (1, -1)
        ]
        assert min(costs) > best, name
        assert abs(costs[0] - costs[1]) < 0.01 * (sum(costs) - 2 * best), name


def test_ignoring_the_switches_costs_more():
    data, constants = instance(9), {"gamma": 0.5, "dt": 0.1}
    aware = riccati(LinearQuadratic.of(**data, **constants, hazard=0.7)).law
    unaware = riccati(LinearQuadratic.of(**data, **constants)).law
    where = (np.zeros(3), np.zeros(3), 1.0)
    costs = [switching_cost(data, law, *where, **constants, hazard=0.7) for law in (aware, unaware)]
    assert costs[1] > 1.01 * costs[0]


# ---- where default dynamics let it end (theory section 6) -------------------------------


def end_point(F, z, *, h, eta, k, gamma, dt):
    law = riccati(LinearQuadratic.of(h * np.eye(2), F=F, eta=eta, k=k, gamma=gamma, dt=dt)).law
    return np.linalg.solve(law.K - F, -law.K_z @ z)  # F x + u = 0


CONSTANTS = {"h": 1.7, "eta": 0.9, "k": 1.2, "gamma": 0.8}
FORCE = CONSTANTS["eta"] * CONSTANTS["k"] * CONSTANTS["h"]
Z = np.array([0.4, -0.5])


def rotated_end(q, gamma):
    D = (FORCE + q * q) ** 2 + (q * gamma) ** 2
    A = np.array([[FORCE + q * q, -q * gamma], [q * gamma, FORCE + q * q]])
    return FORCE / D * A @ Z


def decayed_end(j, gamma):
    return Z * FORCE / (FORCE + j * (j + gamma))


@pytest.mark.parametrize(
    ("F", "expected"),
    [(3 * TURN, rotated_end(3.0, 0.8)), (-1.5 * np.eye(2), decayed_end(1.5, 0.8))],
)
def test_the_path_ends_short_of_the_minimum_where_theory_says(F, expected):
    errors = [
        np.abs(end_point(F, Z, dt=dt, **CONSTANTS) - expected).max() for dt in (2e-3, 1e-3, 5e-4)
    ]
    assert errors[-1] < 2e-3
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2.0, rtol=0.02)


def test_decay_sets_the_rate():
    j, gamma = 1.5, CONSTANTS["gamma"]
    rate = math.sqrt(gamma**2 / 4 + FORCE + j * (j + gamma)) - gamma / 2
    lq = LinearQuadratic.of(1.7 * np.eye(1), F=[[-j]], eta=0.9, k=1.2, gamma=gamma, dt=1e-5)
    assert j + riccati(lq).law.K[0, 0] == pytest.approx(rate, abs=1e-4)
