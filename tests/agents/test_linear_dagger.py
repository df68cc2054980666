"""Least squares on the optimum's moves: the gains that are known, and what is near them."""

from pathlib import Path

import numpy as np
import pytest

from agents.linear_dagger import LeastSquares, LinearDagger
from agents.training import train
from landscape_gym import REGIMES
from landscape_gym.actions import Velocity
from landscape_gym.control import LinearQuadraticPolicy, NearestOnPath
from landscape_gym.evaluation import rollout
from landscape_gym.observation import ObservationConfig

GRADIENT = ObservationConfig(("gradient",))
SMALL = LinearDagger(
    observation=GRADIENT, action=Velocity(5.0), rounds=3, num_envs=16, episode_steps=20
)
BOWL, LOGISTIC = REGIMES["long-horizon"], REGIMES["logistic-regression"]


def test_where_the_optimum_is_linear_in_the_gradient_it_is_found():
    rule = train(SMALL.trainer(BOWL, 0)).rule()
    best = LinearQuadraticPolicy(BOWL.problem)
    gains, _ = best.predict(np.array([[1.0, 1.0, 0.0, 0.0]]))
    curvature = np.array(BOWL.problem.landscape.curvature)
    found, _ = rule.predict(curvature[None])  # the gradient at (1, 1) from the target
    np.testing.assert_allclose(found * 5.0, gains * best.action.scale, rtol=1e-3)
    weight = rule.network.layers[0].weight
    assert abs(weight - np.diag(np.diag(weight))).max() < 1e-3 * abs(weight).max()


def test_on_a_convex_landscape_a_matrix_comes_near_to_the_path():
    trainer = train(SMALL.trainer(LOGISTIC, 0))
    problem = LOGISTIC.problem.replace(episode_steps=60)
    learned, best, still = (
        rollout(problem, policy, episodes=16, seed=1_000_000).cost.mean()
        for policy in (trainer.rule(), trainer._teacher, SMALL.trainer(LOGISTIC, 0).rule())
    )
    assert isinstance(trainer._teacher, NearestOnPath)
    assert best < learned < 1.1 * best
    assert still > 2 * best


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("after", [1, 2])
def test_a_stopped_regression_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
):
    whole, step = train(SMALL.trainer(BOWL, 5)), LeastSquares.round

    def interrupted(self):
        if self.solved.round == after:
            raise Interrupted
        return step(self)

    monkeypatch.setattr(LeastSquares, "round", interrupted)
    with pytest.raises(Interrupted):
        train(SMALL.trainer(BOWL, 5), folder=tmp_path, checkpoint_seconds=0.0)
    monkeypatch.setattr(LeastSquares, "round", step)
    again = train(SMALL.trainer(BOWL, 5), folder=tmp_path, resume=True, checkpoint_seconds=0.0)
    np.testing.assert_array_equal(again.solved.weights, whole.solved.weights)
    other = train(SMALL.trainer(BOWL, 6))
    assert not np.array_equal(other.solved.weights, whole.solved.weights)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("long-horizon", {"action": "step_size"}, "not 'step_size' actions"),
        ("long-horizon", {"horizon": 10}, "forever"),
        ("long-horizon", {"control_matrix": ((1.0, 0.5), (0.0, 1.0))}, "every direction"),
        ("double-well", {}, "quadratic"),
    ],
)
def test_what_cannot_be_regressed_on_is_refused(name: str, changes: dict, said: str):
    regime = REGIMES[name].configured(**changes)
    with pytest.raises(ValueError, match=said):
        LinearDagger(observation=GRADIENT).trainer(regime, 0)


@pytest.mark.parametrize(
    ("changes", "said"), [({"keeps": 1.5}, "at most 1"), ({"rounds": 10**5}, "at most")]
)
def test_settings_that_make_no_sense_are_refused(changes: dict, said: str):
    with pytest.raises(ValueError, match=said):
        LinearDagger(**changes)
