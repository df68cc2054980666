"""Continuous time with default dynamics (theory section 6), and the paper's notebook's slips."""

import math

import numpy as np
import pytest

from landscape_gym.control import LinearQuadratic, LinearQuadraticPolicy, riccati
from landscape_gym.derivation.continuous import (
    continuous_riccati,
    decay_end_point,
    decay_rate,
    rotation_eigenvalues,
    rotation_end_point,
)
from landscape_gym.evaluation import rollout
from landscape_gym.problem import NavigationProblem
from tests.golden.problems import slope

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
Z = np.array([0.4, -0.5])
GAMMAS = [0.0, 0.3, 1.0, 5.0]
STEPS = np.geomspace(1e-3, 6e-5, 5)
"""Time steps of the limit dt -> 0, with rates of order 1."""
ISOTROPIC = {"eta": 0.9, "k": 1.2}
H = 1.7
PULL = 0.9 * 1.2 * H


def notebook_decay_rate(pull, gamma, j):
    return math.sqrt(gamma**2 / 4 + pull + j * (j - gamma)) - gamma / 2


def notebook_decay_end_point(z, pull, gamma, j):
    return z * pull / (pull + j * (j - gamma))


def notebook_rotation_end_point(z, pull, gamma, q):
    return pull / ((pull + q**2) ** 2 + (q * gamma) ** 2) * z


def by_phase(values):
    return np.asarray(sorted(values, key=np.imag))


def isotropic(F, gamma):
    return continuous_riccati(H * np.eye(2), F=F, **ISOTROPIC, gamma=gamma)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("j", [0.0, 0.5, 2.0, 7.0])
def test_decay(gamma, j):
    solution = isotropic(-j * np.eye(2), gamma)
    rate, end = decay_rate(PULL, gamma=gamma, j=j), decay_end_point(Z, PULL, gamma=gamma, j=j)
    np.testing.assert_allclose(-solution.eigenvalues, rate, atol=1e-9)
    np.testing.assert_allclose(solution.end_point(Z), end, atol=1e-9)
    # The notebook's forms hold where gamma j = 0, its figure's setting, and nowhere else.
    off = max(
        abs(notebook_decay_rate(PULL, gamma, j) - rate) if PULL + j * (j - gamma) > 0 else 1.0,
        np.abs(notebook_decay_end_point(Z, PULL, gamma, j) - end).max(),
    )
    if gamma * j == 0:
        assert off < 1e-9
    else:
        assert off > 0.02


def test_decay_where_curvatures_differ():
    h, metric, j = np.array([0.2, 3.0]), np.array([2.0, 0.5]), 0.7
    solution = continuous_riccati(
        np.diag(h), G=np.diag(metric), F=-j * np.eye(2), **ISOTROPIC, gamma=0.4
    )
    pull = 0.9 * 1.2 * h / metric
    rates = decay_rate(pull, gamma=0.4, j=j)
    np.testing.assert_allclose(-solution.eigenvalues.real, np.sort(rates), atol=1e-12)
    np.testing.assert_allclose(
        solution.end_point(Z), decay_end_point(Z, pull, gamma=0.4, j=j), atol=1e-12
    )


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("q", [-1.5, 0.0, 0.5, 3.0])
def test_rotation(gamma, q):
    solution = isotropic(q * TURN, gamma)
    modes = rotation_eigenvalues(PULL, gamma=gamma, q=q)
    end = rotation_end_point(Z, PULL, gamma=gamma, q=q)
    np.testing.assert_allclose(by_phase(solution.eigenvalues), by_phase(modes), atol=1e-9)
    np.testing.assert_allclose(solution.end_point(Z), end, atol=1e-9)
    assert np.abs(notebook_rotation_end_point(Z, PULL, gamma, q) - end).max() > 0.05


def discrete_loop(F, gamma, dt):
    """Gain, eigenvalues (by imaginary part) and end point in discrete time."""
    law = riccati(LinearQuadratic.of(H * np.eye(2), F=F, **ISOTROPIC, gamma=gamma, dt=dt)).law
    loop = F - law.K
    modes = by_phase(np.linalg.eigvals(loop))
    return law.K, modes, np.linalg.solve(loop, law.K_z @ Z)


@pytest.mark.parametrize("kind", ["decay", "rotation"])
@pytest.mark.parametrize("gamma", [0.0, 0.8])
def test_discrete_loops_tend_to_the_closed_forms_at_first_order(kind, gamma):
    if kind == "decay":
        F, modes = -1.5 * np.eye(2), -decay_rate(PULL, gamma=gamma, j=1.5) * np.ones(2)
        end = decay_end_point(Z, PULL, gamma=gamma, j=1.5)
    else:
        F, modes = 3 * TURN, by_phase(rotation_eigenvalues(PULL, gamma=gamma, q=3.0))
        end = rotation_end_point(Z, PULL, gamma=gamma, q=3.0)
    limits = isotropic(F, gamma).law.K, modes, end
    loops = [discrete_loop(F, gamma, dt) for dt in STEPS]
    errors = np.array(
        [[np.abs(a - b).max() for a, b in zip(l, limits, strict=True)] for l in loops]
    )
    for i in range(2 if gamma == 0 else 3):
        assert slope(STEPS, errors[:, i]) == pytest.approx(1.0, abs=0.05), i
    if gamma == 0:
        # Undiscounted, the end is where staying costs least, and that does not depend on dt.
        assert errors[:, 2].max() < 1e-9
    elif kind == "decay":
        rate = notebook_decay_rate(PULL, gamma, 1.5)
        assert slope(STEPS, [np.abs(modes + rate).max() for _, modes, _ in loops]) < 0.05


@pytest.mark.parametrize(
    ("dynamics", "end", "notebook"),
    [
        (
            {"kind": "decay", "rate": 1.5},
            decay_end_point(Z, PULL, gamma=0.8, j=1.5),
            notebook_decay_end_point(Z, PULL, 0.8, 1.5),
        ),
        (
            {"kind": "rotation", "rate": 3.0},
            rotation_end_point(Z, PULL, gamma=0.8, q=3.0),
            notebook_rotation_end_point(Z, PULL, 0.8, 3.0),
        ),
    ],
    ids=["decay", "rotation"],
)
def test_episodes_of_the_environment_end_there(dynamics, end, notebook):
    def last(dt):
        problem = NavigationProblem(
            landscape={"kind": "quadratic", "curvature": (H, H), "optimum": tuple(Z)},
            default_dynamics=dynamics,
            **ISOTROPIC,
            gamma=0.8,
            dt=dt,
            episode_steps=round(16 / dt),
        )
        policy = LinearQuadraticPolicy(problem)
        path = rollout(problem, policy, episodes=1, seed=0, keep_paths=1).path
        return path[-1, 0]

    coarse, fine = last(0.02), last(0.01)
    np.testing.assert_allclose(fine, end, atol=0.02)
    np.testing.assert_allclose(2 * fine - coarse, end, atol=2e-4)
    assert np.abs(2 * fine - coarse - notebook).max() > 0.05
