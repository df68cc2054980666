"""The contest's tables on docs/networks.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from baselines.networks.contest.entrants import (
    ADAM,
    COSINE,
    ENTRANTS,
    LINEAR,
    ON_LARGE,
    ON_PAGE,
    OURS,
    SCHEDULE_FREE,
    SOAP,
    SOAP_OURS,
    Entrant,
)
from baselines.networks.contest.judged import JUDGED, LARGE
from baselines.networks.contest.leagues import MARKS, SEEDS, League
from baselines.networks.contest.trial import CHECKPOINTS
from baselines.networks.contest.trials import Trials
from baselines.networks.page import interval
from baselines.pages import markdown
from landscape_gym.landscapes.base import Array

NETWORKS_ON_PAGE = tuple(name for name in JUDGED if name != "more-text")
"""The one that is left out takes as long as all others together."""
BARS = {300: 0.5, 1000: 0.35}
"""Wanted of `SelfScaledSOAP`: at most so much of AdamW's loss, in the geometric mean."""


@dataclass
class Contest:
    """Both leagues, and AdamW, tuned, of which all are judged by the ratio."""

    trials: Trials
    networks: Sequence[str] = tuple(JUDGED)
    entrants: Sequence[Entrant] = tuple(ENTRANTS.values())
    marks: Sequence[int] = MARKS
    seeds: Sequence[int] = SEEDS
    each: League = field(init=False)
    all: League = field(init=False)

    def __post_init__(self) -> None:
        self.each, self.all = (
            League(self.trials, each, self.seeds, self.marks) for each in (True, False)
        )

    def adamw(self, network: str, mark: int) -> Array:
        """Logarithms of the losses of AdamW tuned, with the better of both schedules."""
        both = [self.each.logs(network, entrant, mark) for entrant in (COSINE, LINEAR)]
        return min(both, key=np.mean)

    def ratios(self, league: League, entrant: Entrant, mark: int) -> Array:
        """Logarithms of the losses over those, (networks, seeds)."""
        return np.array(
            [league.logs(n, entrant, mark) - self.adamw(n, mark) for n in self.networks]
        )


def ours_of(contest: Contest) -> list[Entrant]:
    """This library's."""
    return [entrant for entrant in OURS if entrant in contest.entrants]


def league_table(contest: Contest, league: League) -> str:
    """Means over the networks, and the worst of these."""
    rows = []
    for entrant in contest.entrants:
        every = [contest.ratios(league, entrant, mark) for mark in contest.marks]
        cells = [interval(ratios.mean(0)) for ratios in every]
        rows.append((entrant.name, *cells, *(f"{np.exp(r.mean(1).max()):.2f}" for r in every)))
    means = (f"{mark} steps" for mark in contest.marks)
    worst = (f"worst network, {mark}" for mark in contest.marks)
    return markdown(("optimizer", *means, *worst), rows)


def network_table(contest: Contest, league: League, *marks: int) -> str:
    """Each network, after so many steps, in one of the leagues."""
    columns = [(name, mark) for name in contest.networks for mark in marks]
    rows = []
    for entrant in contest.entrants:
        means = {mark: contest.ratios(league, entrant, mark).mean(1) for mark in marks}
        ratios = (means[mark][contest.networks.index(name)] for name, mark in columns)
        rows.append((entrant.name, *(f"{np.exp(ratio):.2f}" for ratio in ratios)))
    losses = (np.exp(contest.adamw(name, mark).mean()) for name, mark in columns)
    rows.append(("loss of AdamW", *(f"{loss:.2g}" for loss in losses)))
    heads = (name if len(marks) == 1 else f"{name}, {mark}" for name, mark in columns)
    return markdown(("optimizer", *heads), rows)


def test_table(contest: Contest) -> str:
    """Test losses over those of AdamW with cosine decay, and accuracies, after the last step."""
    mark = contest.marks[-1]

    def means(entrant: Entrant, name: str) -> Array:
        runs = [contest.each.judged(n, entrant, mark) for n in contest.networks]
        return np.array([np.mean([getattr(run, name) for run in each]) for each in runs])

    adamw, rows = means(COSINE, "test"), []
    for entrant in contest.entrants:
        loss = np.exp(np.mean(np.log(means(entrant, "test") / adamw)))
        rows.append((entrant.name, f"{loss:.2f}", f"{np.nanmean(means(entrant, 'accuracy')):.3f}"))
    return markdown(("optimizer", f"test loss over AdamW's, {mark} steps", "accuracy"), rows)


def target_table(contest: Contest, goal: int = 300) -> str:
    """Steps and time until the loss is that of AdamW, tuned with cosine decay, after `goal`."""
    rows = []
    for network in contest.networks:
        aim = float(np.exp(contest.each.logs(network, COSINE, goal).mean()))
        time = np.median([r.milliseconds for r in contest.each.judged(network, COSINE, goal)])
        cells = []
        for entrant in ours_of(contest):
            runs = contest.each.judged(network, entrant, contest.marks[-1])
            steps = [reached(run.loss, aim) for run in runs]
            took = np.median(steps) * np.median([r.milliseconds for r in runs]) / 1e3
            cells += [f"{np.median(steps):.0f}", f"{took:.2f}"]
        rows.append((network, f"{aim:.2g}", f"{goal * time / 1e3:.2f}", *cells))
    heads = (f"{e.name}, {what}" for e in ours_of(contest) for what in ("steps", "s"))
    return markdown(("network", "loss", "AdamW, s", *heads), rows)


def reached(losses: Sequence[float], aim: float) -> float:
    """The step at which a loss is reached, in between checkpoints by the line of logarithms."""
    last = None
    for step, loss in zip(CHECKPOINTS, losses, strict=False):
        if loss <= aim:
            if last is None:
                return step
            before, higher = last
            part = (np.log(higher) - np.log(aim)) / (np.log(higher) - np.log(loss))
            return before + part * (step - before)
        last = step, loss
    return np.inf


def rate_table(contest: Contest) -> str:
    """The one rate for all that the tuning networks chose."""
    mark = contest.marks[-1]
    rows = [(e.name, f"{contest.all.rate('', e, mark):g}") for e in contest.entrants if e.tuned]
    return markdown(("optimizer", "rate"), rows)


def verdict(short: Contest, longer: Contest) -> str:
    """What was wanted of `SelfScaledSOAP`, and what came of it."""
    rows = []
    for contest, mark in ((short, 300), (longer, 1000)):
        ours = contest.ratios(contest.all, SOAP_OURS, mark).mean(1)
        free, soap = (contest.ratios(contest.each, e, mark).mean(1) for e in (SCHEDULE_FREE, SOAP))
        below, n = int((ours < free).sum()), len(ours)
        above = [name for name, r in zip(contest.networks, ours, strict=True) if r > np.log(1.05)]
        what = (
            (f"geometric mean over AdamW: at most {BARS[mark]}", f"{np.exp(ours.mean()):.2f}"),
            ("above AdamW by more than 5 %: nowhere", ", ".join(above) or "nowhere"),
            ("below Schedule-Free: on three quarters", f"{below} of {n}"),
            ("over SOAP: at most 1", f"{np.exp((ours - soap).mean()):.2f}"),
        )
        rows += [(f"{mark} steps", *line) for line in what]
    for entrant in ours_of(longer)[1:]:
        adam = longer.ratios(longer.each, ADAM, 1000).mean(1)
        over = longer.ratios(longer.all, entrant, 1000).mean(1) - adam
        what = f"{entrant.name} over Adam: nowhere above 1.1"
        rows.append(("1000 steps", what, f"at most {np.exp(over.max()):.2f}"))
    return markdown(("after", "wanted, all others tuned for each", "found"), rows)


def page_tables(trials: Trials) -> dict[str, str]:
    """All, by the name of their markers on the page."""
    every = Contest(trials, NETWORKS_ON_PAGE, marks=MARKS[:-1])
    short = Contest(trials, NETWORKS_ON_PAGE, ON_PAGE, MARKS[:-1])
    longer = Contest(trials, NETWORKS_ON_PAGE, ON_PAGE)
    large = Contest(trials, tuple(LARGE), ON_LARGE, MARKS[1:], SEEDS[:2])
    return {
        "contest-verdict": verdict(short, longer),
        "contest-each": league_table(every, every.each),
        "contest-all": league_table(every, every.all),
        "contest-rates": rate_table(every),
        "contest-300": network_table(short, short.each, 300),
        "contest-1000": network_table(longer, longer.each, 1000),
        "contest-large": network_table(large, large.each, *MARKS[1:]),
        "contest-target": target_table(longer),
        "contest-test": test_table(longer),
    }
