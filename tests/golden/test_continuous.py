"""Continuous-time closed forms against Riccati solutions, simulated paths and small time steps."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm, sqrtm

from landscape_gym.control import LinearQuadratic, diagonal_gain, riccati
from landscape_gym.derivation.continuous import (
    continuous_riccati,
    convergence_rate,
    decay_rate,
    gain_matrix,
    reset_weight,
    rotation_end_point,
)
from tests.golden.problems import instance, slope

OPTIMA = json.loads(Path(__file__).with_name("optima.json").read_text())
Z = np.array([0.4, -0.5])
GAMMAS = [0.0, 0.3, 1.0, 5.0]
STEPS = np.geomspace(1e-3, 6e-5, 5)
"""Time steps of the limit dt -> 0, with rates of order 1."""
ISOTROPIC = {"eta": 0.9, "k": 1.2}
H = 1.7
PULL = 0.9 * 1.2 * H


# ---- the general solution ---------------------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("m", [3, 2])
def test_the_value_is_the_cost_of_the_path_and_wrong_gains_cost_more(gamma, m):
    data, x = instance(0, m=m), np.array([1.0, -2.0, 0.5])
    solution = continuous_riccati(**data, gamma=gamma)
    assert solution.converged
    assert solution.residual < 1e-12

    def cost(factor):
        K = factor * solution.law.K
        weight = K.T @ data["G"] @ K / data["eta"] + data["k"] * data["H"]
        # integral exp(C' t) W exp(C t) dt, with C less gamma/2: Van Loan's block exponential
        C, d, T = data["F"] - data["B"] @ K - gamma / 2 * np.eye(3), 3, 60.0
        blocks = expm(T / 64 * np.block([[-C.T, weight], [np.zeros((d, d)), C]]))
        step = blocks[d:, d:]
        part, total, ahead = step.T @ blocks[:d, d:], 0.0, np.eye(d)
        for _ in range(64):
            total, ahead = total + ahead.T @ part @ ahead, step @ ahead
        return x @ total @ x / 2

    assert cost(1.0) == pytest.approx(x @ solution.P @ x / 2, rel=1e-9)
    assert min(cost(0.95), cost(1.05)) > cost(1.0) * (1 + 1e-6)


@pytest.mark.parametrize("gamma", [0.3, 5.0])
@pytest.mark.parametrize("m", [3, 2])
def test_discrete_laws_tend_to_the_continuous_one_at_first_order(gamma, m):
    data, hazard = instance(1, m=m), 0.6
    expected = continuous_riccati(**data, gamma=gamma, hazard=hazard).law
    steps = STEPS / 4
    laws = [
        riccati(LinearQuadratic.of(**data, gamma=gamma, dt=dt, hazard=hazard)).law for dt in steps
    ]
    for name in ("K", "K_z", "K_m"):
        found, limit = (np.stack([getattr(law, name) for law in laws]), getattr(expected, name))
        error = np.abs(found - limit).max((1, 2))
        assert slope(steps, error) == pytest.approx(1.0, abs=0.05), name
        # Eliminating the first order leaves the second.
        ratio = steps[-1] / steps[-2]
        extrapolated = (found[-1] - ratio * found[-2]) / (1 - ratio)
        np.testing.assert_allclose(extrapolated, limit, atol=1e-6 * np.abs(limit).max())


@pytest.mark.parametrize("m", [3, 2])
def test_the_path_ends_at_the_end_point(m):
    # A separate solution of theory section 6's equation for p, and a path that is integrated.
    data, gamma, z = instance(2, m=m), 0.8, np.array([1.0, -0.4, 0.7])
    solution = continuous_riccati(**data, gamma=gamma)
    F, B, k = data["F"], data["B"], data["k"]
    gain = data["eta"] * np.linalg.solve(data["G"], B.T)
    P = solution.P
    p = np.linalg.solve(gamma * np.eye(3) + P @ B @ gain - F.T, -k * data["H"] @ z)

    def velocity(_, x):
        return F @ x - B @ gain @ (P @ x + p)

    path = solve_ivp(velocity, (0, 200), np.zeros(3), rtol=1e-11, atol=1e-12, method="LSODA")
    np.testing.assert_allclose(path.y[:, -1], solution.end_point(z), atol=1e-8)
    assert np.abs(solution.end_point(z) - z).max() > 0.05  # not the minimum


def test_what_has_no_stationary_optimum_says_so():
    flat = continuous_riccati(np.diag([1.0, 0.0]), gamma=0.0)
    assert not flat.converged
    assert "does not show in the loss" in flat.status
    out_of_reach = continuous_riccati(np.eye(2), B=[[1.0], [0.0]], gamma=0.0)
    assert not out_of_reach.converged
    assert "out of the controls' reach" in out_of_reach.status
    with pytest.raises(ValueError, match="no stabilising solution"):
        out_of_reach.end_point([1.0, 1.0])


def test_a_solution_that_is_not_one_says_so(monkeypatch):
    monkeypatch.setattr("landscape_gym.derivation.continuous.RESIDUAL", -1.0)
    solution = continuous_riccati([[1.0]], gamma=0.1)
    assert not solution.converged
    assert solution.status.startswith("Not converged")


def test_a_path_without_a_single_end_is_refused():
    solution = continuous_riccati(np.diag([1.0, 0.0]), gamma=0.1)
    assert solution.converged
    with pytest.raises(ValueError, match="depends on the start"):
        solution.end_point([1.0, 1.0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"H": [[-1.0]]}, "H must be positive semidefinite, got an eigenvalue -1"),
        ({"H": [[1.0, 2.0], [0.0, 1.0]]}, "H must be symmetric"),
        ({"H": [[1.0]], "G": [[0.0]]}, "G must be positive definite"),
        ({"H": [[1.0]], "gamma": -1.0}, "gamma must be a finite number at least 0"),
        ({"H": [[1.0]], "eta": 0.0}, "eta must be a finite number above 0"),
    ],
)
def test_bad_input_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        continuous_riccati(**{"gamma": 0.1, **given})


def test_closed_forms_refuse_negative_arguments():
    with pytest.raises(ValueError, match="pull must be >= 0, got -1"):
        convergence_rate([1.0, -1.0], gamma=0.1)
    with pytest.raises(ValueError, match="gamma must be >= 0, got -1"):
        rotation_end_point(Z, 1.0, gamma=-1.0, q=1.0)
    with pytest.raises(ValueError, match="j must be >= 0, got -2"):
        decay_rate(1.0, gamma=1.0, j=-2.0)
    with pytest.raises(ValueError, match="hazard must be >= 0, got -1"):
        reset_weight(1.0, gamma=1.0, hazard=-1.0)


def test_reference_values():
    for case in OPTIMA["diagonal_gain"]:
        pull = case["eta"] * case["k"] * case["h"] / case["metric"]
        rate = convergence_rate(pull, gamma=case["gamma"])
        assert rate == pytest.approx(case["continuous_rate"], rel=1e-9)
    for case in OPTIMA["reset_weight"]:
        pull = case["eta"] * case["k"] * case["h"]
        w = reset_weight(pull, gamma=case["gamma"], hazard=case["hazard"])
        assert w == pytest.approx(case["continuous"], rel=1e-9)


# ---- without default dynamics (theory sections 2 to 4) ----------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("seed", range(4))
def test_the_gain_matrix_is_the_riccati_solution_and_the_principal_root(gamma, seed):
    data = instance(seed, d=2 + seed)
    data = {name: data[name] for name in ("H", "G", "eta", "k")}
    assert np.abs(data["G"] @ data["H"] - data["H"] @ data["G"]).max() > 0.05
    R, solution = gain_matrix(**data, gamma=gamma), continuous_riccati(**data, gamma=gamma)
    I = np.eye(len(R))
    root = sqrtm(gamma**2 / 4 * I + data["eta"] * data["k"] * np.linalg.solve(data["G"], data["H"]))
    np.testing.assert_allclose(solution.law.K, R, atol=1e-9)
    np.testing.assert_allclose(solution.law.K_z, -R, atol=1e-9)
    np.testing.assert_allclose(root.real - gamma / 2 * I, R, atol=1e-9)
    np.testing.assert_allclose(solution.end_point(np.ones(len(R))), 1.0, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.4, 3.0])
def test_discrete_gains_tend_to_the_gain_matrix_at_first_order(gamma):
    data = instance(1)
    data = {name: data[name] for name in ("H", "G", "eta", "k")}
    R = gain_matrix(**data, gamma=gamma)
    error = [
        np.abs(riccati(LinearQuadratic.of(**data, gamma=gamma, dt=dt)).law.K - R).max()
        for dt in STEPS
    ]
    assert slope(STEPS, error) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 1.0, 10.0])
def test_discrete_rates_tend_to_the_closed_form_with_the_known_first_order(gamma):
    # Expanding theory section 2's P in dt, with w = sqrt(gamma^2/4 + pull):
    #     gain = r + dt (3 gamma w / 4 - gamma^2 / 8 - w^2 / 2 - gamma^3 / (16 w)) + O(dt^2).
    # The bracket is 0 at r = gamma / sqrt(2), so slopes are taken away from there.
    h, metric = np.array([0.05, 0.3, 2.0, 30.0]), 0.5
    pull = 1.3 * 0.7 * h / metric
    r, w = convergence_rate(pull, gamma=gamma), np.sqrt(gamma**2 / 4 + pull)
    first = 3 * gamma * w / 4 - gamma**2 / 8 - w**2 / 2 - gamma**3 / (16 * w)
    for i in range(len(h)):
        steps = STEPS / max(1.0, r[i], gamma)
        error = np.array(
            [
                diagonal_gain(h[i], metric=metric, eta=1.3, k=0.7, gamma=gamma, dt=dt).gain - r[i]
                for dt in steps
            ]
        )
        assert slope(steps, np.abs(error)) == pytest.approx(1.0, abs=0.05)
        assert error[-1] / steps[-1] == pytest.approx(first[i], rel=0.01)


def test_short_horizons_give_gradient_descent_with_error_pull_over_gamma_squared():
    data = instance(3)
    data = {name: data[name] for name in ("H", "G", "eta", "k")}
    step = data["eta"] * data["k"] * np.linalg.solve(data["G"], data["H"])
    largest = np.abs(np.linalg.eigvals(step)).max()
    gammas = math.sqrt(largest) * np.geomspace(10, 1000, 7)
    error = np.array(
        [
            np.linalg.norm(gain_matrix(**data, gamma=gamma) - step / gamma)
            / np.linalg.norm(step / gamma)
            for gamma in gammas
        ]
    )
    assert slope(gammas, error) == pytest.approx(-2.0, abs=0.02)
    # (gamma^2/4 + X)^(1/2) - gamma/2 = X / gamma - X^2 / gamma^3 + ...
    first = np.linalg.norm(step @ step) / np.linalg.norm(step) / gammas**2
    np.testing.assert_allclose(error[-3:], first[-3:], rtol=1e-3)


@pytest.mark.parametrize(("gamma", "times"), [(0.0, 2.0), (1e4, 4.0)])
def test_four_times_the_curvature(gamma, times):
    # Theory 4(a), in the closed form, the Riccati solution and the environment's discrete time.
    h = np.array([0.5, 2.0])
    found = [
        convergence_rate(h, gamma=gamma),
        np.diag(continuous_riccati(np.diag(h), gamma=gamma).law.K),
        diagonal_gain(h, eta=1.0, k=1.0, gamma=gamma, dt=1e-8).gain,
    ]
    for rates in found:
        assert rates[1] / rates[0] == pytest.approx(times, rel=1e-4)


def test_shorter_horizons_tell_curvatures_further_apart():
    ratios = [np.divide(*convergence_rate([4.0, 1.0], gamma=g)) for g in np.geomspace(0.1, 100, 8)]
    assert (np.diff([2.0, *ratios, 4.0]) > 0).all()


# ---- task switches (theory section 8) ---------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("hazard", [0.0, 0.05, 0.7, 20.0])
def test_the_reset_weight_is_the_riccati_solution(gamma, hazard):
    h, metric = 2.0, 0.5
    pull = 0.9 * 1.2 * h / metric
    law = continuous_riccati([[h]], G=[[metric]], **ISOTROPIC, gamma=gamma, hazard=hazard).law
    r, w = convergence_rate(pull, gamma=gamma), reset_weight(pull, gamma=gamma, hazard=hazard)
    np.testing.assert_allclose(np.ravel(law), [r, -r * (1 - w), -r * w], atol=1e-9)


def test_until_the_task_switches_the_path_heads_between_target_and_prior():
    z, m, w = 3.0, -1.0, reset_weight(2.0, gamma=0.5, hazard=0.7)
    solution = continuous_riccati([[2.0]], gamma=0.5, hazard=0.7)
    assert solution.end_point([z], [m]) == pytest.approx((1 - w) * z + w * m, rel=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("hazard", [0.05, 0.7])
def test_discrete_reset_weights_tend_to_it_at_first_order(gamma, hazard):
    w = reset_weight(PULL, gamma=gamma, hazard=hazard)
    error = []
    for dt in STEPS:
        lq = LinearQuadratic.of([[H]], **ISOTROPIC, gamma=gamma, dt=dt, hazard=hazard)
        law = riccati(lq).law
        error.append(abs((law.K_m / (law.K_z + law.K_m)).item() - w))
    assert slope(STEPS, error) == pytest.approx(1.0, abs=0.05)


def test_steering_elsewhere_costs_more():
    # Given the gain, the weight on the prior's mean that costs least, by the mean path: tasks are
    # exogenous, so dx/dt = -r (x - a(t)) with a(t) = (1 - v) E z(t) + v m, z(0) = 1 and m = 0.
    gamma, hazard, pull = 0.5, 0.7, 2.0
    r = convergence_rate(pull, gamma=gamma)

    def cost(v):
        # E of the discounted cost over (x, z, 1): second moments of x and z with Poisson redraws,
        # z ~ N(0, 1): d/dt E x^2 = -2 r E x^2 + 2 r (1 - v) E x z, and so on.
        s = 1 - v
        moments = np.array(
            [[-2 * r, 2 * r * s, 0.0], [0.0, -r - hazard, r * s], [0.0, 0.0, 0.0]]
        )  # (x x, x z, z z), started at x = 0
        visits = np.linalg.solve(gamma * np.eye(3) - moments, np.array([0.0, 0.0, 1.0]))
        effort = r**2 * np.array([1.0, -2 * s, s**2])
        loss = pull * np.array([1.0, -2.0, 1.0])
        return (effort + loss) @ visits / 2

    w = reset_weight(pull, gamma=gamma, hazard=hazard)
    assert min(cost(w - 0.02), cost(w + 0.02), cost(0.0)) > cost(w)
    assert abs(cost(w + 1e-4) - cost(w - 1e-4)) < 1e-9  # stationary
