"""Curves of learned coefficients: what derived policies would have learned lies on the theory's."""

import csv
import io
import json

import numpy as np
import pytest

from agents import curves
from agents.curves import Curve, Point, best_momentum, draw, momentum_curve, optimal_weights
from landscape_gym import REGIMES
from landscape_gym.control import optimum, reset_weight
from landscape_gym.evaluation import rollout
from landscape_gym.policy import RulePolicy
from landscape_gym.rendering.png import save
from landscape_gym.rules import Momentum


def derived(regime, seed):
    return RulePolicy(Momentum.derive(regime.problem))


def solved(regime, seed):
    return optimum(regime.problem).policy


def test_the_derived_rule_lies_on_the_momentum_curve():
    curve = momentum_curve(derived, horizons=(2, 5, 20), seeds=(0, 1))
    assert [(point.x, point.seed) for point in curve.points] == [
        (x, seed) for x in (2, 5, 20) for seed in (0, 1)
    ]
    for point in curve.points:
        assert point.learned == pytest.approx(point.theory, abs=1e-8)
        assert point.low <= point.learned <= point.high
    # The table of theory 4(c), found there by quadrature at 41 points and 5 digits.
    assert [point.theory for point in curve.points[::2]] == pytest.approx(
        [0.11542, 0.18448, 0.27633], abs=2e-3
    )
    x, b = np.array(curve.theory[""]).T
    assert (x[0], x[-1]) == (2, 20)
    assert (np.diff(b) > 0).all()


def test_what_was_learned_is_what_the_policy_does_and_not_the_theory():
    curve = momentum_curve(lambda regime, seed: RulePolicy(Momentum(1.5, 0.1 * seed)), (5,), (1, 3))
    assert [point.learned for point in curve.points] == pytest.approx([0.1, 0.3], abs=1e-9)
    assert curve.points[0].theory == pytest.approx(0.184, abs=1e-3)


@pytest.mark.parametrize("horizon", [2, 20])
def test_the_best_rule_costs_less_in_the_environment_than_its_neighbours(horizon):
    # On the same 4096 episodes; the minimum is flat, so neighbours are not near.
    problem = curves.MOMENTUM.configured(horizon=horizon).problem
    best = Momentum.derive(problem)
    assert best.momentum == best_momentum(horizon)

    def cost(rule):
        return rollout(problem, RulePolicy(rule), episodes=4096, seed=0).cost.mean()

    for a, b in ((0.1, 0), (-0.1, 0), (0, 0.1), (0, -0.1)):
        assert cost(Momentum(best.lr + a, best.momentum + b)) > cost(best)


def test_the_best_rules_velocities_are_within_the_actions_box():
    regime = curves.MOMENTUM
    steepest = regime.problem.landscape.curvature.high
    for horizon in (2, 20):
        best = Momentum.derive(regime.configured(horizon=horizon).problem)
        assert 0.7 * regime.action.scale < best.lr * steepest < regime.action.scale


def test_the_optimum_lies_on_the_curve_of_reset_weights():
    curve = curves.reset_curve(solved, hazards=(0.05, 1.0), seeds=(0,))
    assert [(p.series, p.x) for p in curve.points] == [
        ("h = 1/9", 0.05),
        ("h = 1", 0.05),
        ("h = 1/9", 1.0),
        ("h = 1", 1.0),
    ]
    for point in curve.points:
        assert point.learned == pytest.approx(point.theory, abs=1e-9)
    for line in curve.theory.values():
        hazards, weights = np.array(line).T
        assert (hazards[0], hazards[-1]) == pytest.approx((0.05, 1.0))
        assert (np.diff(weights) > 0).all()
    # The closed form is that of small steps: within a tenth at dt = 0.1.
    gamma = REGIMES["task-switching"].problem.gamma
    expected = reset_weight([1 / 9, 1.0], gamma=gamma, hazard=0.05)
    np.testing.assert_allclose(optimal_weights(0.05), expected, rtol=0.1)


def test_a_learner_that_does_not_reset_lies_off_the_curve():
    still = solved(REGIMES["task-switching"].configured(hazard=0.0), 0)
    curve = curves.reset_curve(lambda regime, seed: still, hazards=(0.2,), seeds=(0,))
    for point in curve.points:
        assert point.learned == pytest.approx(0.0, abs=1e-9)
        assert point.theory > 0.1


def test_by_default_there_are_enough_points():
    for varied in (curves.HORIZONS, curves.HAZARDS):
        assert len(set(varied)) >= 5
    assert len(set(curves.SEEDS)) >= 3


@pytest.mark.parametrize(
    ("make", "varied", "said"),
    [(momentum_curve, (1, 5), "at least 2 steps"), (curves.reset_curve, (0.0, 1.0), "above 0")],
)
def test_values_without_such_a_coefficient_are_refused(make, varied, said):
    with pytest.raises(ValueError, match=said):
        make(derived, varied)


POINTS = tuple(
    Point("", x, seed, y + 0.01 * seed, y - 0.02, y + 0.03, y)
    for x, y in ((2.0, 0.1), (20.0, 0.3))
    for seed in (0, 1)
)
CURVE = Curve("title", "horizon", "b", POINTS, {"": ((2.0, 0.1), (20.0, 0.3))})


def test_a_curve_is_written_as_json_and_csv():
    read = json.loads(CURVE.to_json())
    assert tuple(Point(**point) for point in read["points"]) == POINTS
    assert read["theory"][""] == [[2.0, 0.1], [20.0, 0.3]]
    rows = list(csv.DictReader(io.StringIO(CURVE.to_csv())))
    assert len(rows) == len(POINTS)
    assert float(rows[1]["learned"]) == POINTS[1].learned


def test_a_picture_shows_the_line_the_trainings_and_their_means(tmp_path):
    figure = draw(CURVE)
    line, (dots, means) = figure.axes[0].lines[0], figure.axes[0].containers
    np.testing.assert_allclose(line.get_xydata(), CURVE.theory[""])
    np.testing.assert_allclose(dots[0].get_ydata(), [point.learned for point in POINTS])
    bars = np.array([segment[:, 1] for segment in dots[2][0].get_segments()])
    np.testing.assert_allclose(bars, [(point.low, point.high) for point in POINTS])
    np.testing.assert_allclose(list(means[0].get_ydata()), [0.105, 0.305])
    # Two trainings 0.01 apart: a standard error of 0.005, times t = 12.7 with one degree.
    reach = means[2][0].get_segments()[0][1, 1] - 0.105
    assert reach == pytest.approx(12.706 * 0.005, rel=1e-3)
    assert save(figure, tmp_path / "curve.png").stat().st_size > 1000


def test_a_single_training_is_drawn_without_an_interval():
    single = Curve("", "", "", POINTS[:1], CURVE.theory)
    means = draw(single).axes[0].containers[1]
    assert np.ptp(means[2][0].get_segments()[0][:, 1]) == 0
