"""What a step does, against theory section 1 written again in plain NumPy and float64."""

import math
from typing import Any

import numpy as np
import pytest

from landscape_gym import LandscapeNavVectorEnv
from landscape_gym.landscapes import LANDSCAPES, TorchLandscape
from landscape_gym.problem import NOISES
from tests.contracts.environments import EVERYTHING

H = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.7]])
Z = np.array([0.5, -1.0, 0.2])
TURN = np.array([[0.0, -2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
F = np.array([[0.1, -0.4, 0.0], [0.3, -0.2, 0.7], [0.0, 0.2, -0.5]])
B = np.array([[1.0, 0.2], [0.0, -1.0], [0.5, 0.3]])
G = np.array([[2.0, 0.3], [0.3, 0.6]])
I = np.eye(3)
still = np.zeros_like


def linear(theta: np.ndarray) -> np.ndarray:
    return theta @ F.T


VARIANTS: dict[str, tuple[dict[str, Any], Any, np.ndarray, np.ndarray]] = {
    # changes to the problem, then f, B and G as they are meant
    "plain": ({}, still, I, I),
    "scales": ({"eta": 0.3, "k": 2.5, "dt": 0.02, "gamma": 3.0}, still, I, I),
    "decay": ({"default_dynamics": {"kind": "decay", "rate": 0.7}}, lambda t: -0.7 * t, I, I),
    "rotation": ({"default_dynamics": {"kind": "rotation", "rate": 2}}, lambda t: t @ TURN.T, I, I),
    "matrix": ({"default_dynamics": F}, linear, I, I),
    "function": ({"default_dynamics": np.sin}, np.sin, I, I),
    "control": ({"control_matrix": B}, still, B, np.eye(2)),
    "diagonal metric": ({"metric": [0.5, 1.0, 4.0]}, still, I, np.diag([0.5, 1.0, 4.0])),
    "metric of controls": ({"control_matrix": B, "metric": G}, still, B, G),
    "control and dynamics": ({"control_matrix": B, "default_dynamics": F}, linear, B, np.eye(2)),
}


def loss(theta: np.ndarray, target: np.ndarray = Z) -> np.ndarray:
    return 0.5 * np.einsum("bi,ij,bj->b", theta - target, H, theta - target)


@pytest.mark.parametrize(("changes", "f", "control", "metric"), VARIANTS.values(), ids=VARIANTS)
def test_steps_follow_theory_section_1(
    changes: dict[str, Any], f: Any, control: np.ndarray, metric: np.ndarray
):
    envs = LandscapeNavVectorEnv(
        4,
        problem={"landscape": {"kind": "quadratic", "dim": 3, "curvature": H, "optimum": Z}},
        noise=None,
        observation=["parameters", "gradient", "loss"],
        action={"kind": "velocity", "scale": 3.0},
        dtype="float64",
        episode_steps=8,
        **changes,
    )
    observation, _ = envs.reset(seed=0)
    theta = observation[:, :3]
    problem = envs.problem
    for step in range(1, 9):
        a = np.random.default_rng(step).uniform(-1.5, 1.5, size=envs.action_space.shape)
        observation, reward, terminated, truncated, info = envs.step(a)
        u = 3.0 * np.clip(a, -1, 1)
        after = theta + problem.dt * (f(theta) + u @ control.T)
        charge = problem.dt / (2 * problem.eta) * np.einsum("bi,ij,bj->b", u, metric, u)
        np.testing.assert_allclose(observation[:, :3], after, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(observation[:, 3:6], (after - Z) @ H, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(observation[:, 6], loss(after), rtol=1e-12)
        np.testing.assert_allclose(info["control_cost"], charge, rtol=1e-12)
        np.testing.assert_allclose(info["loss"], loss(after), rtol=1e-12)
        cost = charge + problem.dt * problem.k * loss(after)
        np.testing.assert_allclose(reward, -cost, rtol=1e-12)
        assert not terminated.any()
        assert (truncated == (step == 8)).all()
        theta = after
    assert problem.discount == math.exp(-problem.gamma * problem.dt)


def test_functions_as_dynamics_keep_the_dtype():
    wide = lambda theta: -theta.astype(np.float64)  # noqa: E731
    envs = LandscapeNavVectorEnv(2, default_dynamics=wide)
    envs.reset(seed=0)
    envs.step(np.zeros((2, 10)))
    assert envs.simulation.state.theta.dtype == np.float32


def test_the_fisher_metric_is_taken_where_the_move_begins():
    datasets = pytest.importorskip("sklearn.datasets")
    features, _ = datasets.load_breast_cancer(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    x = np.c_[features, np.ones(len(features))]
    envs = LandscapeNavVectorEnv(
        2,
        problem={"landscape": "logistic_regression", "metric": "fisher", "noise": None},
        observation=["parameters"],
        action={"kind": "velocity", "scale": 5.0},
        dtype="float64",
    )
    theta, _ = envs.reset(seed=0)
    for seed in range(3):
        u = 5.0 * np.random.default_rng(seed).uniform(-1, 1, size=(2, 31))
        after, *_, info = envs.step(u / 5.0)
        p = 1 / (1 + np.exp(-theta @ x.T))
        fisher = np.einsum("bn,ni,nj->bij", p * (1 - p), x, x) / len(x)
        expected = envs.problem.dt / 2 * np.einsum("bi,bij,bj->b", u, fisher, u)
        np.testing.assert_allclose(info["control_cost"], expected, rtol=1e-10)
        theta = after


@pytest.mark.parametrize("kind", LANDSCAPES)
def test_the_loss_is_charged_above_its_minimum(kind: str):
    envs = LandscapeNavVectorEnv(2, problem={"landscape": kind}, noise=None, dtype="float64")
    envs.reset(seed=0)
    _, reward, _, _, info = envs.step(np.zeros(envs.action_space.shape))
    minimum = envs.problem.landscape.minimum(envs.simulation.state.instances)
    floor = 0.0 if minimum is None else minimum.loss
    np.testing.assert_allclose(info["excess_loss"], info["loss"] - floor, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(reward, -envs.problem.dt * info["excess_loss"], rtol=1e-12)
    assert minimum is None or (info["excess_loss"] >= 0).all()


def test_an_unknown_minimum_counts_as_zero():
    landscape = TorchLandscape(lambda theta: (theta**2).sum() + 5.0, dim=2)
    envs = LandscapeNavVectorEnv(1, problem={"landscape": landscape}, noise=None)
    envs.reset(seed=0)
    _, _, _, _, info = envs.step(np.zeros((1, 2)))
    assert info["excess_loss"] == info["loss"] > 5.0


CHANGING = {
    "switches": {"hazard": 1e9, "drift": 0.0},
    "drift": {"hazard": 0.0, "drift": 2.0},
    "both": {"hazard": 4.0, "drift": 2.0},
}


@pytest.mark.parametrize("changes", CHANGING.values(), ids=CHANGING)
def test_a_step_costs_on_the_old_landscape_and_shows_the_new_one(changes: dict[str, Any]):
    landscape = {"kind": "quadratic", "dim": 3, "curvature": H, "optimum_std": 1.0}
    envs = LandscapeNavVectorEnv(
        3,
        problem={**EVERYTHING, "landscape": landscape, "noise": None, **changes},
        observation=["parameters", "gradient", "target", "loss"],
        dtype="float64",
    )
    observation, _ = envs.reset(seed=0)
    for seed in range(6):
        old = observation[:, 6:9]
        action = np.random.default_rng(seed).uniform(-1, 1, size=(3, 3))
        observation, *_, info = envs.step(action)
        theta, grad, new = (observation[:, i : i + 3] for i in (0, 3, 6))
        np.testing.assert_allclose(info["loss"], loss(theta, old), rtol=1e-11)
        np.testing.assert_allclose(observation[:, 9], loss(theta, new), rtol=1e-11)
        np.testing.assert_allclose(grad, (theta - new) @ H, rtol=1e-10, atol=1e-12)
        assert changes["hazard"] == 4.0 or (old != new).all()


def targets(rows: int, steps: int, **changes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Where the minimum is at each time, (steps + 1, rows, 3), and the switches, (steps, rows)."""
    envs = LandscapeNavVectorEnv(
        rows,
        problem={**EVERYTHING, "noise": None, "episode_steps": steps + 1, **changes},
        observation=["target", "switched"],
    )
    seen = [envs.reset(seed=0)[0]]
    seen += [envs.step(np.zeros((rows, 3)))[0] for _ in range(steps)]
    history = np.stack(seen)
    return history[..., :3], history[1:, :, 3]


def test_the_drift_is_a_random_walk_of_the_given_variance_per_unit_time():
    where, _ = targets(2000, 40, drift=0.5, dt=0.2, hazard=0.0)
    for steps in (1, 10, 40):
        moved = where[steps] - where[0]
        variance = 0.5 * 0.2 * steps
        # 6000 numbers: the standard error of their variance is variance * sqrt(2 / 6000)
        assert moved.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / 6000))
        assert abs(moved.mean()) < 4 * math.sqrt(variance / 6000)
    a, b = where[1] - where[0], where[2] - where[1]
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / math.sqrt(6000)


def test_drift_and_gradient_noise_are_independent():
    envs = LandscapeNavVectorEnv(
        4000, problem={**EVERYTHING, "hazard": 0.0}, observation=["gradient", "target"]
    )
    before = envs.reset(seed=0)[0][:, 3:]
    observation, *_ = envs.step(np.zeros((4000, 3)))
    noise = observation[:, :3] - envs.simulation.state.grad
    moved = observation[:, 3:] - before
    assert noise.std() > 0.1
    assert moved.std() > 0.05
    assert abs(np.corrcoef(noise.ravel(), moved.ravel())[0, 1]) < 4 / math.sqrt(12_000)


def test_the_hazard_is_the_rate_of_switches():
    where, switched = targets(1000, 30, drift=0.0, hazard=2.0, dt=0.1)
    p = 1 - math.exp(-0.2)
    n = switched.size
    assert switched.mean() == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n))
    changed = (where[1:] != where[:-1]).any(axis=-1)
    np.testing.assert_array_equal(changed, switched.astype(bool))
    twice = (switched[1:] * switched[:-1]).mean()
    assert twice == pytest.approx(p * p, abs=4 * p / math.sqrt(n))


def test_a_new_task_comes_from_the_prior_whatever_the_drift_was():
    where, _ = targets(2000, 20, drift=5.0, hazard=1e9)
    assert where[-1].std() == pytest.approx(1.0, rel=4 / math.sqrt(2 * 6000))


def gradient_noise(kind: str, rows: int = 6000, **scale: Any) -> tuple[np.ndarray, np.ndarray]:
    """Observed minus true gradients of a batch at two successive times, and the true ones."""
    landscape = {"kind": "quadratic", "dim": 3, "curvature": H}
    envs = LandscapeNavVectorEnv(
        rows,
        problem={"landscape": landscape, "noise": {"kind": kind, **scale}},
        start={"kind": "normal", "mean": (1.0, -2.0, 0.5), "std": 0.0},
        observation=["gradient"],
        dtype="float64",
    )
    true = np.array([1.0, -2.0, 0.5]) @ H
    now, _ = envs.reset(seed=0)
    later, *_ = envs.step(np.zeros((rows, 3)))
    return np.stack([now - true, later - true]), true


def covariances() -> dict[str, tuple[dict[str, Any], Any]]:
    return {
        "isotropic": ({"std": 0.4}, lambda g: 0.16 * np.eye(3)),
        "curvature": ({"std": 0.4}, lambda g: 0.16 * H),
        "relative": ({"fraction": 0.4}, lambda g: 0.16 * (g @ g) / 3 * np.eye(3)),
    }


@pytest.mark.parametrize("kind", sorted(set(NOISES) - {"minibatch"}))
def test_gradient_noise_has_the_covariance_that_its_kind_promises(kind: str):
    scale, covariance = covariances()[kind]
    noise, true = gradient_noise(kind, **scale)
    expected = covariance(true)
    size = np.trace(expected) / 3
    for at_one_time in noise:
        np.testing.assert_allclose(np.cov(at_one_time.T), expected, atol=0.06 * size)
        assert np.abs(at_one_time.mean(0)).max() < 4 * math.sqrt(size / 2000)
    successive = np.einsum("bi,bj->ij", *noise) / noise.shape[1]
    assert np.abs(successive).max() < 5 * size / math.sqrt(noise.shape[1])


def minibatch_gradients(batch_size: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Observed gradients at one place, (rows, 31), and the gradients of all data there."""
    datasets = pytest.importorskip("sklearn.datasets")
    features, classes = datasets.load_breast_cancer(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    x = np.c_[features, np.ones(len(features))] * (2.0 * classes - 1)[:, None]
    envs = LandscapeNavVectorEnv(
        rows,
        problem={
            "landscape": "logistic_regression",
            "noise": {"kind": "minibatch", "batch_size": batch_size},
        },
        start={"kind": "normal", "mean": 0.05, "std": 0.0},
        observation=["gradient"],
        dtype="float64",
    )
    theta = np.full(31, 0.05)
    each = -x / (1 + np.exp(x @ theta))[:, None] + envs.problem.landscape.ridge * theta
    return envs.reset(seed=0)[0], each


def test_a_minibatch_of_one_is_the_gradient_of_one_datum():
    observed, each = minibatch_gradients(1, 200)
    distance = np.abs(observed[:, None] - each[None]).max(axis=-1)
    assert distance.min(axis=1).max() < 1e-12
    assert len(set(distance.argmin(axis=1))) > 100


def test_minibatch_gradients_have_the_full_gradient_as_mean_and_shrink_with_the_batch():
    rows, size = 2000, 16
    observed, each = minibatch_gradients(size, rows)
    deviation = each.std(axis=0) / math.sqrt(size)
    error = observed.mean(axis=0) - each.mean(axis=0)
    assert (np.abs(error) < 4.5 * deviation / math.sqrt(rows)).all()
    np.testing.assert_allclose(observed.std(axis=0), deviation, rtol=0.12)
