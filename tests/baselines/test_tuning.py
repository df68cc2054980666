"""Tuning: the search, the batch of candidates, and rules with the constants that were found."""

from dataclasses import fields

import numpy as np
import pytest

from baselines.batch import Blocks, Outcomes, outcomes
from baselines.search import Constant, search
from baselines.tuning import (
    MOST_TRAINING_EPISODES,
    SPACES,
    TRAINING_EPISODES,
    TRAINING_SEED,
    tunable,
    tune,
)
from landscape_gym import REGIMES, NavigationProblem
from landscape_gym.evaluation import rollout
from landscape_gym.policy import DoNothing, RulePolicy
from landscape_gym.refusal import Refusal
from landscape_gym.rules import RULES, GradientDescent, Momentum

PROBLEM = NavigationProblem(
    landscape={"kind": "quadratic", "curvature": (1 / 9, 1.0)},
    noise={"kind": "isotropic", "std": 0.3},
    drift=0.1,
    episode_steps=40,
)
TEST_SEED = 1_000_000


def bowl(**best: float):
    """Squared distance from the best constants, on logarithmic scales."""
    return lambda tried: np.array(
        [sum(np.log(point[name] / x) ** 2 for name, x in best.items()) for point in tried]
    )


def test_the_search_finds_a_minimum_within_its_ranges():
    space = [Constant("a", 0.01, 100.0), Constant("b", 0.01, 100.0)]
    found = search(bowl(a=3.0, b=0.2), space)
    assert found.constants == pytest.approx({"a": 3.0, "b": 0.2}, rel=0.05)
    assert found.extended == found.at_edge == ()
    assert found.cost == bowl(a=3.0, b=0.2)([found.constants])[0]


@pytest.mark.parametrize("best", [0.004, 300.0])
def test_ranges_are_extended_until_the_best_is_interior(best: float):
    found = search(bowl(a=best), [Constant("a", 0.1, 10.0)])
    assert found.constants["a"] == pytest.approx(best, rel=0.02)
    assert found.extended == ("a",)
    assert found.at_edge == ()


def test_a_minimum_that_is_out_of_reach_is_said_to_be_at_the_edge():
    found = search(lambda tried: np.array([-p["a"] for p in tried]), [Constant("a", 0.1, 10.0)])
    assert found.constants["a"] > 100
    assert found.extended == found.at_edge == ("a",)


def test_nothing_is_searched_beyond_a_limit():
    momentum = Constant("b", 0.01, 1.0, complement=True, limits=(False, True))
    tried: list[float] = []

    def cost(points: list[dict[str, float]]) -> np.ndarray:
        tried.extend(point["b"] for point in points)
        return np.array([point["b"] for point in points])

    found = search(cost, [momentum])
    assert 0 <= min(tried) == found.constants["b"] < 0.01
    assert found.extended == found.at_edge == ()


def test_steps_that_a_momentum_adds_up_are_searched_by_their_sum():
    momentum = Constant("b", 0.01, 1.0, complement=True, limits=(False, True))
    space = [Constant("a", 1.0, 1.0001, memory="b"), momentum]

    def cost(points: list[dict[str, float]]) -> np.ndarray:
        total = [point["a"] / (1 - point["b"]) for point in points]
        np.testing.assert_allclose(total, 1.0, rtol=1e-3)
        return np.array([abs(point["b"] - 0.5) for point in points])

    assert search(cost, space, rounds=2).constants["b"] == pytest.approx(0.5, abs=0.05)


def test_diverging_candidates_do_not_mislead_the_search():
    def cost(points: list[dict[str, float]]) -> np.ndarray:
        return np.array([np.inf if p["a"] > 1 else 1 / p["a"] for p in points])

    found = search(cost, [Constant("a", 0.01, 100.0)])
    assert 0.95 < found.constants["a"] <= 1
    assert found.at_edge == ()


def test_a_batch_of_candidates_costs_what_each_costs_alone():
    policies = [RulePolicy(Momentum(lr, 0.5)) for lr in (0.1, 0.4, 0.2)]
    together = outcomes(PROBLEM, policies, episodes=5, seed=7).cost
    alone = [rollout(PROBLEM, p, episodes=5, seed=7).cost.mean() for p in policies]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_large_batches_are_cut_without_a_trace(monkeypatch: pytest.MonkeyPatch):
    policies = [RulePolicy(GradientDescent(lr)) for lr in (0.1, 0.4, 0.2)]
    whole = outcomes(PROBLEM, policies, episodes=4, seed=0)
    monkeypatch.setattr("baselines.batch.ROWS", 8)
    again = outcomes(PROBLEM, policies, episodes=4, seed=0)
    np.testing.assert_allclose(again, whole, rtol=1e-12)


def test_policies_of_a_batch_begin_anew_where_episodes_do():
    policy = Blocks([RulePolicy(Momentum(lr, 0.5)) for lr in (0.1, 0.4)])
    gradient = np.ones((4, 2))
    _, state = policy.predict(gradient)
    gone_on, _ = policy.predict(gradient, state, np.zeros(4, bool))
    begun, _ = policy.predict(gradient, state, np.array([True, False, False, True]))
    fresh, _ = policy.predict(gradient)
    np.testing.assert_array_equal(begun, np.stack([fresh[0], gone_on[1], gone_on[2], fresh[3]]))
    assert (fresh != gone_on).all()


@pytest.mark.parametrize("kind", [kind for kind in SPACES if kind in RULES])
def test_search_spaces_name_constants_of_their_rules(kind: str):
    names = {field.name for field in fields(RULES[kind])}
    assert {constant.name for constant in SPACES[kind]} <= names
    for constant in SPACES[kind]:
        assert 0 < constant.low < constant.high
        assert not constant.complement or constant.high <= 1


def test_the_classical_rules_are_tunable():
    assert {"gradient_descent", "momentum", "nesterov", "rmsprop", "adam"} <= set(SPACES)
    assert tunable("momentum")


def test_tuned_rules_beat_bad_ones_and_match_derived_ones_on_fresh_episodes():
    tuned = tune(PROBLEM, "momentum")
    assert tuned.found.at_edge == ()
    derived = Momentum.derive(PROBLEM)
    policies = {
        "tuned": tuned.policy,
        "derived": RulePolicy(derived),
        "slow": RulePolicy(Momentum(derived.lr / 10, derived.momentum)),
        "fast": RulePolicy(Momentum(derived.lr * 10, derived.momentum)),
    }
    cost = {
        name: rollout(PROBLEM, policy, episodes=512, seed=TEST_SEED).cost.mean()
        for name, policy in policies.items()
    }
    assert cost["tuned"] < 0.9 * min(cost["slow"], cost["fast"])
    assert cost["tuned"] == pytest.approx(cost["derived"], rel=0.02)


def test_tuning_is_the_same_in_every_run_and_depends_on_its_seed():
    first, second, other = (
        tune(PROBLEM, "momentum", episodes=8, rounds=2, points=8, seed=seed).found
        for seed in (0, 0, 1)
    )
    assert first == second
    assert first.constants != other.constants


def test_training_and_test_episodes_differ():
    assert TRAINING_EPISODES <= MOST_TRAINING_EPISODES
    seeds: list[int] = []

    def noting(problem, policies, *, episodes: int, seed: int):
        seeds.extend(range(seed, seed + episodes))
        none = np.zeros(len(policies))
        return Outcomes(np.arange(len(policies)), none, none + np.inf)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baselines.tuning.outcomes", noting)
        tune(PROBLEM, "gradient_descent")
    assert min(seeds) == TRAINING_SEED
    assert max(seeds) < TRAINING_SEED + MOST_TRAINING_EPISODES <= TEST_SEED
    with pytest.raises(ValueError, match="seeds that no test uses"):
        tune(PROBLEM, "gradient_descent", episodes=MOST_TRAINING_EPISODES + 1)


def test_what_cannot_be_tuned_is_refused():
    with pytest.raises(ValueError, match="Did you mean 'momentum'"):
        tune(PROBLEM, "momentm")
    with pytest.raises(ValueError, match="leave it out"):
        tune(PROBLEM.replace(control_matrix=((1.0,), (0.0,))), "gradient_descent")


STEEP = NavigationProblem(landscape={"kind": "rosenbrock", "dim": 5}, episode_steps=60)


def test_where_large_rates_diverge_small_ones_are_found():
    # Of 1e-2 to 1e2, where the search begins, every rate diverges in some episodes, and costs of
    # episodes that diverge are no guide: they are least where the first step is the last.
    tuned = tune(STEEP, "gradient_descent", episodes=16, points=16)
    lr = tuned.found.constants["lr"]
    assert tuned.found.score[0] == 0
    assert lr < 0.01
    small, large = (RulePolicy(GradientDescent(x)) for x in (lr, 15.4))
    still = rollout(STEEP, DoNothing(5), episodes=64, seed=TEST_SEED)
    found = rollout(STEEP, small, episodes=64, seed=TEST_SEED)
    assert found.diverged == 0
    assert found.cost.mean() < 0.2 * still.cost.mean()
    assert rollout(STEEP, large, episodes=64, seed=TEST_SEED).diverged == 64


def test_episodes_that_diverge_count_before_costs_and_longer_ones_are_better():
    policies = [RulePolicy(GradientDescent(lr)) for lr in (0.001, 0.1, 1.0, 100.0)]
    found = outcomes(STEEP, policies, episodes=8, seed=0)
    assert found.diverged[0] == 0
    assert found.diverged[-1] == 8
    assert np.isinf(found.lasted[0])
    assert found.lasted[-1] <= found.lasted[-2] < 60
    cheap = np.array([[3.0, 0.0, 1.0], [0.0, 0.0, 9.0]])
    rows = lambda tried: cheap[[int(p["a"] > 1) for p in tried]]  # noqa: E731
    assert search(rows, [Constant("a", 0.1, 10.0)]).score == (0.0, 0.0, 9.0)


def test_a_rule_that_diverges_whatever_its_constants_is_not_called_tuned():
    steep = STEEP.replace(default_dynamics=((9.0,) * 5,) * 5)  # parameters run away by themselves
    with pytest.raises(Refusal, match="no constants were found that do not diverge: with each of"):
        tune(steep, "sign_descent", episodes=4, rounds=2, points=4)


def test_what_was_searched_is_said():
    status = tune(REGIMES["short-horizon"].problem, "gradient_descent", rounds=1, points=4).status
    assert status.startswith("lr = ")
    assert "the best of 4 on 64 training episodes" in status
