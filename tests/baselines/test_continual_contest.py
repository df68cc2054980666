"""The continual benchmark: metrics on cases made by hand, and a tiny run up to its page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from baselines.continual import metrics
from baselines.continual.experiment import SOFT_RESET, Experiment, fill
from baselines.continual.learners import RuleLearner, contestants, soft_reset, spread_of
from baselines.continual.page import page, verdicts, write_page
from baselines.continual.search import search
from baselines.continual.stream import Stream, dormant_units, play
from landscape_gym.landscapes.base import Array
from landscape_gym.networks.landscape import engine_of
from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import Adam, GradientDescent
from tests.contracts.instances import draws

TINY = Stream(num_tasks=3, steps=10, batch_size=8, hidden=(6, 5))
SMALL = Experiment(
    stream=TINY,
    seeds=(0, 1),
    tuning_seeds=(100,),
    tuning_tasks=1,
    hazard_tasks=2,
    intervals=(0, 10),
    compiled=False,
)


# ---- metrics -----------------------------------------------------------------------------------


def test_online_accuracy_and_its_ends() -> None:
    right = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 1.0]])
    np.testing.assert_array_equal(metrics.online_accuracy(right), [0.5, 0.5, 1.0])
    first, last = metrics.ends(np.array([[0.1, 0.3, 0.5, 0.9]]), tasks=2)
    np.testing.assert_allclose([first[0], last[0]], [0.2, 0.7])


def test_forgetting_leaves_out_the_task_that_was_learnt_last() -> None:
    learned, kept = np.array([[0.9, 0.8, 0.7]]), np.array([[0.5, 0.6, 0.7]])
    np.testing.assert_allclose(metrics.forgetting(learned, kept), [0.3])


def test_plasticity_is_lost_where_a_fresh_network_learns_better() -> None:
    accuracy, fresh = np.array([[0.9, 0.9, 0.6, 0.4]]), np.full((1, 4), 0.8)
    np.testing.assert_allclose(metrics.plasticity(accuracy, fresh, tasks=2), [-0.3])


def test_lost_plasticity_is_a_fall_from_the_best_that_harder_tasks_do_not_explain() -> None:
    fresh = np.array([[0.8, 0.8, 0.8, 0.4, 0.4]] * 2)
    slow_start = np.array([[-0.3, -0.1, 0.1, 0.1, 0.1], [-0.2, -0.2, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(metrics.lost_plasticity(fresh + slow_start, fresh, 2), 0, atol=1e-12)
    fall = np.array([[0.0, 0.1, 0.1, 0.0, -0.2], [0.0, 0.2, 0.2, 0.0, 0.0]])
    np.testing.assert_allclose(metrics.lost_plasticity(fresh + fall, fresh, 2), [0.2, 0.2])


def test_what_only_one_seed_does_well_is_no_best() -> None:
    lucky = np.array(
        [[0.0, 0.5, 0.0, 0.1, 0.0], [0.1, 0.0, 0.0, 0.1, 0.0], [0.0, 0.0, 0.5, 0.1, 0.0]]
    )
    lost = metrics.lost_plasticity(lucky, np.zeros_like(lucky), 1)
    np.testing.assert_allclose(lost, [0.0, 0.0, 0.0], atol=1e-12)


def test_units_are_dormant_relative_to_their_layer() -> None:
    activity = np.array([[0.0, 0.02, 0.98, 1.0], [0.0, 0.0, 0.0, 0.0], [1e-3] * 4])
    np.testing.assert_array_equal(metrics.dormant(activity), [0.25, 1.0, 0.0])


def test_an_interval_is_students() -> None:
    found = metrics.interval(np.array([1.0, 2.0, 3.0]))
    assert found.mean == 2
    assert found.half == pytest.approx(4.302653 / np.sqrt(3))  # t of two degrees of freedom
    assert metrics.Interval(3.0, 0.4).above(metrics.Interval(2.0, 0.5))
    assert not metrics.Interval(3.0, 0.6).above(metrics.Interval(2.0, 0.5))


# ---- search ------------------------------------------------------------------------------------


def test_the_search_climbs_to_an_interior_optimum() -> None:
    found = search(lambda lr: -abs(np.log2(lr) - 7), {"lr": 1.0})
    assert found.best == {"lr": 128.0}
    assert {(64.0,), (256.0,)} <= set(found.tried)
    two = search(
        lambda lr, l2: -((np.log2(lr) - 1) ** 2) - (np.log2(l2) + 2) ** 2, {"lr": 1.0, "l2": 1.0}
    )
    assert two.best == {"lr": 2.0, "l2": 0.25}
    neighbours = {(lr, l2) for lr in (1.0, 2.0, 4.0) for l2 in (0.125, 0.25, 0.5)}
    assert neighbours <= set(two.tried)


def test_a_search_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="no interior optimum"):
        search(lambda lr: lr, {"lr": 1.0})


# ---- learning ----------------------------------------------------------------------------------


def test_a_learner_moves_as_the_rules_optimizer_does() -> None:
    theta = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    gradients = torch.randn(6, 3, 7, generator=torch.Generator().manual_seed(1))
    for learner in (RuleLearner(Adam(lr=0.1)), soft_reset(TINY, 0.1)):
        learner.begin(theta)
        moved = theta
        for i, gradient in enumerate(gradients):
            moved = learner.move(moved, gradient, switched=i % 3 == 0)
        for row in range(3):
            parameter = nn.Parameter(theta[row].clone())
            optimizer = RuleOptimizer([parameter], learner.rule)
            for gradient in gradients:
                parameter.grad = gradient[row].clone()
                optimizer.step()
            torch.testing.assert_close(moved[row], parameter.detach(), rtol=1e-5, atol=1e-6)


def test_a_restart_is_a_fresh_network_and_the_pull_goes_to_the_start() -> None:
    theta, gradient = torch.ones(1, 2), torch.tensor([[1.0, -1.0]])
    learner = RuleLearner(GradientDescent(lr=0.5), l2_init=1.0)
    learner.begin(theta)
    moved = learner.move(theta, gradient, switched=True)
    torch.testing.assert_close(moved, torch.tensor([[0.5, 1.5]]))
    torch.testing.assert_close(
        learner.move(moved, 0 * gradient, False), torch.tensor([[0.75, 1.25]])
    )
    fresh = RuleLearner(GradientDescent(lr=0.5), restart=True)
    fresh.begin(theta)
    moved = fresh.move(theta, gradient, switched=True)
    torch.testing.assert_close(moved, torch.tensor([[0.5, 1.5]]))
    torch.testing.assert_close(fresh.move(moved, gradient, switched=True), theta)


def test_a_seed_decides_the_stream_whoever_learns_beside_it() -> None:
    still = RuleLearner(GradientDescent(lr=0.0))
    both, alone = play(TINY, still, (5, 6)), play(TINY, still, (6,))
    np.testing.assert_allclose(both.accuracy[1:], alone.accuracy, atol=1e-6)
    assert (both.accuracy[0] != both.accuracy[1]).any()


def test_dormant_units_are_those_whose_bias_shuts_them() -> None:
    landscape = TINY.landscape
    draw = draws(0, dtype=np.float32)
    task, theta = landscape.sample(draw), torch.from_numpy(landscape.default_start(draw))
    theta[:, 64 * 6 : 64 * 6 + 3] = -1e3  # three of the first layer's six units
    theta[:, 65 * 6 : 65 * 6 + 6 * 5] = 0.0
    theta[:, 65 * 6 + 6 * 5 : 65 * 6 + 7 * 5] = 1.0  # the second layer's units are all alike
    shares = dormant_units(engine_of(landscape, np.dtype(np.float32)), task, theta)
    np.testing.assert_allclose(shares, [0.25])


def test_the_spread_is_that_of_the_initialisation() -> None:
    # Torch draws weights and biases uniformly within 1 / sqrt(inputs) of 0.
    layers = [(64, 64), (64, 64), (64, 10)]
    variance = sum((n + 1) * m / n / 3 for n, m in layers) / sum((n + 1) * m for n, m in layers)
    assert spread_of(Stream()) == pytest.approx(np.sqrt(variance), rel=0.02)


# ---- the page ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("continual") / "results.json"
    lines = list(fill(SMALL, path))
    assert len(lines) == len(SMALL.streams) * (1 + len(contestants(TINY)) + len(SMALL.intervals))
    return path


def test_what_is_done_is_not_done_again_and_comes_out_the_same(results: Path) -> None:
    before = json.loads(results.read_text())
    assert list(fill(SMALL, results)) == []
    again: dict[str, Any] = json.loads(results.read_text())
    for name in (SOFT_RESET, "shrink and perturb", "told 0"):
        del again["random_labels"][name]
    results.write_text(json.dumps(again))
    assert len(list(fill(SMALL, results))) == 3
    assert json.loads(results.read_text()) == before


def test_results_of_other_settings_are_refused(results: Path) -> None:
    with pytest.raises(ValueError, match="other settings"):
        list(fill(replace(SMALL, seeds=(7, 8)), results))


def test_the_page_has_every_rule_and_its_pictures(results: Path, tmp_path: Path) -> None:
    found = json.loads(results.read_text())
    write_page(tmp_path, found)
    text = (tmp_path / "continual.md").read_text()
    for name in (SOFT_RESET, *contestants(TINY)):
        assert text.count(f"| {name} ") == len(SMALL.streams), name
    for picture in ("accuracy", "hazard"):
        assert f"images/continual/{picture}.png" in text
        content = (tmp_path / "images" / "continual" / f"{picture}.png").read_bytes()
        assert content.startswith(b"\x89PNG")
    del found["permuted_inputs"]["told 10"]
    with pytest.raises(ValueError, match="permuted_inputs are not complete"):
        page(found)


def test_verdicts_follow_the_figures() -> None:
    def record(first: float, last: float) -> dict[str, Any]:
        level: Array = np.array([first] * 5 + [last] * 5)
        return {"accuracy": (level + np.array([[-0.01], [0.0], [0.01]])).tolist()}

    part = {
        SOFT_RESET: record(0.8, 0.8),
        "SGD": record(0.7, 0.5),
        "Adam": record(0.7, 0.9),
        "Adam, L2 to initialisation": record(0.83, 0.83),
        "hard reset of Adam (signalled)": {"accuracy": [[0.8] * 10] * 3},
        "told 10": record(0.8, 0.8),
        "told 0": record(0.5, 0.5),
    }
    said = "\n".join(verdicts(part, {"intervals": [0, 10], "stream": {"steps": 10}}))
    assert "Tuned SGD loses plasticity" in said
    assert "Tuned Adam does not lose plasticity" in said
    assert f"The {SOFT_RESET} keeps it within 0.02" in said
    assert "above tuned SGD" in said
    assert "not above tuned Adam" in said
    assert "-0.030: not within 0.02" in said
    assert "best assumed rate is 1/10, the true one 1/10" in said
