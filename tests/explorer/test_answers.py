"""The explorer's links and answers: controls say what is simulated; figures say what was."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

import landscape_gym.explorer.answer as answers
from landscape_gym.control import optimum
from landscape_gym.evaluation import DO_NOTHING, rollout
from landscape_gym.explorer.answer import EPISODES, OPTIMUM, SEED, answer
from landscape_gym.explorer.figures import MOMENTS, PATH, POINT, curves_figure, looks, paths_figure
from landscape_gym.explorer.setting import (
    LEARNED,
    SHOWN,
    STEPS,
    Setting,
    choices,
    fixed,
    from_query,
    to_query,
)
from landscape_gym.explorer.verdict import verdict
from landscape_gym.names import RULES, learned_rules
from landscape_gym.registration import REGIMES

# ---- links --------------------------------------------------------------------------------------


@pytest.mark.parametrize("regime", SHOWN)
def test_a_regime_is_first_shown_as_it_is_registered(regime: str):
    registered = REGIMES[regime].problem
    shown = Setting.of(regime).problem
    assert shown.replace(episode_steps=registered.episode_steps) == registered
    assert {*SHOWN[regime]} <= {*RULES, LEARNED}
    assert regime in learned_rules()


def test_a_link_says_everything_and_nothing_else():
    draw = random.Random(0)
    for _ in range(200):
        regime = draw.choice(list(SHOWN))
        free = [name for name in STEPS if name not in fixed(regime)]
        moved = {name: draw.choice(STEPS[name]) for name in draw.sample(free, 2)}
        setting = replace(Setting.of(regime), **moved)
        picked = tuple(kind for kind in choices(regime) if draw.random() < 0.3)
        assert from_query(to_query(setting, picked)) == (setting, picked)
    assert to_query(Setting.of("geometry"), SHOWN["geometry"]) == "?regime=geometry"
    assert from_query("") == from_query("?") == (Setting.of("long-horizon"), SHOWN["long-horizon"])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?regime=long-horizn", "mean 'long-horizon'"),
        ("?regime=logistic-regression", "'logistic-regression' is not known"),
        ("?gama=1", "mean 'gamma'"),
        ("?gamma=4", "'0.1', '0.2'"),
        ("?gamma=nan", "gamma 'nan' is not known"),
        ("?gamma=", "gamma is a number, got ''"),
        ("?eta=<script>", "eta is a number"),
        ("?rules=momentm", "mean 'momentum'"),
        ("?hazard=1", "hazard is fixed here: all tasks"),
        ("?regime=double-well&noise=1", "noise is fixed here"),
    ],
)
def test_a_link_that_cannot_be_shown_says_why(query: str, said: str):
    with pytest.raises(ValueError, match=said):
        from_query(query)


@pytest.mark.parametrize("ratio", [1, 5, 300])
@pytest.mark.parametrize("regime", ["long-horizon", "landscape-nav", "hidden-curvature"])
def test_curvature_is_the_ratio_and_the_steepest_stays(regime: str, ratio: float):
    def curvatures(setting: Setting) -> np.ndarray:
        return setting.problem.landscape.curvature_quadrature(4096)[0]

    usual = Setting.of(regime)
    moved = curvatures(replace(usual, curvature=ratio))
    assert moved.max() == pytest.approx(curvatures(usual).max(), rel=0.02)
    if regime != "hidden-curvature":  # whose quadrature does not reach the ends
        assert moved.max() / moved.min() == pytest.approx(ratio, rel=0.02)


def test_sliders_reach_the_problem():
    problem = replace(Setting.of("task-switching"), gamma=2, eta=5, noise=0.5, hazard=1).problem
    assert (problem.gamma, problem.eta, problem.hazard) == (2, 5, 1)
    assert problem.noise.std == 0.5
    assert replace(Setting.of("landscape-nav"), noise=0).problem.noise is None
    assert replace(Setting.of("landscape-nav"), noise=1).problem.noise.kind == "curvature"


# ---- answers ------------------------------------------------------------------------------------


def test_figures_are_those_of_the_simulation():
    setting = replace(Setting.of("long-horizon"), gamma=1, curvature=5)
    found = answer(setting, ["gradient_descent", LEARNED])
    policy = optimum(setting.problem).policy
    run = rollout(setting.problem, policy, episodes=EPISODES, seed=SEED, keep_paths=1)
    assert found.comparison[OPTIMUM].cost == run.cost.mean()
    np.testing.assert_array_equal(found.scene.paths[OPTIMUM], run.path[:, 0])
    assert found.paid[OPTIMUM][-1] == pytest.approx(run.cost.mean(), rel=1e-12)
    assert (np.diff(found.paid["gradient descent"]) >= 0).all()
    assert found.comparison[DO_NOTHING].regret.value == 1
    assert found.left == ()


def test_what_there_is_no_time_for_is_left_and_the_optimum_never_is():
    rules = ("gradient_descent", "ballistic")
    found = answer(Setting.of("short-horizon"), rules, seconds=0)
    assert found.left == rules
    assert [r.name for r in found.comparison.results] == [DO_NOTHING, OPTIMUM]


def test_a_rule_whose_assumption_fails_says_so():
    found = answer(Setting.of("partial-control"), ["gradient_descent"])
    assert "parameters stay when left alone" in found.refusals["gradient descent"]


def test_a_failure_that_is_no_refusal_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    def broken(*_, **__):
        raise np.linalg.LinAlgError

    answers.forget()
    monkeypatch.setattr(answers, "optimum", broken)
    with pytest.raises(np.linalg.LinAlgError):
        answer(Setting.of("geometry"), [])


# ---- sentences ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?regime=short-horizon", ["Optimal here: gradient descent", "eta k / gamma = 0.1"]),
        ("?regime=long-horizon", ["Optimal here: ballistic and learned", "root of the curvature"]),
        ("?regime=long-horizon&gamma=1&rules=gradient_descent", ["nearest: gradient descent"]),
        ("?regime=long-horizon&gamma=2", ["neither short nor long"]),
        ("?regime=geometry", ["Optimal here: natural gradient", "only the next step counts"]),
        ("?regime=noisy-gradient&gamma=1", ["momentum, at 1.0", "averages them into a belief"]),
        ("?regime=hidden-curvature", ["Curvature is hidden", "momentum"]),
        ("?regime=partial-control", ["Optimal here: partial control", "short of the minimum"]),
        ("?regime=task-switching", ["Optimal here: soft reset", "14% of the way back"]),
        ("?regime=double-well", ["Optimal here: learned", "climb out"]),
        ("?regime=double-well&gamma=5&rules=", ["Pick a rule", "unless it begins near"]),
        ("?regime=long-horizon&rules=gradient_descent", ["better here than doing nothing"]),
    ],
)
def test_the_sentence_says_which_rule_is_optimal_and_why(query: str, said: list[str]):
    sentence = verdict(answer(*from_query(query)))
    for part in said:
        assert part in sentence


# ---- figures ------------------------------------------------------------------------------------


def test_every_policy_has_its_line_and_a_look_of_its_own():
    found = answer(*from_query("?regime=short-horizon&rules=gradient_descent ballistic newton"))
    paths, curves = paths_figure(found)["data"], curves_figure(found)["data"]
    names = {OPTIMUM, "gradient descent", "ballistic", "newton"}
    lines = [trace for trace in paths if trace.get("meta") == PATH]
    assert {trace["name"] for trace in lines} == names
    assert {len(trace["x"]) for trace in lines} == {MOMENTS + 1}
    for trace, point in itertools.pairwise(paths):
        if trace.get("meta") == PATH:
            assert point["meta"] == POINT
            assert point["x"] == pytest.approx(trace["x"][-1:], abs=1e-4)
    assert {trace["name"] for trace in curves} == {DO_NOTHING, *names}
    drawn = [tuple(look.values()) for look in looks([DO_NOTHING, *sorted(names), LEARNED]).values()]
    assert len(set(drawn)) == len(drawn)


def test_many_rules_are_told_apart():
    drawn = [tuple(look.values()) for look in looks([*RULES]).values()]
    assert len(set(drawn)) == len(drawn)
