"""The examples of docs/learning.md, as printed."""

from __future__ import annotations

import re

import pytest

from baselines.pages import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "learning.md").read_text(), re.DOTALL)


@pytest.mark.slow
def test_a_gain_is_learnt_by_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(BLOCKS[0], names)
    assert capsys.readouterr().out.startswith("tensor([0.2")
    assert names["cost"].item() < 1.0  # type: ignore[attr-defined]


def test_a_learner_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    exec(BLOCKS[1], {})
    assert capsys.readouterr().out.startswith("2.0 0.4 ")


def test_a_rule_is_a_part_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch._inductor.compile", lambda graph, examples: graph)  # takes seconds
    names: dict[str, object] = {}
    exec(BLOCKS[2], names)
    assert names["outcome"].excess.mean() < 0.1  # type: ignore[attr-defined]
