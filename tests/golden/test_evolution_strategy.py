"""The evolution strategy: its pace by simulation, the best step, and when it cannot pay."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from landscape_gym.control import optimum
from landscape_gym.evaluation import rollout
from landscape_gym.policy import DoNothing, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.rules.evolution_strategy import EvolutionStrategy, expected_pace

SPHERE = NavigationProblem(
    landscape={"kind": "quadratic", "dim": 10, "curvature": (0.5,) * 10},
    eta=30.0,
    gamma=0.3,
    episode_steps=400,
)


def costs(problem, policy, episodes=500):
    policy = policy if hasattr(policy, "predict") else RulePolicy(policy, problem)
    return rollout(problem, policy, episodes=episodes, seed=0).cost


def nothing(problem):
    return costs(problem, DoNothing(problem.dim))


def test_the_pace_is_that_of_the_derivation():
    p, rule = SPHERE, EvolutionStrategy.derive(SPHERE)
    tau = rule.step * math.sqrt(0.5 / 2)
    terms = {
        "effective": 10.0,
        "price": 10 / (0.5 * p.eta * p.dt),
        "decay": p.discount,
        "loss": p.k * p.dt,
    }
    expected = expected_pace(tau, **terms) / expected_pace(0.0, **terms)
    assert expected < 0.8
    found = costs(p, rule).mean() / nothing(p).mean()
    assert found == pytest.approx(expected, rel=0.02)
    near = [expected_pace(factor * tau, **terms) for factor in (0.9, 1.1)]
    assert expected_pace(tau, **terms) < min(near)


@pytest.mark.parametrize("curvature", [(0.5,) * 10, (0.1, 0.3, 1.0, 3.0)])
def test_no_other_step_has_a_better_pace(curvature):
    # Among all steps, by the closed form whose cost the test above finds in simulation.
    h, d = np.array(curvature), len(curvature)
    landscape = {"kind": "quadratic", "dim": d, "curvature": curvature}
    p = SPHERE.replace(landscape=landscape)
    ratio, effective = np.sum(h**2) / np.sum(h), np.sum(h) ** 2 / np.sum(h**2)
    terms = {
        "effective": effective,
        "price": d / (ratio * p.eta * p.dt),
        "decay": p.discount,
        "loss": p.k * p.dt,
    }
    steps = np.geomspace(0.05, 2.0, 601)
    paces = [expected_pace(step * math.sqrt(ratio / 2), **terms) for step in steps]
    assert EvolutionStrategy.derive(p).step == pytest.approx(steps[np.argmin(paces)], rel=8e-3)


@pytest.mark.parametrize("tau", [0.05, 0.2])
def test_the_pace_is_that_of_many_trials(tau):
    # Paid, kept and gained in one trial on a sphere of loss 1, over many draws of its change.
    D, price, decay, loss = 10.0, 0.7, 0.95, 0.1
    n = np.linspace(-8.0, 8.0, 160_001)
    weight = np.exp(-n * n / 2)
    change = 2 * tau * n + tau**2 * D  # of the loss, in units of it
    kept = np.sum(weight * (change < 0)) / weight.sum()
    left = 1 + np.sum(weight * change * (change < 0)) / weight.sum()
    paid = price * tau**2 * (1 + decay * (1 - kept)) + loss * (1 + tau**2 * D)
    found = expected_pace(tau, effective=D, price=price, decay=decay, loss=loss)
    assert found == pytest.approx(paid / (1 - decay * left), rel=1e-4)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_another_step_costs_more(factor):
    rule = EvolutionStrategy.derive(SPHERE)
    extra = costs(SPHERE, replace(rule, step=factor * rule.step)) - costs(SPHERE, rule)
    assert extra.mean() > 4 * extra.std() / math.sqrt(len(extra))


PLANNED_LONG = {"gamma": 0.1, "dt": 0.02}  # geometry's own horizon is too short for trials


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("long-horizon", {}),
        ("landscape-nav", {}),
        ("hidden-curvature", {}),
        ("geometry", PLANNED_LONG),
    ],
)
def test_it_pays_but_gradients_are_worth_more(name, changes):
    problem = REGIMES[name].problem.replace(**changes)
    still, found = nothing(problem), costs(problem, EvolutionStrategy.derive(problem))
    assert found.mean() < 0.7 * still.mean()
    assert found.mean() > 3 * costs(problem, optimum(problem).policy).mean()


def test_it_returns_from_trials_that_fail():
    rule, here = EvolutionStrategy(step=0.0), np.array([[1.0, 2.0]])
    there = np.array([[4.0, 2.0]])
    state = rule.init(np.array([[1.0]]), parameters=here)
    u, state = rule.update(np.array([[2.0]]), state, parameters=there)
    np.testing.assert_allclose(there + rule.dt * u, here)
    u, state = rule.update(np.array([[0.5]]), state, parameters=there)
    np.testing.assert_allclose(u, 0.0)
    np.testing.assert_array_equal(state.best, there)


def test_at_the_minimum_it_stops():
    rule, here = EvolutionStrategy(step=1.0, floor=3.0), np.ones((1, 2))
    loss = np.array([[3.0]])
    u, _ = rule.update(loss, rule.init(loss, parameters=here), parameters=here)
    np.testing.assert_array_equal(u, 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree_and_types_are_kept(dtype):
    rule, rng = EvolutionStrategy(), np.random.default_rng(0)
    numpy_state = torch_state = None
    for _ in range(5):
        loss, x = rng.uniform(size=(4, 1)).astype(dtype), rng.normal(size=(4, 3)).astype(dtype)
        torch_loss, torch_x = torch.from_numpy(loss), torch.from_numpy(x)
        numpy_state = numpy_state or rule.init(loss, parameters=x)
        torch_state = torch_state or rule.init(torch_loss, parameters=torch_x)
        u, numpy_state = rule.update(loss, numpy_state, parameters=x)
        v, torch_state = rule.update(torch_loss, torch_state, parameters=torch_x)
        assert u.dtype == v.numpy().dtype == dtype
        np.testing.assert_allclose(u, v.numpy(), rtol=1e-6)


def test_rows_do_not_depend_on_their_batch():
    rule, rng = EvolutionStrategy(), np.random.default_rng(1)
    loss, x = rng.uniform(size=(4, 1)), rng.normal(size=(4, 3))
    u, _ = rule.update(loss, rule.init(loss, parameters=x), parameters=x)
    alone, _ = rule.update(loss[2:3], rule.init(loss[2:3], parameters=x[2:3]), parameters=x[2:3])
    np.testing.assert_array_equal(u[2:3], alone)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gamma": 30.0, "eta": 0.1}, "trials cost nearly what they save"),
        ({"drift": 0.1}, "drift > 0 makes stale"),
        ({"hazard": 0.1}, "hazard > 0 redraws"),
        ({"horizon": 9}, "finite horizon"),
        ({"landscape": {"kind": "ackley"}}, "Ackley is none"),
        ({"landscape": {"curvature": (0.0,) * 10}}, "all curvatures are 0"),
        ({"default_dynamics": "decay"}, "default_dynamics"),
        ({"metric": np.eye(10) + 0.1}, "the metric couples them"),
    ],
)
def test_what_it_is_not_derived_for_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        EvolutionStrategy.derive(SPHERE.replace(**changes))
