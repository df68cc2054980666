"""Examples of the front page, as they are printed there."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch

from agents import RunConfig
from tests.agents.kills import CASES, EPISODE
from tests.commands.commands import COMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLES = [part.split("```")[0] for part in README.split("```python\n")[1:]]
QUICK_START = (ROOT / "docs" / "quick-start.md").read_text()
COMMAND = re.compile(r"^    python (.*?)(?: +#.*)?$", re.M)
MAKE = re.compile(r"\bmake ([a-z-]+)")
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
    assert len(printed) == len(promised) == 6
    for (first, last), (first_said, last_said) in zip(printed, promised, strict=True):
        assert float(first) == pytest.approx(float(first_said), rel=0.01)
        # Rounding, which differs among processors, grows in training; few digits are printed.
        now, then = (max(float(each), 1e-5) for each in (last, last_said))
        assert 1 / 3 < now / then < 3
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


def test_the_first_table_is_five_rows_of_what_is_printed():
    """What was written by hand, or by another version, would not be its own excerpt."""
    from docs.generate.train import SHOWN, excerpt

    block = README.split("<!-- train:begin -->\n```text\n")[1].split("\n```")[0]
    lines = block.splitlines()
    rows = lines[2 : next(i for i, line in enumerate(lines) if line.startswith("* "))]
    assert tuple(re.split(r"  +", row)[0] for row in rows) == SHOWN
    nesterov = "nesterov            0.65553"
    refused = "Not derived, their assumptions fail: adam."
    report = [*lines[:5], nesterov, *lines[5:-1], refused, lines[-1]]
    assert excerpt("\n".join(report)) == block


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
    assert "100_000" in code
    assert 'optimum="optimum")' in code
    run(code.replace("100_000", "12_800").replace('optimum="opt', 'episodes=16, optimum="opt'))
    found = ratios(capsys.readouterr().out)
    assert list(found)[1:] == ["momentum", "PPO", "best learner", "optimum *"]
    assert found["PPO"] < found["momentum"]  # so it begins


@pytest.mark.slow
def test_the_recipe_for_plain_agents_comes_to_what_is_printed(capsys: pytest.CaptureFixture[str]):
    run(recipe())
    found = ratios(capsys.readouterr().out)
    said = ratios(README.split("<!-- recipe:begin -->")[1].split("```")[1].split("\n", 1)[1])
    assert found["PPO"] == pytest.approx(said["PPO"], abs=0.05)
    assert found["PPO"] - 1 < 0.6 * (found["momentum"] - 1)


def test_the_quick_start_has_no_examples_but_those_of_the_front_page():
    assert "```python" not in QUICK_START
    assert not COMMAND.findall(QUICK_START)
    sections = re.findall(r'<!-- write section README\.md "?([^"]*?)"? -->', QUICK_START)
    for code in EXAMPLES:
        title = README.split(code)[0].rsplit("\n## ", 1)[1].split("\n")[0]
        assert title in (*sections, "Install"), title


def test_what_is_to_be_made_can_be_made():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    for page in (README, QUICK_START):
        code = re.findall(r"^    make .*|`make [^`]*`", page, re.M)
        assert code
        assert set(MAKE.findall(" ".join(code))) <= set(targets)


@pytest.mark.slow
def test_commands_of_the_front_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In their order, with less to do."""
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(line) for line in COMMAND.findall(README)]
    assert len(commands) == 6
    for first, *words in commands:
        name = first if first == "train_agent.py" else "baselines"
        if name == "baselines":
            assert (first, words[0]) == ("-m", "baselines")
            words = [*words[1:], "--no-progress", "--episodes", "2"]
        if "--resume" in words:
            words = [str(one_run()) if word == "runs/FOLDER" else word for word in words]
            words = [*words, "--no-progress"]
        elif name == "train_agent.py":
            words = [*words, *little_training(words)]
        elif words[0] == "sweep":
            words += ["--executor", "serial", "--regimes", "geometry", "--policies", "adam"]
        else:
            pytest.importorskip("minari")
            words += ["--out", "recorded"]
        assert COMMANDS[name](words) == 0, words
    assert "`landscape-gym report runs/FOLDER` writes `report.html` into that folder" in README
    assert COMMANDS["landscape-gym"](["report", str(one_run())]) == 0
    assert (one_run() / "report.html").is_file()


def one_run() -> Path:
    """The folder of a run that has ended."""
    return min(path.parent for path in Path("runs").glob("*/results.json"))


def little_training(words: list[str]) -> list[str]:
    """Options of a training that takes a second."""
    given = dict(zip(words[::2], words[1::2], strict=True))
    algorithm = RunConfig(regime=given["--regime"], algo=given.get("--algo")).algorithm
    settings = json.dumps(CASES[algorithm])
    return ["--settings", settings, "--problem", EPISODE, "--episodes", "4", "--no-progress"]
