"""Comparisons on common episodes: ratios, regret, intervals, tables; and rules as policies."""

import math
from typing import Any

import numpy as np
import pytest

from landscape_gym import LandscapeNavEnv, NavigationProblem
from landscape_gym.control import optimum
from landscape_gym.evaluation import DO_NOTHING, Comparison, compare, rollout
from landscape_gym.policy import DoNothing, RulePolicy
from landscape_gym.rules import GradientDescent, Momentum

PROBLEM = NavigationProblem(
    landscape={"kind": "quadratic", "curvature": (1 / 9, 1.0)}, gamma=1.0, dt=0.1, episode_steps=60
)
NOISY = PROBLEM.replace(
    landscape={"optimum_std": 1.0}, noise={"kind": "isotropic", "std": 0.3}, drift=0.1, hazard=1.0
)


class Scaled:
    """A policy whose controls are all multiplied by one number."""

    def __init__(self, policy: Any, factor: float) -> None:
        self.policy, self.factor = policy, factor
        self.observation, self.action = policy.observation, policy.action

    def predict(self, *args: Any, **named: Any) -> tuple[np.ndarray, Any]:
        action, state = self.policy.predict(*args, **named)
        return self.factor * action, state


def compared(factor: float = 1.0, **named: Any) -> Comparison:
    best = optimum(PROBLEM).policy
    policies = {"best": best, "scaled": Scaled(best, factor)}
    return compare(PROBLEM, policies, optimum="best", **{"episodes": 64, **named})


def test_identical_policies_get_identical_costs():
    policies = {name: RulePolicy(GradientDescent(1.0)) for name in ("one", "other")}
    one, other = (
        rollout(NOISY, policy, episodes=16, seed=3, keep_paths=2) for policy in policies.values()
    )
    np.testing.assert_array_equal(one.cost, other.cost)
    np.testing.assert_array_equal(one.path, other.path)
    result = compare(NOISY, policies, episodes=16)
    assert result["one"].cost == result["other"].cost
    assert result["one"].regret == result["other"].regret


def test_policies_meet_the_same_starts_noise_and_switches():
    runs = [
        rollout(NOISY, policy, episodes=8, seed=3, keep_paths=8)
        for policy in (DoNothing(2), RulePolicy(GradientDescent(1.0)))
    ]
    np.testing.assert_array_equal(runs[0].path[0], runs[1].path[0])
    np.testing.assert_array_equal(runs[0].excess[0], runs[1].excess[0])


def test_the_optimum_has_ratio_one_and_regret_zero_exactly():
    result = compared()
    for name in ("best", "scaled"):
        ratio, regret = result[name].ratio, result[name].regret
        assert (ratio.value, ratio.low, ratio.high) == (1.0, 1.0, 1.0)
        assert (regret.value, regret.low, regret.high) == (0.0, 0.0, 0.0)
    nothing = result[DO_NOTHING].regret
    assert (nothing.value, nothing.low, nothing.high) == (1.0, 1.0, 1.0)
    assert result[DO_NOTHING].ratio.low > 1


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_slightly_wrong_gain_costs_more(factor: float):
    wrong = compared(factor)["scaled"]
    assert 1 < wrong.ratio.low < wrong.ratio.value < wrong.ratio.high < 1.1
    assert 0 < wrong.regret.low < wrong.regret.value < wrong.regret.high < 0.1


@pytest.mark.slow
def test_intervals_cover_the_value_of_many_episodes():
    best = optimum(PROBLEM).policy
    wrong, right, null = (
        rollout(PROBLEM, policy, episodes=20_000, seed=0).cost.mean()
        for policy in (Scaled(best, 1.5), best, DoNothing(2))
    )
    truth = {"ratio": wrong / right, "regret": (wrong - right) / (null - right)}
    covered = dict.fromkeys(truth, 0)
    for seed in range(40):
        result = compared(1.5, seed=100_000 + 1000 * seed)["scaled"]
        for name, value in truth.items():
            estimate = getattr(result, name)
            covered[name] += estimate.low <= value <= estimate.high
    # Binomial(40, 0.95): fewer than 34 has a probability of 1 %.
    assert min(covered.values()) >= 34


def test_without_an_optimum_there_is_no_ratio_and_the_floor_is_zero():
    descent = RulePolicy(GradientDescent(1.0))
    result = compare(NOISY, {"descent": descent}, episodes=16)
    assert result.reference is None
    assert result["descent"].ratio is None
    assert result[DO_NOTHING].regret.value == 1
    expected = result["descent"].cost / result[DO_NOTHING].cost
    assert result["descent"].regret.value == pytest.approx(expected, rel=1e-12)
    assert "floor" in result.table()
    assert "floor" not in compared().table()


def test_an_optimum_that_is_no_policy_is_refused():
    with pytest.raises(ValueError, match="'bst' is not known; accepted: 'best'"):
        compare(PROBLEM, {"best": optimum(PROBLEM).policy}, optimum="bst")


def test_tables_are_the_same_in_every_run_and_mark_privilege():
    seeing = Scaled(DoNothing(2), 1.0)
    seeing.observation = type(seeing.observation)(("target",))

    def table() -> str:
        policies = {"descent": RulePolicy(GradientDescent(1.0)), "seeing": seeing}
        return compare(NOISY, policies, episodes=16).table()

    assert table() == table()
    lines = table().splitlines()
    assert any(line.startswith("seeing *") for line in lines)
    assert any(line.startswith("descent  ") for line in lines)


def test_a_single_episode_has_no_interval():
    estimate = compared(1.5, episodes=1)["scaled"].ratio
    assert estimate.value > 1
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


RULES = {"momentum": Momentum(lr=0.5, momentum=0.8), "ascent": GradientDescent(-15.0)}


@pytest.mark.parametrize("rule", RULES)
def test_costs_are_the_discounted_sum_of_the_environments_rewards(rule: str):
    policy, costs = RulePolicy(RULES[rule]), []
    for seed in range(3, 8):
        env = LandscapeNavEnv(
            problem=NOISY, observation=policy.observation, action=policy.action, dtype="float64"
        )
        observation, _ = env.reset(seed=seed)
        cost, memory, discount, over = 0.0, None, 1.0, False
        while not over:
            action, memory = policy.predict(observation[None], memory, np.array([memory is None]))
            observation, reward, terminated, truncated, _ = env.step(action[0])
            cost -= discount * reward
            discount *= NOISY.discount
            over = terminated or truncated
        costs.append(cost)
    run = rollout(NOISY, policy, episodes=5, seed=3)
    np.testing.assert_allclose(run.cost, costs, rtol=1e-9)
    assert run.diverged == (5 if rule == "ascent" else 0)
    assert run.excess.shape[1:] == (5,)
    assert run.path is None


class Turning:
    """Descends for half an episode, and then climbs."""

    def __init__(self, back: float) -> None:
        self.down, self.up = (RulePolicy(GradientDescent(lr)) for lr in (3.0, -back))
        self.observation, self.action = self.down.observation, self.down.action

    def predict(self, observation: Any, state: Any = None, *args: Any, **named: Any) -> Any:
        step = 0 if state is None else state
        rule = self.down if step < 30 else self.up
        return rule.predict(observation)[0], step + 1


def test_a_loss_that_rises_again_is_called_that():
    policies = {
        "learned": Turning(3.0),
        "hardly": Turning(0.02),
        "descent": RulePolicy(GradientDescent(3.0)),
        "ascent": RulePolicy(GradientDescent(-60.0)),
    }
    result = compare(PROBLEM, policies, episodes=16)
    assert [r.name for r in result.rising] == ["learned"]
    run = rollout(PROBLEM, policies["learned"], episodes=16, seed=1_000_000)
    lowest = float(run.excess.mean(1).min())
    assert result["learned"].lowest_excess == lowest < 0.5 * result["learned"].final_excess
    (line,) = (line for line in result.table().splitlines() if "rises again" in line)
    assert line.startswith(f"learned: its loss rises again, from {lowest:.3g} above the minimum")
    assert line.endswith(f"to {result['learned'].final_excess:.3g} at the end.")


def test_where_the_loss_rises_by_itself_no_policy_is_blamed():
    drifting = PROBLEM.replace(drift=20.0, start={"kind": "normal", "mean": 0.0, "std": 0.1})
    result = compare(drifting, {"descent": RulePolicy(GradientDescent(0.1))}, episodes=16)
    descent = result["descent"]
    assert descent.lowest_excess is not None
    assert descent.final_excess > 2 * descent.lowest_excess
    assert result.rising == []


@pytest.mark.parametrize("rule", RULES)
def test_how_long_episodes_last_is_noted(rule: str):
    run = rollout(NOISY, RulePolicy(RULES[rule]), episodes=5, seed=3)
    assert run.lasted is not None
    if rule == "momentum":
        assert np.isinf(run.lasted).all()
        return
    # After an episode has diverged its loss stays.
    for steps, excess in zip(run.lasted.astype(int), run.excess.T, strict=True):
        assert (np.diff(excess[steps:]) == 0).all()
        assert excess[steps] != excess[steps - 1]


def test_a_policy_is_told_where_its_episodes_begin():
    told: list[np.ndarray | None] = []

    class Noting(DoNothing):
        def predict(self, observation: Any, *given: Any, **named: Any) -> Any:
            told.append(given[1])
            return super().predict(observation)

    rollout(PROBLEM, Noting(2), episodes=2, seed=0)
    np.testing.assert_array_equal(told, [[True, True], *[[False, False]] * 59])


@pytest.mark.parametrize("horizon", [None, 60])
def test_divergence_is_counted_and_paid_once(horizon: int | None):
    problem = PROBLEM.replace(horizon=horizon)
    ascent = RulePolicy(GradientDescent(-60.0))
    run = rollout(problem, ascent, episodes=6, seed=0)
    assert run.diverged == 6
    nothing = rollout(problem, DoNothing(2), episodes=6, seed=0)
    assert (run.cost > nothing.cost).all()
    assert np.isfinite(run.cost).all()
    assert (run.excess[-1] == run.excess[-2]).all()


def test_a_rule_starts_afresh_in_the_rows_that_begin_an_episode():
    policy = RulePolicy(Momentum(lr=0.5, momentum=0.8))
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 2))
    _, state = policy.predict(first, None, np.ones(3, bool))
    begun, _ = policy.predict(second, None, np.ones(3, bool))
    gone_on, _ = policy.predict(second, state, np.zeros(3, bool))
    mixed, _ = policy.predict(second, state, np.array([False, True, False]))
    assert (begun != gone_on).all()
    np.testing.assert_array_equal(mixed[[0, 2]], gone_on[[0, 2]])
    np.testing.assert_array_equal(mixed[1], begun[1])
