"""What a regime's page says that the code and the results pages know."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from baselines.pages import markdown
from docs.generate.sections import section
from landscape_gym import registration
from landscape_gym.channels import CHANNELS
from landscape_gym.env import LandscapeNavEnv
from landscape_gym.landscapes import Quadratic
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime, regime

REWARD = (
    r"$-\Delta t \, [\, u^\top G u / (2 \eta) + k \, (L(\theta') - L_{\min}) \,]$, "
    r"with $\theta'$ after the move"
)
WORLD = {
    "target": "where the minimum is",
    "curvature": "the curvature",
    "accuracy": "accuracy, and loss on data that is held out",
}
"""By what the environment tells the privileged."""
OWN = {"parameters": "the parameters", "gradient": "the gradient"}
"""Of the learner."""
SHOWS = {
    "parameters": {"parameters", "displacement", "error"},
    "gradient": {"gradient", "error", "agreement"},
    "target": {"target", "error"},
    "curvature": {"curvature", "hessian"},
    "accuracy": {"accuracy"},
}
"""Channels that show it."""
FEW = 3
"""Fields that are all shown."""
AGENTS = ("Within minutes", "Longer")
"""Sections of agents/README.md."""


def regimes_list(names: str) -> str:
    """A line for each regime of a registry, linked to its page.

    Args:
        names: Of the registry in `landscape_gym.registration`, such as "REGIMES".
    """
    rows = [
        (f"[{name}](/regimes/{name}.md)", each.sentence)
        for name, each in getattr(registration, names).items()
    ]
    return markdown(("regime", "what the theory says there"), rows)


def facts(name: str) -> str:
    """The regime's sentence, the call that makes it, its problem, and what is seen and done."""
    each = regime(name)
    changed = differing(each.problem, NavigationProblem())
    rows = [(f"`{field}`", f"`{shortly(value)}`") for field, value in changed.items()]
    usual = [
        f"{field} = {getattr(each.problem, field):g}"
        for field in ("eta", "k", "gamma", "dt", "episode_steps")
        if field not in changed
    ]
    seen = [f"- `{name}`: {CHANNELS[name].description}" for name in each.observation.channels]
    options = differing(each.observation, ObservationConfig(each.observation.channels))
    if options:
        seen.append(f"\nWith {', '.join(f'`{k} = {shortly(v)}`' for k, v in options.items())}.")
    return "\n".join(
        [
            f"> {each.sentence}\n",
            f"![Learners in one episode](/images/motion/{name}.svg)\n",
            "One episode: paths, where they lie in a plane, and losses.\n",
            box(name),
            "",
            f'```python\nenv = gym.make("{each.id}")\n```\n',
            "## The problem\n",
            markdown(("field", "value"), rows) + "\n",
            f"The rest is as everywhere: {', '.join(usual)}, and the defaults of "
            "[NavigationProblem](/api/problem.md).\n",
            "**Seen**\n",
            *seen,
            f"\n**Done**: `{shortly(each.action)}` ([actions](/api/seen-and-done.md)).",
        ]
    )


def box(name: str) -> str:
    """Spaces, reward, endings, discount and what is hidden, at a glance."""
    each = regime(name)
    env = LandscapeNavEnv(name, privileged=True)
    known = [env.reset(seed=seed)[1]["hidden"] for seed in (0, 1)]
    assert env.observation_space.shape is not None
    assert env.action_space.shape is not None
    problem = each.problem
    ends = "ends" if problem.horizon else "is truncated"
    rows = [
        ("**Observation**", f"{env.observation_space.shape[0]} numbers: {_channels(each)}"),
        ("**Action**", f"{env.action_space.shape[0]} numbers in [-1, 1]: `{shortly(each.action)}`"),
        ("**Reward**", REWARD),
        ("**Ending**", f"{ends} after {problem.steps} steps; ends early where a learner diverges"),
        ("**Discount**", f"{env.discount:.4g} a step, from gamma = {problem.gamma:g}"),
        ("**Hidden**", ", ".join(hidden(each, known)) or "nothing"),
    ]
    head = ("", each.id)
    return f":::{{admonition}} At a glance\n\n{markdown(head, rows)}\n:::"


def _channels(each: Regime) -> str:
    return ", ".join(f"`{channel}`" for channel in each.observation.channels)


def hidden(each: Regime, known: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is drawn anew for each episode, or the learner's own, and not seen.

    Args:
        each: The regime.
        known: What the environment tells the privileged of two episodes.
    """
    channels = set(each.observation.channels)
    first, second = known
    drawn = [name for name, value in first.items() if not np.array_equal(value, second[name])]
    if not isinstance(each.problem.landscape, Quadratic) and "curvature" in drawn:
        drawn.remove("curvature")  # it depends on the place, and is not drawn
    lacking = [text for name, text in WORLD.items() if name in drawn and not channels & SHOWS[name]]
    lacking += [text for name, text in OWN.items() if not channels & SHOWS[name]]
    if each.problem.noise is not None and "gradient" in channels:
        lacking.append("the gradient without noise")
    if each.problem.hazard and "target" not in channels:
        lacking.append("when tasks change")
    return lacking


def results(name: str) -> str:
    """How rules and agents do in a regime that the results pages have."""
    _sentence, table, remarks = section("baselines/README.md", name).split("\n\n", 2)
    parts = [
        f"{table}\n\nHow these are computed: [baselines](/results/baselines.md).",
        f"<details><summary>Where constants come from, and which rules are missing and why"
        f"</summary>\n\n{remarks}\n\n</details>",
    ]
    agents = list(agents_of(name))
    if agents:
        head = section("agents/README.md", AGENTS[0]).splitlines()[:2]
        parts += [
            "### Agents",
            "\n".join([*head, *(row for row, _ in agents)]),
            "\n".join(command for _, command in agents),
            "What is asked of them, and why: [agents](/results/agents.md).",
        ]
    return "\n\n".join(parts)


def overview() -> str:
    """Every regime that agents were trained in, each agent, and what it cost."""
    rows = []
    for name in registration.ALL:
        for row, _command in agents_of(name):
            agent, steps, seconds, ratio, _asked, regret, *_ = cells(row)
            page = f"[{name}](/regimes/{name}.md)"
            rows.append((page, agent, ratio.partition(" ")[0], regret, steps, seconds))
    head = ("regime", "agent", "J / J*", "regret", "steps", "seconds a seed")
    return markdown(head, rows)


def cells(row: str) -> list[str]:
    """Of a line of a Markdown table."""
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def agents_of(name: str) -> Iterator[tuple[str, str]]:
    """Rows of the agents' tables that are of the regime, each with the command that trained it."""
    for heading in AGENTS:
        lines = section("agents/README.md", heading).splitlines()
        rows = [line for line in lines if line.startswith("|")][2:]
        commands = [line for line in lines if line.startswith("    python train_agent.py")]
        for row, command in zip(rows, commands, strict=True):
            if re.search(rf"--regime {name} ", command):
                yield row, command


def differing(given: Any, usual: Any) -> dict[str, Any]:
    """Fields of a dataclass whose values differ from the usual ones."""
    values = {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
    return {name: value for name, value in values.items() if value != getattr(usual, name)}


def shortly(value: Any) -> str:
    """As code that makes it; where fields are many, without those that are at their defaults."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return f"({', '.join(map(shortly, value))}{',' * (len(value) == 1)})"
    if not dataclasses.is_dataclass(value):
        return repr(value)
    fields = [field for field in dataclasses.fields(value) if field.init]
    named = [
        f"{field.name}={shortly(getattr(value, field.name))}"
        for field in fields
        if len(fields) <= FEW or getattr(value, field.name) != field.default
    ]
    return f"{type(value).__name__}({', '.join(named)})"
