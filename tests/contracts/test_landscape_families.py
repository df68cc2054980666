"""What single families of landscapes are: facts that the contracts over all of them do not tell."""

import sys

import numpy as np
import pytest

from landscape_gym.landscapes import (
    Ackley,
    Cliff,
    Conditioned,
    LogisticRegression,
    LogUniform,
    PowerLaw,
    Quadratic,
    Saddle,
    StyblinskiTang,
    logistic_regression,
)
from tests.contracts.instances import BATCH, batch, draws


def test_minibatches_stay_inside_the_data_at_the_largest_uniform_number() -> None:
    landscape = LogisticRegression()
    theta = np.zeros((1, 31), np.float32)
    largest = np.full((1, 1), np.nextafter(np.float32(1), np.float32(0)))
    last = np.full((1, 1), 568.5 / 569, np.float32)
    picked, expected = (landscape.minibatch_grad((), theta, u) for u in (largest, last))
    np.testing.assert_array_equal(picked, expected)


def test_the_fisher_information_is_the_expected_square_of_the_score() -> None:
    landscape = LogisticRegression(ridge=0.01)
    instances, theta = batch(landscape)
    theta *= 0.3
    signed = logistic_regression.load("breast_cancer", "<f8").signed
    # The score of class s at x is s p(-s | x) x: average it over p(s | x) and over the data.
    logits = theta @ signed.T
    expected = np.zeros((BATCH, 31, 31))
    for s in (1.0, -1.0):
        probability, other = 1 / (1 + np.exp(-s * logits)), 1 / (1 + np.exp(s * logits))
        scores = (s * other)[:, :, None] * signed
        expected += np.einsum("bn,bni,bnj->bij", probability, scores, scores) / len(signed)
    fisher = landscape.fisher(instances, theta)
    np.testing.assert_allclose(fisher, expected, rtol=1e-8, atol=1e-12)
    hessian = landscape.hessian(instances, theta)
    np.testing.assert_allclose(hessian - fisher, np.tile(0.01 * np.eye(31), (BATCH, 1, 1)))


def test_the_logistic_minimum_is_the_one_that_scikit_learn_finds() -> None:
    from sklearn.linear_model import LogisticRegression as Reference

    landscape = LogisticRegression(ridge=1e-3)
    data = logistic_regression.load("breast_cancer", "<f8").signed
    classes = data[:, -1]
    reference = Reference(
        C=1 / (1e-3 * len(data)), fit_intercept=False, solver="newton-cholesky", tol=1e-12
    ).fit(data * classes[:, None], classes)
    location = landscape.minimum(()).location
    np.testing.assert_allclose(location, reference.coef_, rtol=1e-6, atol=1e-8)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    logistic_regression.load.cache_clear()
    with pytest.raises(ImportError, match=r"landscape-gym\[data\]"):
        LogisticRegression().loss((), np.zeros((1, 31)))


def test_quadratic_optima_have_the_given_mean_and_deviation() -> None:
    landscape = Quadratic(dim=2, optimum=(1.0, -2.0), optimum_std=0.25)
    optimum = landscape.sample(draws(*range(2000))).optimum
    np.testing.assert_allclose(optimum.mean(axis=0), (1.0, -2.0), atol=0.02)
    np.testing.assert_allclose(optimum.std(axis=0), 0.25, rtol=0.05)


def test_spectra_are_what_they_say() -> None:
    draw = draws(*range(1000))
    uniform = LogUniform(low=0.1, high=10.0).sample(draw, 3)
    assert uniform.min() == pytest.approx(0.1, rel=0.05)
    assert uniform.max() == pytest.approx(10.0, rel=0.05)
    power = PowerLaw(largest=2.0, exponent=2.0).sample(draw, 3)
    np.testing.assert_allclose(power, [[2.0, 0.5, 2 / 9]])
    spread = Conditioned(condition=100.0, largest_low=0.5, largest_high=2.0).sample(draw, 4)
    condition = spread[:, 0] / spread[:, -1]
    assert condition.min() == pytest.approx(1.0, rel=0.05)
    assert condition.max() == pytest.approx(100.0, rel=0.05)
    np.testing.assert_array_equal(spread.max(axis=1), spread[:, 0])
    np.testing.assert_array_equal(spread.min(axis=1), spread[:, -1])
    assert spread[:, 0].min() == pytest.approx(0.5, rel=0.05)
    assert spread[:, 0].max() == pytest.approx(2.0, rel=0.05)


def test_ackley_is_finite_at_its_tip_and_exact_beside_it() -> None:
    landscape = Ackley(dim=3)
    loss, grad = landscape.loss_and_grad((), np.zeros((1, 3)))
    assert loss == 0
    np.testing.assert_array_equal(grad, np.zeros((1, 3)))
    assert np.isfinite(landscape.hessian((), np.zeros((1, 3)))).all()
    # Near the tip L = 4 r: twenty times exp(-r / 5)'s slope of 1 / 5.
    theta = np.full((1, 3), 1e-9, np.float32)
    near, slope = landscape.loss_and_grad((), theta)
    np.testing.assert_allclose(near, 4e-9, rtol=1e-5)
    np.testing.assert_allclose(slope, np.full((1, 3), 4 / 3), rtol=1e-5)


def test_the_saddle_is_strict() -> None:
    landscape = Saddle(dim=4, descending=2, escape=0.5)
    origin = np.zeros((1, 4))
    loss, grad = landscape.loss_and_grad((), origin)
    np.testing.assert_array_equal(grad, origin)
    assert loss == pytest.approx(0.25)
    hessian = landscape.hessian((), origin)
    np.testing.assert_array_equal(hessian[0], np.diag([-0.5, -0.5, 1.0, 1.0]))


def test_the_cliff_is_flat_outside_and_steep_at_its_edge() -> None:
    landscape = Cliff(dim=1, height=5.0, radius=1.0, slope=0.0)
    plateau, edge = landscape.grad((), np.array([[2.5], [0.9]]))[:, 0]
    assert 0 <= plateau < 1e-12
    assert edge > 7.0
    bottom, top = landscape.loss((), np.array([[0.0], [2.5]]))
    assert top - bottom == pytest.approx(5.0, abs=1e-3)


def test_the_styblinski_tang_minimum_is_its_published_value() -> None:
    minimum = StyblinskiTang(dim=3).minimum(())
    np.testing.assert_allclose(minimum.location, -2.903534, atol=1e-6)
    assert minimum.loss == pytest.approx(-39.16616570377142 * 3, rel=1e-14)
