"""The price of a first move that knows neither curvatures nor axes: that of brute force."""

import math

import numpy as np
import pytest

from landscape_gym.control import LQGPolicy, best_learner, diagonal_gain, price_of_hidden_axes
from landscape_gym.control.hidden_curvature.bracket import price_of_the_first_move
from landscape_gym.derivation.coordinate_prior import curvature_prior
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import LogUniform, Quadratic
from landscape_gym.problem import CurvatureNoise, NavigationProblem, NormalStart
from landscape_gym.refusal import Refusal
from landscape_gym.registration import REGIMES

PROBLEM = NavigationProblem(
    landscape=Quadratic(dim=2, curvature=LogUniform(0.1, 4.0), rotated=True, optimum_std=0.8),
    start=NormalStart(0.0, 0.5),
    noise=CurvatureNoise(0.5),
    eta=20.0,
)
REGIME = REGIMES["landscape-nav"].problem


@pytest.mark.parametrize("place", ["displacement", "parameters"])
def test_it_is_that_of_brute_force(place):
    # Every Hessian of a grid, weighed by how likely it makes what is seen; moves in the plane.
    seen, rng = 1500, np.random.default_rng(0)
    s2 = 0.64 + (0.25 if place == "displacement" else 0.0)
    values, turns = curvature_prior(PROBLEM.landscape, 12)[0], np.pi * (np.arange(16) + 0.5) / 16
    h = np.stack([each.ravel() for each in np.meshgrid(values, values, turns)], axis=1)
    turn, h = h[:, 2], h[:, :2]
    Q = np.stack([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).transpose(2, 0, 1)
    g, c = 0.1 * diagonal_gain(h, eta=20.0, k=1.0, gamma=0.1, dt=0.1).gain, 1 / 2.0
    S, V = c * g / (1 - g), s2 * h**2 + 0.25 * h
    true = rng.integers(len(h), size=seen)
    delta = rng.normal(size=(seen, 2)) * (0.5 if place == "parameters" else 0.0)
    along = np.vecmat(delta, Q[true])
    y = np.matvec(Q[true], h[true] * along + np.sqrt(V[true]) * rng.normal(size=(seen, 2)))

    price = []
    for at, gradient in zip(delta, y, strict=True):
        start = np.vecmat(at, Q)
        surprise = np.vecmat(gradient, Q) - h * start
        log_p = -0.5 * np.sum(surprise**2 / V + np.log(V), axis=1)
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        m = start + s2 * h / V * surprise
        pull = p @ np.matvec(Q, S * m)
        curve = np.einsum("n,nij,nj,nkj->ik", p, Q, S, Q) + c * np.eye(2)
        still = p @ np.sum(S * m**2, axis=1) - pull @ np.linalg.solve(curve, pull)
        price.append((still - p @ np.sum(c * S / (c + S) * m**2, axis=1)) / 2)

    found = price_of_hidden_axes(PROBLEM, place)
    error = 3 * np.std(price) / math.sqrt(seen)
    assert error < 0.1 * found.value
    assert found.value == pytest.approx(np.mean(price), abs=error)


def test_in_one_dimension_there_are_no_axes_to_find():
    problem = PROBLEM.replace(landscape={"dim": 1})
    found = price_of_hidden_axes(problem, "displacement")
    assert found.value == pytest.approx(
        price_of_the_first_move(problem, "displacement"), abs=1.5 * found.half
    )


def test_a_sphere_has_no_axes_to_find():
    found = price_of_hidden_axes(PROBLEM.replace(landscape={"curvature": (1.0, 1.0)}))
    assert found.value == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "least"), [("displacement", 1.7), ("parameters", 1.6)])
def test_it_is_dearer_than_to_be_told_the_axes(place, least):
    episode = REGIME.replace(horizon=REGIME.steps)
    found = price_of_hidden_axes(episode, place)
    assert found.value > least * price_of_the_first_move(episode, place)
    assert found.half < 0.01 * found.value


def test_it_is_cheaper_than_what_learners_pay():
    problem = REGIME.replace(landscape={"dim": 3}, episode_steps=30)
    episode = problem.replace(horizon=problem.steps)
    learner, told = (
        rollout(problem, policy, episodes=256, seed=0).cost
        for policy in (best_learner(problem), LQGPolicy(episode))
    )
    more, found = learner - told, price_of_hidden_axes(episode)
    assert found.value + found.half < more.mean() - 2 * more.std() / math.sqrt(len(more))


def test_it_hardly_depends_on_what_is_drawn():
    one, other = (price_of_hidden_axes(PROBLEM, seed=seed) for seed in (0, 1))
    assert one.value != other.value
    assert one.value == pytest.approx(other.value, abs=2 * math.hypot(one.half, other.half))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"landscape": {"rotated": False}}, "on the axes"),
        ({"landscape": {"optimum": 1.0}}, "prefer a direction"),
        ({"start": {"kind": "uniform"}}, "prefer a direction"),
        ({"metric": (1.0, 2.0)}, "multiple of the identity"),
        ({"hazard": 0.1}, "hazard"),
    ],
)
def test_what_has_a_direction_is_refused(changes, reason):
    with pytest.raises(Refusal, match=reason):
        price_of_hidden_axes(PROBLEM.replace(**changes))
