"""Learning rates as controls: closed forms, dynamic programming, and simulated episodes agree."""

import gymnasium as gym
import numpy as np
import pytest

from landscape_gym.control import optimum, solve_learning_rate
from landscape_gym.control.learning_rate.bowl import Bowl, Nodes
from landscape_gym.control.learning_rate.law import best_law
from landscape_gym.control.learning_rate.schedule import (
    derived_schedule,
    mean_squares,
    schedule_cost,
)
from landscape_gym.evaluation import rollout
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import REGIMES
from landscape_gym.simulation import Simulation

PROBLEM = REGIMES["learning-speed"].problem
BOWL = Bowl.of(PROBLEM)
TIME, LOSS = ObservationConfig(("elapsed",)), ObservationConfig(("loss",))


def test_the_control_is_the_learning_rate():
    simulation = Simulation.begun([0, 1], regime="learning-speed", action={"scale": 2.0})
    theta, y = simulation.state.theta.copy(), simulation.state.learner.gradient.copy()
    outcome = simulation.advance(np.array([[0.5], [-0.25]]))
    rate = np.array([[1.0], [-0.5]])
    np.testing.assert_allclose(simulation.state.theta, theta - PROBLEM.dt * rate * y, rtol=1e-14)
    np.testing.assert_allclose(outcome.charge, PROBLEM.dt * rate[:, 0] ** 2 / (2 * PROBLEM.eta))


def test_the_environment_has_one_number_to_choose():
    env = gym.make("LandscapeNav/LearningSpeed-v0")
    assert env.action_space.shape == (1,)
    with pytest.raises(ValueError, match="a learning rate already"):
        gym.make("LandscapeNav/LearningSpeed-v0", action="global_step_size")
    with pytest.raises(ValueError, match="accepted: 'gradient'"):
        PROBLEM.replace(control_matrix="gradent")


def test_quadrature_has_the_moments_of_normal_noise():
    nodes = Nodes.of(3)
    moments = [nodes.weights @ each for each in (nodes.along, nodes.along**2, nodes.across)]
    np.testing.assert_allclose([*moments, nodes.weights @ nodes.across**2], [0, 1, 2, 8], atol=1e-9)


def test_the_derived_schedule_is_that_of_dynamic_programming():
    rates, law = derived_schedule(BOWL), best_law(BOWL, "nothing")
    S = mean_squares(BOWL, PROBLEM.dt * rates)
    np.testing.assert_allclose(rates[:200], law.rate(np.sqrt(S[:200])), atol=1e-3)
    assert schedule_cost(BOWL, rates) == pytest.approx(law.cost(), rel=2e-5)
    for off in (0.95, 1.05):
        assert schedule_cost(BOWL, off * rates) > 1.0004 * schedule_cost(BOWL, rates)


def test_a_free_rate_anneals_as_a_kalman_gain():
    # c = 0: 1/S+ = 1/S + h^2/(d r), and dt u = h S/(h^2 S + d r) = h S+/(d r).
    bowl = Bowl.of(PROBLEM.replace(eta=1e9))
    rates, t = derived_schedule(bowl)[:200], np.arange(200)
    S = 1 / (1 / bowl.mean_square + t * bowl.h**2 / (bowl.dim * bowl.r))
    gain = bowl.h * S / (bowl.h**2 * S + bowl.dim * bowl.r)
    np.testing.assert_allclose(bowl.dt * rates, gain, rtol=1e-4)
    assert rates[199] * bowl.dt * bowl.h == pytest.approx(1 / (200 + 1), rel=1e-3)


def test_without_noise_the_rate_is_the_root_of_the_loss():
    # gamma -> 0, dt -> 0: V = |e| (k/(eta h))^(1/2), u = (2 eta k L)^(1/2).
    quiet = PROBLEM.replace(noise=None, gamma=1e-3, dt=1e-3)
    law = best_law(Bowl.of(quiet), "distance")
    x = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(law.rate(x), np.sqrt(quiet.eta * quiet.k * x**2), rtol=0.01)


@pytest.mark.parametrize("seen", [TIME, LOSS, None], ids=["time", "loss", "all"])
def test_costs_are_those_of_simulated_episodes(seen):
    best = solve_learning_rate(PROBLEM, seen)
    assert (best.bound, best.converged) == ("exact", True)
    cost = rollout(PROBLEM, best.policy, episodes=4096, seed=1_000_000).cost
    expected = best.policy.expected_cost(PROBLEM.steps)  # type: ignore[attr-defined]
    assert abs(cost.mean() - expected) < 4 * cost.std() / np.sqrt(len(cost))


def test_who_knows_more_pays_less_and_who_errs_more():
    time, loss, everything = (solve_learning_rate(PROBLEM, seen) for seen in (TIME, LOSS, None))
    assert everything.cost < 0.6 * loss.cost < 0.6 * time.cost  # type: ignore[operator]
    law = best_law(BOWL, "distance")

    class Off:
        name, privileged = "off", False
        observation, action = loss.policy.observation, loss.policy.action

        def __init__(self, factor):
            self.factor = factor

        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            return self.factor * loss.policy.predict(observation)[0], None

    costs = [rollout(PROBLEM, Off(f), episodes=4096, seed=0).cost.mean() for f in (0.7, 1, 1.4)]
    assert costs[1] < min(costs[0], costs[2])
    assert law.cost() == pytest.approx(loss.cost, rel=1e-9)


def test_values_are_least_costs_at_the_first_step():
    best = solve_learning_rate(PROBLEM)
    simulation = Simulation.begun(
        range(4096), regime="learning-speed", observation=("error", "gradient")
    )
    seen = simulation.observe(simulation.state)
    assert best.value is not None
    value = best.value(seen)
    assert value.mean() == pytest.approx(best.cost, abs=4 * value.std() / 64)


def test_what_a_learner_sees_decides():
    assert optimum(PROBLEM, LOSS).bound == "exact"
    assert optimum(PROBLEM, ObservationConfig(("error", "gradient"))).policy.privileged
    assert not optimum(PROBLEM, ObservationConfig(("error",))).policy.privileged
    assert optimum(PROBLEM, ObservationConfig(("loss", "gradient"))).bound == "lower"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"control_matrix": None}, 'control_matrix="gradient"'),
        ({"landscape": {"curvature": (1.0, 2.0)}}, "one curvature"),
        ({"drift": 0.1}, "set drift to 0"),
        ({"hazard": 0.1}, "set hazard to 0"),
        ({"horizon": 5}, "leave horizon out"),
        ({"gamma": 0.0}, "Raise gamma"),
        ({"start": "uniform"}, "normal start"),
    ],
)
def test_other_problems_are_refused(changes, why):
    with pytest.raises(Refusal, match=why):
        solve_learning_rate(PROBLEM.replace(**changes))


def test_plans_and_linear_laws_are_refused():
    with pytest.raises(Refusal, match=r"learning rate.*round bowl|normal start"):
        optimum(NavigationProblem(landscape="beale", control_matrix="gradient"))
