"""Best paths where motion is priced by a norm, against Riccati's and against what is near."""

import numpy as np
import pytest

from baselines.claims.priced_path import nearest, priced_path
from landscape_gym.control import LinearQuadratic, riccati
from landscape_gym.landscapes import MatrixQuadratic
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.norms import NORMS
from landscape_gym.problem import NavigationProblem

A = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.3]])
START = np.array([1.0, -2.0, 0.5])
MATRICES = Tensors(((2, 3),))


def problem(metric: str, columns: int, **fields: float) -> NavigationProblem:
    landscape = MatrixQuadratic(rows=3, columns=columns, left=A.tolist())
    settings = {"eta": 1.3, "k": 0.7, "gamma": 1.0, "dt": 0.1, **fields}
    return NavigationProblem(landscape=landscape, metric=metric, **settings)


def test_of_a_vector_it_is_the_linear_quadratic_optimum():
    # The spectral norm of a column is its length: no norm but that of theory section 2.
    found = priced_path(problem("spectral", 1), START, 400, bend=2.3)
    lq = LinearQuadratic.of(A, eta=1.3, k=0.7, gamma=1.0, dt=0.1)
    K = riccati(lq).law.K
    np.testing.assert_allclose(found.control[:20], -found.theta[:20] @ K.T, atol=1e-7)


@pytest.mark.parametrize("metric", NORMS)
def test_no_path_that_is_near_costs_less(metric):
    given, start = problem(metric, 2), np.linspace(-1.0, 1.5, 6)
    found, rng = priced_path(given, start, 60, bend=2.3), np.random.default_rng(0)
    weights = np.exp(-0.1 * np.arange(60))

    def cost(u):
        theta = start + 0.1 * np.cumsum(u, axis=0)
        loss = 0.5 * np.einsum("tia,ij,tja->t", *[w := theta.reshape(-1, 3, 2), A, w])
        charge = NORMS[metric](u, Tensors(((3, 2),))) / 2.6
        return 0.1 * weights @ (charge + 0.7 * loss)

    assert cost(found.control) == pytest.approx(found.cost, rel=1e-12)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(20):
            off = size * rng.normal(size=found.control.shape) * rng.integers(0, 2, (60, 1))
            assert cost(found.control + off) > found.cost


@pytest.mark.parametrize("metric", NORMS)
def test_the_proximal_step_is_the_nearest_that_is_cheap(metric):
    rng = np.random.default_rng(1)
    v = rng.normal(size=(5, 6))

    def objective(x):
        return 0.5 * ((x - v) ** 2).sum(-1) + 0.35 * NORMS[metric](x, MATRICES)

    x = nearest(v, 0.7, metric, MATRICES)
    least = objective(x)
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(50):
            assert (objective(x + size * rng.normal(size=v.shape)) > least).all()


def test_what_it_cannot_do_is_told(monkeypatch):
    monkeypatch.setattr("baselines.claims.priced_path.STEPS", 20)
    with pytest.raises(ValueError, match="no best path after"):
        priced_path(problem("max", 1, gamma=0.0), START, 400, bend=1e12)
    random = problem("max", 1).replace(landscape={"optimum_std": 1.0})
    with pytest.raises(ValueError, match="nothing is random"):
        priced_path(random, START, 4, bend=2.3)
