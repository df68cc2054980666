"""Episodes of a policy as they are recorded: those of environments that run alone, to the bit."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from baselines.record.acting import record
from baselines.record.options import FIRST_SEED
from baselines.record.transcript import Episode, Transcript
from baselines.sweep.cell import made
from landscape_gym.actions import GlobalStepSize, Velocity
from landscape_gym.evaluation import rollout
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import UNBOUNDED, RulePolicy
from landscape_gym.registration import REGIMES, regime
from landscape_gym.rules import GradientDescent
from tests.baselines.replay import assert_replayed

CASES = [
    ("long-horizon", "momentum"),
    ("landscape-nav", "gradient_descent"),  # most episodes diverge
    ("hidden-curvature", "hidden-curvature"),  # learned; the controls depend on what it remembers
    ("partial-control", "optimum"),
    ("noisy-gradient", "lqg"),
    ("task-switching", "soft_reset"),
    ("logistic-regression", "adam"),  # many rows round differently from one
    ("double-well", "nothing"),
    ("digits", "networks"),  # learned; the controls depend on averages
]


def recorded(name: str, policy: str, episodes: int = 3, **changes: Any) -> Transcript:
    setup = regime(name)
    return record(name, setup, made(setup, policy), episodes=episodes, seed=FIRST_SEED, **changes)


def flat(transcript: Transcript) -> list[Episode]:
    return [episode for block in transcript.blocks() for episode in block]


@pytest.mark.parametrize(("name", "policy"), CASES)
def test_one_environment_driven_by_hand_gives_the_batch_to_the_bit(name: str, policy: str):
    transcript = recorded(name, policy, episodes=2 if name == "digits" else 3, privileged=True)
    env = gym.make(transcript.spec)
    for episode in flat(transcript):
        assert np.abs(episode.actions).max() <= 1
        assert_replayed(env, episode, episode.seed)


@pytest.mark.parametrize(("name", "policy"), CASES)
def test_costs_are_those_of_a_rollout(name: str, policy: str):
    transcript = recorded(name, policy)
    run = rollout(regime(name).problem, made(regime(name), policy), episodes=3, seed=FIRST_SEED)
    costs = [e.cost(transcript.setup.problem.discount) for e in flat(transcript)]
    np.testing.assert_allclose(costs, run.cost, rtol=1e-9)
    np.testing.assert_array_equal(transcript.costs, run.cost)
    final = [e.infos["excess_loss"][-1] for e in flat(transcript)]
    np.testing.assert_allclose(final, run.excess[-1], rtol=1e-9, atol=1e-12)


class Steady:
    """A policy with actions of its own, whose meaning depends on what the environment saw."""

    observation = ObservationConfig(("log_loss",))
    action = GlobalStepSize(low=0.1, high=10.0)

    def predict(self, observation: Any, *_: Any, **__: Any) -> tuple[Any, None]:
        return np.tile([0.5, 0.8], (len(observation), 1)), None


def test_step_sizes_are_recorded_as_they_are():
    setup = REGIMES["logistic-regression"]
    transcript = record("logistic-regression", setup, Steady(), episodes=3, seed=0)
    assert transcript.setup.action == setup.action
    costs = rollout(setup.problem, Steady(), episodes=3, seed=0).cost
    env = gym.make(transcript.spec)
    for episode, cost in zip(flat(transcript), costs, strict=True):
        assert_replayed(env, episode, episode.seed)
        assert episode.cost(setup.problem.discount) == pytest.approx(cost, rel=1e-9)


def test_a_rule_is_seen_with_the_regimes_channels_and_a_learned_one_with_its_own():
    rule, learned = recorded("hidden-curvature", "momentum"), recorded("geometry", "long-horizon")
    assert rule.setup.observation == REGIMES["hidden-curvature"].observation
    assert rule.setup.action == REGIMES["hidden-curvature"].action
    assert rule.spec.kwargs == {"regime": "hidden-curvature", "dtype": "float64"}
    shipped = made(REGIMES["geometry"], "long-horizon")
    assert (learned.setup.observation, learned.setup.action) == (
        shipped.observation,
        shipped.action,
    )
    blind = recorded("long-horizon", "momentum", channels=("elapsed", "loss"))
    assert flat(blind)[0].observations.shape == (201, 2)


def test_velocities_are_scaled_until_no_control_is_clipped():
    setup = REGIMES["long-horizon"]
    fast = RulePolicy(GradientDescent(lr=9.0))
    transcript = record("long-horizon", setup, fast, episodes=4, seed=0)
    assert transcript.setup.action == Velocity(32.0)
    largest = max(np.abs(e.actions).max() for e in flat(transcript))
    assert 0.5 < largest <= 1
    assert transcript.spec.kwargs["action"] == {"kind": "velocity", "scale": 32.0}
    with pytest.raises(ValueError, match=r"controls reach [\d.]+: --scale 16 would clip"):
        record("long-horizon", setup, fast, episodes=4, seed=0, scale=16.0)
    same = record("long-horizon", setup, fast, episodes=4, seed=0, scale=64.0)
    np.testing.assert_array_equal(flat(same)[2].rewards, flat(transcript)[2].rewards)


class Fleeing:
    """A policy that makes episodes diverge, and answers nonsense once they have."""

    observation = ObservationConfig(("parameters", "previous_update", "elapsed"))
    action = UNBOUNDED

    def predict(self, observation: Any, *_: Any, **__: Any) -> tuple[Any, None]:
        control = 3 * observation[:, :2]
        ended = (observation[:, 2:4] == 0).all(axis=1) & (observation[:, 4] > 0)
        control[ended] = (np.nan, 1e5)
        return control / UNBOUNDED.scale, None


def test_what_a_policy_answers_after_its_episode_has_ended_does_not_matter():
    transcript = record(
        "long-horizon", REGIMES["long-horizon"], Fleeing(), episodes=8, seed=FIRST_SEED
    )
    episodes = flat(transcript)
    assert len({len(e.rewards) for e in episodes}) > 2
    assert all(e.terminated for e in episodes)
    assert transcript.setup.action == Velocity(512.0)  # 3 times the bound of theta's norm, 141
    env = gym.make(transcript.spec)
    for episode in episodes:
        assert_replayed(env, episode, episode.seed)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    whole = recorded("noisy-gradient", "momentum", episodes=5)
    monkeypatch.setattr("baselines.record.transcript.MOST_ROWS", 2)
    parts = recorded("noisy-gradient", "momentum", episodes=5)
    assert [len(block) for block in parts.blocks()] == [2, 2, 1]
    for one, other in zip(flat(whole), flat(parts), strict=True):
        np.testing.assert_array_equal(one.observations, other.observations)
        np.testing.assert_array_equal(one.rewards, other.rewards)
