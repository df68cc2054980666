"""What writes which page, or part of a page: all that is generated and kept in the checkout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Writer:
    """A command that writes a page, or parts of it."""

    page: str
    """Path within the checkout."""
    command: tuple[str, ...]
    """Arguments of Python."""
    takes: str
    """How long it takes on two cores, where nothing is kept that it could go on from."""
    blocks: Sequence[str] = ()
    """Markers between which it writes; none: it writes the whole page."""


NETWORKS = (
    "provenance",
    "filter-bank",
    "self-scaled-adam",
    "learned",
    "losses-100",
    "losses-300",
    "accuracy",
    "rates",
    "costs",
    "figure-2e",
)

CONTEST = (
    "contest-provenance",
    "contest-each",
    "contest-all",
    "contest-rates",
    "contest-verdict",
    "contest-300",
    "contest-1000",
    "contest-large",
    "contest-target",
    "contest-test",
)

WRITERS: dict[str, Writer] = {
    "train": Writer("README.md", ("-m", "docs.generate.train"), "a minute", ["train"]),
    "speed": Writer(
        "docs/results/speed.md", ("-m", "benchmarks", "--write"), "minutes", ["benchmarks"]
    ),
    "agents": Writer("agents/README.md", ("-m", "agents", "--write"), "minutes, once trained"),
    "baselines": Writer("baselines/README.md", ("-m", "baselines", "--write"), "an hour"),
    "claims": Writer("docs/claims.md", ("-m", "baselines.claims", "--write"), "minutes"),
    "optimal-control": Writer(
        "docs/optimal-control.md",
        ("-m", "docs.generate"),
        "minutes",
        ["regimes", "brackets", "rotation", "wells", "notebook"],
    ),
    "flagship": Writer(
        "docs/flagship.md",
        ("-m", "docs.generate.flagship"),
        "ten minutes",
        ["verdicts", "vectors", "ablation"],
    ),
    "learning": Writer(
        "docs/learning.md", ("-m", "docs.generate.learning"), "five minutes", ["learning"]
    ),
    "which-optimizer": Writer(
        "docs/which-optimizer.md", ("-m", "docs.generate.which_optimizer"), "minutes", ["forms"]
    ),
    "elsewhere": Writer(
        "docs/learning.md", ("-m", "docs.generate.elsewhere"), "ten minutes", ["elsewhere"]
    ),
    "optimizers": Writer(
        "docs/learning.md",
        ("-m", "docs.generate.optimizers"),
        "a quarter of an hour",
        ["optimizers"],
    ),
    "networks": Writer(
        "docs/networks.md", ("-m", "baselines.networks", "--write"), "hours", NETWORKS
    ),
    "found": Writer(
        "docs/networks.md", ("-m", "agents", "networks", "--write"), "five minutes", ["found"]
    ),
    "contest": Writer(
        "docs/networks.md", ("-m", "baselines.networks.contest", "--write"), "hours", CONTEST
    ),
    "lasting": Writer(
        "docs/networks.md",
        ("-m", "baselines.networks.contest.lasting", "--write"),
        "hours",
        ["lasting"],
    ),
    "continual": Writer("docs/continual.md", ("-m", "baselines.continual", "--write"), "hours"),
    "compatibility": Writer(
        "docs/compatibility.md",
        ("-m", "tests.ecosystem", "--write"),
        "an hour, and a network",
        ["compatibility"],
    ),
    "remembering": Writer(
        "docs/remembering.md",
        ("-m", "agents.remembering", "--write"),
        "a minute, once trained, which takes a quarter of an hour",
    ),
    "plain": Writer(
        "docs/tutorials/plain-agents.md",
        ("-m", "docs.generate.plain"),
        "ten minutes",
        ["plain"],
    ),
    "explorer": Writer(
        "docs/static/explorer.html",
        ("-m", "docs.generate.explorer", "--picture"),
        "a minute, and Chromium",
    ),
    "motion": Writer(
        "docs/images/double-well-four-discounts.svg",
        ("-m", "docs.generate.motion"),
        "three minutes; those of regimes, too",
    ),
    "recipe": Writer("README.md", ("-m", "docs.generate.recipe"), "a minute", ["recipe"]),
}
"""By name; pages need no order, as none is made of another."""
