"""The table of what memory is worth: who remembers what, and how its figures are made."""

from dataclasses import replace
from pathlib import Path

import pytest

from agents import remembering
from agents.remembering import HIDDEN, KINDS, SHIPPED, Kind, Options, judged, main, row, setup
from landscape_gym import REGIMES
from landscape_gym.artifact import load_rule, shipped_rules
from landscape_gym.control import optimum
from landscape_gym.evaluation import rollout

MEMORIES = {"averages", "lags", "previous_update", "previous_gradient", "secant", "elapsed"}
SMALL = {"timesteps": 512, "num_envs": 16, "n_steps": 16, "batch_size": 128}


@pytest.mark.parametrize("name", Options().regimes)
def test_who_has_no_memory_sees_none(name: str):
    assert MEMORIES.isdisjoint(setup(name, "memoryless")[0].observation.channels)
    assert {"averages", "lags"} <= set(setup(name, "averages")[0].observation.channels)
    if shipped := SHIPPED.get((name, "memoryless")):
        assert MEMORIES.isdisjoint(load_rule(shipped).observation.channels)
    assert (name in HIDDEN) != ((name, "memoryless") in SHIPPED)


def test_rules_that_are_said_to_be_shipped_are():
    assert set(SHIPPED.values()) <= set(shipped_rules())


def test_agents_are_trained_once_and_judged_against_the_optimum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    small = {k: Kind(v.title, v.channels, replace(v.training, **SMALL)) for k, v in KINDS.items()}
    monkeypatch.setattr(remembering, "KINDS", small)
    monkeypatch.setattr(remembering, "EPISODES", 16)
    monkeypatch.setattr(remembering, "PAGE", tmp_path / "page.md")
    options = Options(folder=tmp_path / "runs", regimes=("noisy-gradient", "long-horizon"))
    main(options)
    made = sorted(path.stem for path in options.folder.iterdir())
    assert made == ["noisy-gradient-lstm", "noisy-gradient-memoryless"]  # the others are shipped
    before = [path.stat().st_mtime_ns for path in sorted(options.folder.iterdir())]
    main(options)
    assert [path.stat().st_mtime_ns for path in sorted(options.folder.iterdir())] == before

    def lines() -> list[str]:
        text = (tmp_path / "page.md").read_text()
        return [line for line in text.splitlines() if line.startswith("| ")]

    main(replace(options, write=True))
    whole = lines()
    assert [line.split()[1] for line in whole[2:]] == ["long-horizon", "noisy-gradient"]
    main(replace(options, write=True, regimes=("long-horizon",)))  # the other keeps its line
    assert lines() == whole

    found = judged("noisy-gradient", options.folder)
    problem = REGIMES["noisy-gradient"].problem
    agent, best = load_rule("noisy-gradient"), optimum(problem).policy
    ours, least = (
        rollout(problem, each, episodes=16, seed=remembering.SEED).cost.mean()
        for each in (agent, best)
    )
    assert found["averages"].ratio.value == pytest.approx(ours / least)
    line = dict(zip(remembering.HEAD, row("noisy-gradient", found, options.folder), strict=True))
    assert line["best known"] == "belief"
    worth = found["memoryless"].ratio.value - found["belief"].ratio.value
    assert line["worth"] == f"{worth:.3f}"
    assert line["memoryless"].endswith(" s)")

    main(replace(options, write=True))
    page = (tmp_path / "page.md").read_text()
    assert "| long-horizon   | nothing" in page
    assert "--write`, revision" in page
