"""The contest where nobody says how often tasks change: streams, rivals, and a tiny run."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.continual.hazard.experiment import INFERRED, TOLD, Experiment, FilterBank, fill
from baselines.continual.hazard.layers import ASSUMED, EVERYWHERE, FIRST, NOWHERE, Assuming, Layers
from baselines.continual.hazard.layers import fill as fill_layers
from baselines.continual.hazard.layers_page import section as layers_section
from baselines.continual.hazard.layers_page import verdicts as layers_verdicts
from baselines.continual.hazard.page import draw, section, verdicts
from baselines.continual.hazard.rivals import RIVALS
from baselines.continual.hazard.streams import STREAMS, Changing, Seen, Together, play
from baselines.continual.hazard.unit_rivals import ContinualBackprop, SelfNormalisedResets
from baselines.continual.hazard.weight_rivals import AdamL2, HareAndTortoise, LearnedDrift
from baselines.continual.stream import Stream
from landscape_gym.networks.landscape import engine_of
from tests.contracts.instances import draws

SMALL = Experiment(
    streams=("labels", "gradual"), steps=100, seeds=(0, 1), tuning_steps=2, tuning_seeds=(7,)
)


class Watcher:
    """Learns nothing, and remembers what it is shown."""

    def begin(self, theta, networks):
        self.x, self.hazards = [], []

    def move(self, theta, seen):
        self.x.append(seen.x.flatten(2).mean(1).numpy())
        self.hazards.append(seen.hazard)
        return theta

    def answering(self, theta):
        return theta


def test_the_rate_changes_midway_and_learners_are_told_the_true_one() -> None:
    watcher = Watcher()
    play(STREAMS["midway"], watcher, (0,), 500)
    assert watcher.hazards[:400] == [1 / 200] * 400  # the task that was begun is finished
    assert watcher.hazards[400:] == [1 / 50] * 100


def test_gradually_an_eighth_of_the_inputs_changes_places_eight_times_as_often() -> None:
    watcher = Watcher()
    play(STREAMS["gradual"], watcher, (0,), 200)
    means = np.stack(watcher.x)[:, 0].reshape(8, 25, 64).mean(1)  # over 1600 data
    moved = (np.abs(np.diff(means, axis=0)) > 0.1).sum(1)
    assert moved.max() <= 8
    assert moved.mean() > 3  # some change places with others of much the same mean


def test_where_labels_are_drawn_too_there_is_little_to_learn() -> None:
    for relabelled in (False, True):
        stream = Changing("", "permuted_inputs", relabelled=relabelled)
        learnt = play(stream, AdamL2(0.01), (0,), 120)[:, -40:].mean()
        assert (learnt < 0.3) == relabelled, learnt


def test_rows_of_one_seed_see_the_same_and_learners_do_not_disturb_each_other() -> None:
    alone = play(STREAMS["labels"], AdamL2(0.01, 0.01), (3, 4), 20)
    pair = Together([AdamL2(0.01, 0.01), FilterBank(told=True)], rows=2)
    both = play(STREAMS["labels"], pair, (3, 4, 3, 4), 20)
    np.testing.assert_allclose(both[:2], alone, atol=1e-6)
    assert np.abs(both[2:] - alone).max() > 0


def network(rows: int):
    landscape = Stream().landscape
    theta = torch.from_numpy(landscape.default_start(draws(*range(rows), dtype=np.float32)))
    return theta, engine_of(landscape, np.dtype(np.float32)).networks


def test_without_a_pull_or_a_drift_rivals_are_adam() -> None:
    theta, networks = network(2)
    gradients = torch.randn(5, *theta.shape, generator=torch.Generator().manual_seed(0))
    x = torch.rand(2, 8, 1, 8, 8)
    parameter = torch.nn.Parameter(theta.clone())
    adam = torch.optim.Adam([parameter], lr=0.01)
    rivals = (
        AdamL2(0.01),
        LearnedDrift(0.01, drift_lr=0.0),
        ContinualBackprop(0.01, rate=0.0),
        SelfNormalisedResets(0.01, eta=0.0),
        HareAndTortoise(0.01, lag=0.0),
    )
    places = [theta] * len(rivals)
    for rival in rivals:
        rival.begin(theta, networks)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        adam.step()
        seen = Seen(gradient, torch.ones(2, 1), x, 0.0)
        places = [r.move(place, seen) for r, place in zip(rivals, places, strict=True)]
    for place in places:
        torch.testing.assert_close(place, parameter.detach(), rtol=1e-5, atol=1e-6)


def test_the_learned_drift_goes_back_where_the_slope_says_so() -> None:
    theta, networks = network(1)
    rival = LearnedDrift(0.0, drift_lr=0.1)
    rival.begin(theta, networks)
    gone = torch.full_like(theta, 0.1)
    first = networks.sizes[0]
    gradient = torch.zeros_like(theta)
    gradient[:, :first] = 1 / first  # <gradient, gone> is 0.1 in the first tensor, else 0
    moved = rival.move(theta + gone, Seen(gradient, torch.ones(1, 1), theta, 0.0)) - theta
    torch.testing.assert_close(moved[:, :first], 0.99 * gone[:, :first])
    torch.testing.assert_close(moved[:, first:], gone[:, first:])


def test_continual_backprop_replaces_the_mature_unit_of_least_use() -> None:
    theta, networks = network(1)
    rival = ContinualBackprop(0.0, rate=1 / 64, maturity=3)
    place = theta.clone()
    rival.begin(theta, networks)
    weak = 5
    outgoing = networks.split(place)[rival.layers[1]]
    outgoing[:, :, weak] *= 1e-6  # of the first hidden layer
    networks.split(place)[rival.layers[0].replace("weight", "bias")][:] = 5.0  # all are active
    x = torch.rand(1, 8, 1, 8, 8)
    for step in range(4):
        before, place = place, rival.move(place, Seen(0 * place, torch.ones(1, 1), x, 0.0))
        changed = networks.split(place - before)
        assert bool(changed[rival.layers[0]].abs().sum() > 0) == (step == 3)
    rows = changed[rival.layers[0]][0].abs().sum(1).nonzero()[:, 0].tolist()
    assert rows == [weak]
    left = networks.split(place)[rival.layers[1]][0, :, weak].abs() > 0
    assert left.sum() <= 1  # of the unit that the next layer has replaced itself


def test_a_unit_is_replaced_when_it_is_silent_for_longer_than_it_usually_is() -> None:
    theta, networks = network(2)
    rival = SelfNormalisedResets(0.0, eta=torch.tensor([[0.07], [0.4]]))
    rival.begin(theta, networks)
    worn = []
    for i in range(23):
        activity = torch.zeros(2, 1, 64)  # of the third unit and all others: they never fire
        activity[:, :, 0] = i < 20
        activity[:, :, 1] = i < 20 and i % 2
        rows, units = rival.worn(0, activity, activity)
        worn.append(list(zip(rows.tolist(), units.tolist(), strict=True)))
    assert worn[:20] == [[]] * 20
    # The first unit has had 20 silences, and this is the only one of a step: 1 / 20. The second has
    # had eleven, with that which it began with, and this is the only one of two steps: 1 / 11.
    assert worn[20] == [(0, 0), (1, 0)]
    assert worn[21] == [(1, 1)]
    # Being replaced begins another silence: 2 / 21 of the first unit's came to a step.
    assert worn[22] == [(1, 0)]


def test_a_replaced_unit_is_as_at_the_start_and_says_nothing() -> None:
    theta, networks = network(1)
    rival = SelfNormalisedResets(0.0, eta=0.5)
    rival.begin(theta, networks)
    place = theta.clone()
    first, second = rival.layers[:2]
    bias = first.replace("weight", "bias")
    for level in (5.0, 5.0, 5.0, -50.0):  # it fires, and then is silent
        for each in (first, second):
            networks.split(place)[each.replace("weight", "bias")][:] = 5.0
        networks.split(place)[bias][:, 7] = level
        rival.m = torch.ones_like(theta)
        seen = Seen(0 * place, torch.ones(1, 1), torch.rand(1, 8, 1, 8, 8), 0.0)
        before, place = place, rival.move(place, seen)
    now, moments = networks.split(place), networks.split(rival.m)
    for part in (now, moments):
        assert part[bias][0, 7] == 0
        assert not part[second][0, :, 7].any()
    assert moments[second][0, :, 6].any()
    drawn = now[first][0, 7]
    assert np.isin(drawn.numpy(), networks.split(theta)[first].numpy()).all()
    assert not torch.equal(drawn, networks.split(before)[first][0, 7])


def test_the_hare_is_set_back_to_its_average_which_answers() -> None:
    theta, networks = network(1)
    rival = HareAndTortoise(1.0, lag=1.0)  # an average of rate 1/2, and back every four steps
    rival.begin(theta, networks)
    assert rival.answering(theta) is theta
    hare, slow, gradient = theta, theta, torch.ones_like(theta)
    for step in range(1, 9):
        hare, seen = hare - 1.0, Seen(gradient, torch.ones(1, 1), theta, 0.0)
        slow = (slow + hare) / 2
        if step % 4 == 0:
            hare = slow
        theta = rival.move(theta, seen)
        torch.testing.assert_close(theta, hare, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(rival.answering(theta), slow, rtol=1e-4, atol=1e-4)
    hare_answers = HareAndTortoise(1.0, lag=1.0, slow_answers=False)
    hare_answers.begin(theta, networks)
    assert hare_answers.answering(hare) is hare


def test_accuracy_is_that_of_the_network_that_answers() -> None:
    class Answers(Watcher):
        def answering(self, theta):
            return torch.zeros_like(theta)  # the first class, whatever is shown

    watcher = Watcher()
    pair = play(STREAMS["inputs"], Together([watcher, Answers()], rows=1), (3, 3), 50)
    alone = play(STREAMS["inputs"], Watcher(), (3,), 50)
    np.testing.assert_allclose(pair[0], alone[0], atol=1e-6)
    assert np.abs(pair[1] - alone[0]).max() > 0
    assert abs(pair[1].mean() - 0.1) < 0.01  # one of ten digits


def test_a_tiny_run_goes_on_where_it_was_and_has_its_part_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "hazard.json"
    lines = list(fill(SMALL, path))
    assert len(lines) == len(SMALL.streams) * (len(RIVALS) + 1)
    assert list(fill(SMALL, path)) == []
    results = json.loads(path.read_text())
    del results["labels"]["accuracy"]["continual backprop"]  # as before a rival was added
    path.write_text(json.dumps(results))
    with pytest.raises(ValueError, match="labels are not complete"):
        section(results, "")
    assert len(list(fill(SMALL, path))) == 1
    again = json.loads(path.read_text())
    assert again["labels"]["believed"] == results["labels"]["believed"]
    results = again
    text = section(results, "images/inferred.png")
    for name in (TOLD, INFERRED, *RIVALS):
        assert text.count(f"| {name} ") >= len(SMALL.streams)
    draw(results, tmp_path / "inferred.png")
    assert (tmp_path / "inferred.png").read_bytes().startswith(b"\x89PNG")
    del results["gradual"]["accuracy"]
    with pytest.raises(ValueError, match="gradual are not complete"):
        section(results, "")


def test_verdicts_say_who_wins_and_by_how_much() -> None:
    def level(mean):
        return (mean + np.array([[-0.01], [0.0], [0.01]]) + np.zeros((3, 8))).tolist()

    accuracy = {TOLD: level(0.8), INFERRED: level(0.7), **{name: level(0.5) for name in RIVALS}}
    accuracy["continual backprop"] = level(0.9)
    part = {"accuracy": accuracy, "believed": [[0.01] * 8] * 3}
    said = "\n".join(verdicts(STREAMS["labels"], part, {}))
    assert "NOT within 2% of told" in said
    assert "continual backprop wins" in said
    assert "difference of -0.200 ± 0.000" in said
    assert "the bank that is told is behind that rival by 0.100" in said
    assert "not to be told the rate adds -0.100: what decides is" in said
    assert "at the end one in 100 steps (true: 200)" in said
    accuracy["continual backprop"] = (np.array([[0.01], [-0.01], [0.01]]) + level(0.7)).tolist()
    said = "\n".join(verdicts(STREAMS["labels"], part, {}))
    assert "is highest, but not for sure" in said
    assert "within its interval" in said
    assert "the bank that is told leads that rival by 0.097" in said
    assert "nothing is decided" in said


# ---- a rate for each layer ---------------------------------------------------------------------


def test_layers_that_are_told_the_true_rate_are_the_bank_that_is_told() -> None:
    learners = Assuming(ASSUMED[NOWHERE]), FilterBank(told=True), Assuming(ASSUMED[FIRST])
    places = []
    for learner in learners:
        theta, networks = network(1)
        learner.begin(theta, networks)
        random = torch.Generator().manual_seed(0)
        for _ in range(6):
            gradient = torch.randn(theta.shape, generator=random)
            theta = learner.move(theta, Seen(gradient, torch.ones(1, 1), theta, 1 / 200))
        places.append(networks.split(theta))
    same, told, other = places
    for i, name in enumerate(same):
        torch.testing.assert_close(same[name], told[name], rtol=1e-4, atol=1e-6)
        assert torch.equal(other[name], same[name]) == (i > 1)  # the first layer's own alone move


def test_weights_that_begin_larger_are_drawn_back_to_what_they_began_at() -> None:
    theta, networks = network(1)
    learner = Assuming((200, 200, 200), larger=2.0)
    learner.begin(theta, networks)
    seen = Seen(torch.zeros_like(theta), torch.ones(1, 1), theta, 1 / 200)
    place = learner.move(theta, seen)
    for i, (name, now) in enumerate(networks.split(place).items()):
        torch.testing.assert_close(now, networks.split(theta)[name] * (2 if i == 0 else 1))
    torch.testing.assert_close(learner.move(place, seen), place)


def test_a_tiny_run_of_layers_has_its_part_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "layers.json"
    small = Layers(tasks=2, steps=3, seeds=(0, 1))
    assert len(list(fill_layers(small, path))) == 4
    assert list(fill_layers(small, path)) == []
    results = json.loads(path.read_text())
    text = layers_section(results)
    for who in ASSUMED:
        assert text.count(f"| {who} ") == 1
        assert np.shape(results["labels"][who]["loss"]) == (2, 2)
    assert 2.2 < np.mean(results["labels"][NOWHERE]["loss"]) < 2.5  # the logarithm of 10 is 2.3
    del results["inputs"]
    with pytest.raises(ValueError, match="inputs are missing"):
        layers_section(results)


def test_verdicts_on_layers_follow_the_figures() -> None:
    def part(first, last, whole, level=0.2):
        noise = np.array([[-0.001], [0.0], [0.001]])
        gains = dict.fromkeys(ASSUMED, 0.0) | {FIRST: first, "last": last, EVERYWHERE: whole}
        each = {who: np.array([[level, level + gain]]) + noise for who, gain in gains.items()}
        return {
            who: {"accuracy": right.tolist(), "loss": (2 - right).tolist()}
            for who, right in each.items()
        }

    nothing = part(0, 0, 0)
    found = {
        "labels": part(0.08, 0.02, 0.04),
        "inputs": part(-0.1, 0, 0),
        "both": nothing,
        "larger": part(0, 0, 0),
    }
    said = " ".join(layers_verdicts(found))
    assert "is no chance: +0.020 ± 0.000" in said
    assert (
        "Nor is it that accuracy is counted in place of the loss, which differs by -0.020" in said
    )
    assert "the difference is +0.000 ± 0.000: no task by itself is learnt better" in said
    assert "gives +0.040 ± 0.000, in the last alone +0.010" in said
    assert "layers change at rates of their own" in said
    assert "+0.000 ± 0.000 in all: no more" in said
    assert "larger weights explain nothing" in said
    found = {"labels": part(0.02, 0.08, 0.0), "inputs": nothing, "both": part(0.0, 0.0, 0.02)}
    found["larger"] = part(0.0, 0.0, -0.1, level=0.3)
    said = " ".join(layers_verdicts(found))
    assert "may be chance: +0.000 ± 0.000" in said
    assert "does not explain it" in said
    assert "+0.010 ± 0.000 in all: not all is explained so" in said
    assert "comes to 0.300 ± 0.002 on labels (0.200 ± 0.002 as begun usually)" in said
    assert "1/500 differs from it by -0.050 ± 0.000: labels want larger weights" in said
