"""The benchmark of networks: its search, its memory, its figures, and the paper's Figure 2(e)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.networks import __main__ as command
from baselines.networks import figure_2e, page
from baselines.networks.contestants import ADAM, SELF_SCALED, TORCH, Contestant
from baselines.networks.costs import update_costs
from baselines.networks.results import FILE, SEEDS, TUNING_SEEDS, Trainings
from baselines.networks.search import FIRST, tuned
from baselines.networks.tasks import CHECKPOINTS, FAILED, TASKS, trained
from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import Coupled


@pytest.mark.parametrize("best", [-9, -3, 0, 2, 7])
def test_the_search_goes_on_until_both_neighbours_are_worse(best: int) -> None:
    tried = []

    def score(power: int) -> tuple[int, int]:
        tried.append(power)
        return abs(power - best), abs(power - 1)

    assert tuned(score) == [best, 1]
    assert {best - 1, best + 1, *FIRST} <= set(tried)
    assert len(tried) == len(set(tried))


def test_a_search_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="no interior optimum"):
        tuned(lambda power: [-power])


def test_a_training_repeats_and_a_rule_trains_as_torchs_optimizer_does() -> None:
    def losses(contestant: Contestant, lr: float) -> tuple[float, ...]:
        make = lambda p: contestant.make(p, lr)  # noqa: E731
        return trained(TASKS["digits-tanh"], make, seed=3, steps=20).loss

    theirs = losses(ADAM, 1e-2)
    assert theirs == losses(ADAM, 1e-2)
    ours = Contestant("adam", lambda p, lr: RuleOptimizer(p, "adam", lr=10 * lr, dt=100.0))
    assert len(theirs) == CHECKPOINTS.index(20) + 1
    np.testing.assert_allclose(losses(ours, 1e-2), theirs, rtol=1e-4)
    assert theirs[-1] < 0.7 * theirs[0]


def test_a_divergence_counts_as_one_from_then_on() -> None:
    sgd = TORCH[-1]
    run = trained(TASKS["digits-deep"], lambda p: sgd.make(p, 1e4), seed=0, steps=20)
    assert run.loss[0] < 3
    assert run.loss[-1] == FAILED


def test_what_is_known_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baselines.networks.results.trained", _quick)
    ran: list[str] = []
    file = tmp_path / "folder" / "trainings.json"
    first = Trainings(file, ran.append)("digits-tanh", SELF_SCALED, 1.0, 0)
    assert len(ran) == 1
    again = Trainings(file, ran.append)
    assert again("digits-tanh", SELF_SCALED, 1.0, 0) == first
    assert len(ran) == 1
    again("digits-tanh", SELF_SCALED, 1.0, 1)
    again("digits-tanh", SELF_SCALED, 2.0, 0)
    again("digits-deep", SELF_SCALED, 1.0, 0)
    assert len(ran) == 4


def test_the_bound_by_the_loss_lets_one_filter_bank_train_a_deep_network() -> None:
    def last(rule: Any) -> float:
        make = lambda p: RuleOptimizer(p, rule)  # noqa: E731
        return trained(TASKS["digits-deep"], make, seed=1001, steps=50).loss[-1]

    bank = Coupled.filter_bank()
    assert last(bank) < 0.5
    assert last(bank.rule) > 1.0, "the bank alone would do"


def test_an_interval_is_students() -> None:
    logs = np.log([1.0, 2.0, 4.0])
    # mean log 2, standard error log(2) / 3^(1/2), t of 2 degrees of freedom at 97.5 %: 4.303
    half = 4.302653 * np.log(2) / np.sqrt(3)
    expected = f"2.00 [{2 * np.exp(-half):.2f}, {2 * np.exp(half):.2f}]"
    assert page.interval(logs) == expected


def test_the_page_has_a_place_for_every_table_and_the_figures_that_are_kept() -> None:
    text = command.PAGE.read_text()
    trainings = Trainings(FILE, pytest.fail)  # nothing may be missing
    for name, table in page.TABLES.items():
        assert f"<!-- {name}:begin -->\n{table(trainings)}\n<!-- {name}:end -->" in text
    assert not set(SEEDS) & set(TUNING_SEEDS)


def test_a_bank_costs_more_the_more_curvatures_it_has() -> None:
    adam, scaled, *banks = (cost.remembered for cost in update_costs(rounds=1))
    assert adam == pytest.approx(2, abs=0.01)
    assert scaled == pytest.approx(2, abs=0.01)
    assert banks == pytest.approx([2 * n + 3 for n in (2, 3, 4, 6, 10)], abs=0.01)


def test_figure_2e_is_the_same_through_the_environment_and_as_an_optimizer() -> None:
    rule = figure_2e.RULES["ballistic"]
    ours, picked = figure_2e.in_environment(rule, figure_2e.COMPARED)
    theirs = figure_2e.in_pytorch(rule, ours.start, picked)
    losses, theta = figure_2e.apart(ours, theirs)
    assert losses < 1e-4
    assert theta < 1e-4
    assert ours.loss[-1] < 0.7 * ours.loss[0]
    other = figure_2e.in_pytorch(rule, ours.start, picked[::-1])
    assert figure_2e.apart(ours, other)[0] > 1e-2, "the minibatches do not matter"


def _quick(task: object, make: object, seed: int) -> object:
    return trained(TASKS["digits-tanh"], make, seed, steps=0)  # type: ignore[arg-type]


def test_contestants_have_names_of_their_own() -> None:
    titles = [contestant.title for contestant in page.CONTESTANTS]
    assert len(set(titles)) == len(titles)
    assert torch.optim.Adam is type(ADAM.make([torch.nn.Parameter(torch.ones(1))], 1e-3))
