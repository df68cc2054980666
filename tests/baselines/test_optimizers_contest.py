"""The contest of optimizers: its networks, one trial, its memory, its leagues, its tables."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.networks.contest import __main__ as command
from baselines.networks.contest import lasting
from baselines.networks.contest import trials as memory
from baselines.networks.contest.entrants import ADAM, COSINE, ENTRANTS, INSTALLED, Entrant
from baselines.networks.contest.judged import JUDGED, LARGE
from baselines.networks.contest.leagues import MOST, SEEDS, STEP, League, best
from baselines.networks.contest.tables import page_tables, reached
from baselines.networks.contest.trial import CHECKPOINTS, FAILED, Trial, trained
from baselines.networks.contest.trials import Trials
from baselines.networks.contest.tuning import TUNING
from landscape_gym.extras import Missing


@pytest.mark.parametrize("name", [*TUNING, *JUDGED, *LARGE])
def test_networks_take_their_examples_and_repeat(name: str) -> None:
    network = (TUNING | JUDGED | LARGE)[name]
    model = network.network(3)
    first, again = (network.minibatch(torch.Generator().manual_seed(1)) for _ in range(2))
    assert all(map(torch.equal, first, again))
    loss = network.loss(model)
    assert 0 < loss < 5
    assert network.loss(network.network(3)) == loss != network.loss(network.network(4))
    if network.held_out:
        test, accuracy = network.test(model)
        assert 0 < test < 5
        assert math.isnan(accuracy) == network.seen[1].is_floating_point()
        assert len(network.seen[0]) + network.held_out == len(network.examples()[0])


def test_no_judged_network_is_one_that_constants_are_chosen_on() -> None:
    assert not set(TUNING) & set(JUDGED)
    assert not {n.what for n in TUNING.values()} & {n.what for n in JUDGED.values()}


def test_large_networks_have_one_to_two_million_weights() -> None:
    for network in LARGE.values():
        assert 1e6 < sum(p.numel() for p in network.network(0).parameters()) < 2e6


def test_losses_are_above_the_entropy_of_redrawn_labels() -> None:
    """A model that knows the labels' distribution has none left."""
    network = JUDGED["redrawn"]
    y = network.seen[1]
    p = torch.full((len(y), 10), network.redrawn / 10)
    p[torch.arange(len(y)), y] += 1 - network.redrawn

    class Knows(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return p.log()

    assert network.loss(Knows()) == pytest.approx(0, abs=1e-6)


def test_a_trial_repeats_and_learns() -> None:
    one, two = (trained(JUDGED["waves"], ADAM, 1e-2, 100, seed=5) for _ in range(2))
    assert one.loss == two.loss
    assert len(one.loss) == CHECKPOINTS.index(100) + 1
    assert one.loss[-1] < 0.8 * one.loss[0]


def test_a_divergence_counts_as_one_from_then_on() -> None:
    sgd = ENTRANTS["SGD, momentum, cosine"]
    assert trained(JUDGED["waves"], sgd, 1e4, 100, seed=0).loss == (FAILED, FAILED)


def test_a_schedule_ends_near_0() -> None:
    assert COSINE.schedule(0.999) < 1e-3
    assert ENTRANTS["AdamW, linear"].schedule(0.0) == 1
    assert COSINE.schedule(0.0) < 0.5 < COSINE.schedule(0.04) < COSINE.schedule(0.05) == 1


def test_what_is_judged_leaves_the_last_iterate_alone() -> None:
    averaged, last = ENTRANTS["SelfScaledSOAP, averaged"], ENTRANTS["SelfScaledSOAP"]
    network = TUNING["conv"]  # with batch normalisation
    mean, own = (trained(network, entrant, 1.0, 30, seed=0) for entrant in (averaged, last))
    assert mean.loss != own.loss
    model = network.network(0)
    optimizer = averaged.make(model, 1.0)
    x, y = network.minibatch(torch.Generator().manual_seed(0))
    for _ in range(3):
        model.zero_grad()
        loss = network.criterion(model(x), y)
        loss.backward()
        optimizer.step(loss=loss)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    from baselines.networks.contest.trial import _looked_at

    with _looked_at(network, averaged, optimizer, model):
        assert not torch.equal(model.state_dict()["1.running_mean"], before["1.running_mean"])
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def quick(network: object, entrant: Entrant, rate: float, steps: int, seed: int) -> Trial:
    """Best at a rate of 0.1; a seed more costs 1 %."""
    loss = math.exp(abs(math.log(rate / 0.1))) * 1.01**seed
    return Trial((loss,) * sum(n <= steps for n in CHECKPOINTS), loss, 0.5, 1.0)


def test_what_is_known_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "trained", quick)
    ran: list[str] = []
    trials = Trials(tmp_path / "folder" / "contest.json", ran.append)
    first = trials("waves", ADAM, 1e-2, 100, 0)
    trials.save()
    again = Trials(trials.file, ran.append)
    assert again("waves", ADAM, 1e-2, 100, 0).loss == pytest.approx(first.loss, rel=1e-3)
    assert len(ran) == 1
    again("waves", ADAM, 1e-2, 100, 1)
    again("waves", COSINE, 1e-2, 100, 0)
    assert len(ran) == 3


def test_leagues_find_the_best_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "trained", quick)
    for each in (True, False):
        league = League(Trials(tmp_path / "contest.json", lambda key: None), each)
        assert league.rate("waves", ADAM, 300) == pytest.approx(0.1)
        assert league.rate("waves", ENTRANTS["SelfScaledSOAP"], 300) == 1
        assert league.logs("waves", ADAM, 300) == pytest.approx(
            np.log(1.01) * np.array(SEEDS), 1e-2
        )


def test_a_search_ends_where_rates_do() -> None:
    assert best(lambda power: (power - 2.2) ** 2) == 2
    assert best(lambda power: power) == -MOST
    assert pytest.approx(10) == STEP**2


def test_a_schedule_is_as_long_as_what_is_judged() -> None:
    league = League(Trials(Path("none.json")), each=True, marks=(100, 300))
    assert [league.length(e, 100) for e in (COSINE, ADAM)] == [100, 300]


def test_a_target_is_reached_between_checkpoints() -> None:
    losses = [1.0, 0.1, 0.01]
    assert reached(losses, 0.1) == CHECKPOINTS[1]
    assert CHECKPOINTS[1] < reached(losses, 0.05) < CHECKPOINTS[2]
    assert reached(losses, 1e-3) == math.inf
    assert reached(losses, 2.0) == CHECKPOINTS[0]


def test_every_table_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "trained", quick)
    tables = page_tables(Trials(tmp_path / "contest.json", lambda key: None))
    assert {*tables, "contest-provenance"} == set(command.BLOCKS)
    for table in tables.values():
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for package in ("schedulefree", "pytorch_optimizer", "prodigyopt", "dog", "momo"):
        monkeypatch.setitem(sys.modules, package, None)
    for entrant in INSTALLED:
        with pytest.raises(Missing, match=re.escape("pip install 'landscape-gym[contest]'")):
            entrant.make(JUDGED["waves"].network(0), 1.0)


def test_the_command_trains_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "--networks waves --entrants SelfScaledAdam Adam --marks 100 --seeds 0 1 "
        f"--file {tmp_path / 'contest.json'}"
    ).split()
    assert command.main(words) == 0
    first = capsys.readouterr()
    assert "waves | Adam" in first.err
    assert "SelfScaledAdam" in first.out
    assert command.main(words) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert not again.err


def lasted(*losses: float) -> Trial:
    """With a loss of 1 after 30 steps, and these after 1000, 2000 and 3000."""
    return Trial((*[1.0] * (len(CHECKPOINTS) - 3), *losses), 0.1, 0.5, 1.0)


def test_runs_that_rise_and_runs_that_fail_are_counted() -> None:
    well, rose, failed = lasted(0.2, 0.3, 0.1), lasted(0.2, 0.1, 0.25), lasted(0.2, FAILED, FAILED)
    assert lasting.row("waves", [well] * 2) == ("waves", "2", "0.2", "0.1", "0.1", "0", "0")
    every = lasting.row("waves", [well, rose, failed])
    assert every == ("waves", "3", "0.2", "0.25", "1e+03", "2", "1")


def test_long_trainings_are_kept_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "trained", quick)
    words = ["--networks", "waves", "--seeds", "2", "--file", str(tmp_path / "lasting.json")]
    assert lasting.main(words) == 0
    first = capsys.readouterr()
    assert first.err.splitlines() == [f"waves | SelfScaledSOAP | 1 | 3000 | {s}" for s in (0, 1)]
    assert lasting.main(words) == 0
    again = capsys.readouterr()
    assert (again.out, again.err) == (first.out, "")
    assert lasting.main(["--networks", "wave"]) == 2
    page = tmp_path / "networks.md"
    page.write_text("<!-- lasting:begin -->\n<!-- lasting:end -->\n")
    monkeypatch.setattr(lasting, "PAGE", page)
    assert lasting.main([*words, "--write"]) == 0
    assert first.out.strip() in page.read_text()


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--networks", "wave"]) == 2
    assert "waves" in capsys.readouterr().err
    assert command.main(["--marks", "50"]) == 2
    assert "30, 100, 200" in capsys.readouterr().err
