"""Write docs/flagship.md's generated parts: ``python -m docs.generate.flagship``.

What the rules of `landscape-nav` reach, which vectors they use, how far they go along an axis by
its curvature and their age, beside the learner that they begin as; and what each part is worth.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from baselines.pages import ROOT, markdown, source, write_between_markers
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    import torch
    from matplotlib.figure import Figure

    from agents import ablation, judge
    from landscape_gym import load_rule
    from landscape_gym.belief_frame import BELIEVED
    from landscape_gym.command_line import parsed
    from landscape_gym.control import SpectralGain
    from landscape_gym.landscapes.base import Array
    from landscape_gym.learned import Dense, LearnedRule, Network
    from landscape_gym.registration import REGIMES
    from landscape_gym.rendering.palette import BLACK, BLUE, GREEN, ORANGE, VERMILION
    from landscape_gym.rendering.png import save
    from landscape_gym.simulation import Simulation

PAGE = ROOT / "docs" / "flagship.md"
PICTURE = "flagship.png"
COMMAND = "python -m docs.generate.flagship"
BLOCKS = ("verdicts", "vectors", "ablation")
RULES = {"own channels": "landscape-nav", "parameters seen": "landscape-nav-parameters"}
"""Shipped rules, by what they see."""
SEED = 8_100_000
"""Of the first episode that is read."""
AGES = {(1, 1): BLUE, (4, 6): GREEN, (15, 25): ORANGE, (60, 100): VERMILION}
"""First and last gradient of an age, and its colour."""
BINS = 12
"""Of curvatures, by their logarithm."""


@dataclass(frozen=True)
class Options:
    """Write a page's generated parts."""

    runs: tuple[str, ...] = ()
    """Folders of several seeds each, to be judged besides the shipped rules."""
    episodes: int = 1024
    """Fresh ones, to judge on."""
    read: int = 256
    """Episodes that rules are read along."""
    quick: bool = False
    """Whether to leave the ablation, which trains, as it is."""
    page: Path = PAGE
    """What to write into."""


class Read(NamedTuple):
    """What a rule does along its axes: (steps, episodes, d), vectors last."""

    moves: Array
    """By vector, (steps, episodes, d, vectors)."""
    curvature: Array
    """``q' H q``."""
    error: Array
    """``q' (x - z)``, from the target as it is."""
    weight: Array
    """beta^t, (steps,)."""


def read(rule: LearnedRule, episodes: int, steps: int = 100) -> Read:
    """A rule's moves along its axes, with what they meet there.

    Args:
        rule: In a frame.
        episodes: How many.
        steps: Of each.
    """
    problem, frame = REGIMES["landscape-nav"].problem, rule.frame
    assert frame is not None
    hidden = ("parameters", "target", "hessian")
    channels = rule.observation.channels
    both = replace(
        rule.observation,
        channels=channels + tuple(name for name in hidden if name not in channels),
    )
    simulation = Simulation.begun(
        SEED + np.arange(episodes), problem=problem, observation=both, action=rule.action
    )
    slices = simulation.layout.slices
    own = np.concatenate([np.arange(simulation.layout.size)[slices[name]] for name in channels])
    state, parts = None, []
    for step in range(steps):
        seen = simulation.observe(simulation.state).astype(np.float64)
        theta, target, hessian = (seen[:, slices[name]] for name in hidden)
        framed, state = frame.see(seen[:, own], state or frame.begin(seen[:, own]))
        moves = framed.vectors * rule.coefficients(framed)
        hessian = hessian.reshape(episodes, problem.dim, problem.dim)
        curvature = np.sum(state.basis * (hessian @ state.basis), axis=1)
        error = np.matvec(state.basis.mT, theta - target)
        parts.append((moves, curvature, error, problem.discount**step))
        action = frame.out_of(moves.sum(axis=2), state) / rule.action.scale  # type: ignore[attr-defined]
        simulation.advance(action.clip(-1, 1))
    return Read(*(np.stack(part) for part in zip(*parts, strict=True)))


def vectors_table(reads: dict[str, tuple[LearnedRule, Read]]) -> str:
    """A row for each vector, with the share of the moves that it makes."""
    shares: dict[str, dict[str, float]] = {}
    for title, (rule, found) in reads.items():
        assert rule.frame is not None
        weight = found.weight[:, None, None]
        move = found.moves.sum(axis=-1)
        along = (weight[..., None] * found.moves * move[..., None]).sum(axis=(0, 1, 2))
        for name, share in zip(rule.frame.vectors, along / (weight * move**2).sum(), strict=True):
            place = name.replace("parameters", "place").replace("displacement", "place")
            shares.setdefault(place, {})[title] = float(share)
    rows = [(name, *(f"{of[title]:+.1%}" for title in reads)) for name, of in shares.items()]
    rows.sort(key=lambda row: -abs(float(row[1].rstrip("%"))))
    return (
        "Share of the squared move, discounted, that each vector makes: the mean of its part times "
        "the move, over that of the squared move. Parts that undo each other are above 100 % and "
        f"below 0.\n\n{markdown(('vector', *reads), rows)}"
    )


def trusting(rule: LearnedRule) -> LearnedRule:
    """The rule that a rule in the frame of a belief began as: the believer's own move."""
    assert rule.frame is not None
    trust = np.array([float(name == BELIEVED[0]) for name in rule.frame.vectors])
    last = Dense(np.zeros((len(trust), len(rule.mean))), trust)
    return replace(rule, network=Network((last,)))


def gains(found: Read, ages: tuple[int, int], edges: Array) -> Array:
    """How far a rule moves along axes over how far the target is, by their curvature.

    Args:
        found: Of the rule.
        ages: The first gradient and the last.
        edges: Of bins of curvatures, (bins + 1,).

    Returns:
        (bins,)
    """
    part = slice(ages[0] - 1, ages[1])
    move, error, h = (each[part] for each in (found.moves.sum(-1), found.error, found.curvature))
    inside = [(low <= h) & (h < high) for low, high in itertools.pairwise(edges)]
    return np.array([-(move * error)[w].sum() / (error**2)[w].sum() for w in inside])


def save_picture(path: Path, learned: Read, believer: Read) -> Path:
    """Draw how far a rule goes along an axis, by curvature and age, beside its believer."""
    known = SpectralGain(REGIMES["landscape-nav"].problem)
    edges = np.geomspace(*known.bounds, BINS + 1)
    middles = np.sqrt(edges[1:] * edges[:-1])
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, title, found in zip(
        panels, ("learned", "quasi-Newton"), (learned, believer), strict=True
    ):
        optimal = known(middles[None], np.zeros(1, int))[0]
        panel.plot(middles, optimal, color=BLACK, label="all known")
        for ages, colour in AGES.items():
            label = "gradient 1" if ages[1] == 1 else f"gradients {ages[0]} to {ages[1]}"
            panel.plot(middles, gains(found, ages, edges), color=colour, marker=".", label=label)
        panel.set(xscale="log", yscale="log", title=title, xlabel="curvature along an axis")
    panels[0].set_ylabel("move / distance to the target")
    panels[1].legend(frameon=False, fontsize="small")
    return save(figure, path, colours=64)


def verdicts_table(options: Options) -> str:
    """What rules and references reach, on fresh episodes."""
    problem = REGIMES["landscape-nav"].problem
    rules = {**judge.rules_of(tuple(RULES.values())), **judge.rules_of(options.runs)}
    seconds = judge.trained_seconds(options.runs)
    verdicts = judge.judged(
        problem,
        {**judge.derived(problem), **rules},
        episodes=options.episodes,
        first_seed=judge.Options.first_seed,
    )
    rows = [replace(each, trained=seconds.get(each.name)).row for each in verdicts]
    return (
        f"{options.episodes} episodes from seed {judge.Options.first_seed}; worst: the episode "
        "that is worst over doing nothing; seconds and microseconds are of one processor.\n\n"
        f"{markdown(judge.HEAD, rows)}"
    )


@program(COMMAND, "The page is as it was.")
def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and generate."""
    options = parsed(Options, argv, prog=COMMAND, description=__doc__)
    torch.set_num_threads(1)
    write_between_markers(options.page, dict.fromkeys(BLOCKS, ""), check_only=True)
    rules = {title: load_rule(name) for title, name in RULES.items()}
    reads = {title: (rule, read(rule, options.read)) for title, rule in rules.items()}
    first, learned = next(iter(reads.values()))
    believer = read(trusting(first), options.read)
    save_picture(options.page.parent / "images" / PICTURE, learned, believer)
    tables = {"verdicts": verdicts_table(options), "vectors": vectors_table(reads)}
    if not options.quick:
        tables["ablation"] = ablation.table(ablation.Options(episodes=options.episodes))
    told = {name: f"{source(COMMAND)}. {text}" for name, text in tables.items()}
    write_between_markers(options.page, told)


if __name__ == "__main__":
    sys.exit(main())
