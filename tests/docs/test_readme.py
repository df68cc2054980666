"""Examples of the front page, as they are printed there."""

import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLES = [part.split("```")[0] for part in README.split("```python\n")[1:]]
ARROW = re.compile(r"([\d.]+|nan|inf) -> ([\d.]+|nan|inf)")


def run(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


def test_rules_train_the_network_of_the_front_page_as_it_says(capsys: pytest.CaptureFixture[str]):
    (code,) = (each for each in EXAMPLES if "RuleOptimizer" in each)
    assert "torch.optim.Adam" in code
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run(code)  # warnings are errors
    finally:
        torch.set_num_threads(threads)
    printed = ARROW.findall(capsys.readouterr().out)
    promised = ARROW.findall(code)
    assert len(printed) == len(promised) == 5
    for (first, last), (first_said, last_said) in zip(printed, promised, strict=True):
        assert float(first) == pytest.approx(float(first_said), rel=0.01)
        assert float(last) == pytest.approx(float(last_said), rel=0.5)  # rounding grows in training
    usual, tuned, *others = (float(last) for _, last in printed)
    assert max(others) < 0.01 * usual
    assert others[-1] < tuned


@pytest.mark.parametrize("title", re.findall(r"^## (.*)$", README, re.M))
def test_examples_that_take_no_training_run(title: str, capsys: pytest.CaptureFixture[str]):
    """Those of "Your own loss", which trains an agent, run in tests/agents/test_run.py."""
    if title in ("A rule as a PyTorch optimizer", "Your own loss", "Plain Stable-Baselines3"):
        return
    section = README.split(f"## {title}\n")[1].split("\n## ")[0]
    for part in section.split("```python\n")[1:]:
        code = part.split("```")[0]
        run(code)
        printed = re.findall(r"\d+\.\d+", capsys.readouterr().out)
        said = re.findall(r"(?<![\w.])\d+\.\d+(?=$)", code, re.M)  # at the end of a line
        assert set(said) <= {
            f"{float(number):.{len(x.split('.')[1])}f}" for number in printed for x in said
        }


def recipe() -> str:
    (code,) = (each for each in EXAMPLES if "GatedPolicy" in each)
    assert len([line for line in code.splitlines() if line]) <= 15
    return code


def ratios(table: str) -> dict[str, float]:
    """J / J* by policy."""
    lines = [re.split(r"  +", line) for line in table.splitlines()[2:]]
    return {line[0]: float(line[2].split()[0]) for line in lines if len(line) > 2}


def test_the_recipe_for_plain_agents_trains_and_compares(capsys: pytest.CaptureFixture[str]):
    code = recipe()
    assert "500_000" in code
    assert 'optimum="optimum")' in code
    run(code.replace("500_000", "12_800").replace('optimum="opt', 'episodes=16, optimum="opt'))
    found = ratios(capsys.readouterr().out)
    assert list(found)[1:] == ["momentum", "PPO", "best learner", "optimum *"]
    assert found["PPO"] < 3  # it begins as gradient descent


@pytest.mark.slow
def test_the_recipe_for_plain_agents_comes_to_what_is_printed(capsys: pytest.CaptureFixture[str]):
    run(recipe())
    found = ratios(capsys.readouterr().out)
    said = ratios(README.split("<!-- recipe:begin -->")[1].split("```")[1].split("\n", 1)[1])
    assert found["PPO"] == pytest.approx(said["PPO"], abs=0.05)
    assert found["PPO"] - 1 < 0.8 * (found["momentum"] - 1)


def test_the_quick_start_has_no_examples_but_those_of_the_front_page():
    page = (ROOT / "docs" / "quick-start.md").read_text()
    assert "```python" not in page
    sections = re.findall(r'<!-- write section README\.md "?([^"]*?)"? -->', page)
    for code in EXAMPLES:
        title = README.split(code)[0].rsplit("\n## ", 1)[1].split("\n")[0]
        assert title in (*sections, "Install"), title
