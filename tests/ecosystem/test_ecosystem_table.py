"""`python -m tests.ecosystem`: what it says of libraries that work, fail, hang or are not there."""

import os
import re
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import tests.ecosystem.__main__ as command
from tests.ecosystem import environments
from tests.ecosystem.environments import InstallationError, environment_of, pins
from tests.ecosystem.examine import CHECKS, Examination, examine, reason
from tests.ecosystem.page import HEAD, MARKERS, PAGE, table, write
from tests.ecosystem.rows import ROWS, Row

SCRIPTS = {
    "fails": "import sys\nprint('begun')\nassert sys.argv == 3, 'cost | 5.0'\n",
    "works": "print('warming up')\nprint('cost 0.6')\n",
    "hangs": "import subprocess, time\nprint(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
    "time.sleep(60)\n",
}


def row(name: str, **changes) -> Row:
    return Row(name, name.title(), "gymnasium", f"{name}.py", "It does.", **changes)


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    for name, script in SCRIPTS.items():
        (tmp_path / f"{name}.py").write_text(script)
    return tmp_path


@pytest.fixture
def examined(checks: Path):
    """`examine` on the scripts above, with the Python that runs the tests."""
    return partial(examine, checks=checks, python_of=lambda row: Path(sys.executable))


def run(monkeypatch, examined, *arguments: str) -> int:
    monkeypatch.setattr(command, "ROWS", {name: row(name) for name in ("fails", "works")})
    monkeypatch.setattr(command, "examine", examined)
    return command.main(list(arguments))


def test_a_check_that_works_says_what_it_found(examined):
    examination = examined(row("works"))
    assert (examination.works, examination.said) == (True, "cost 0.6")
    assert examination.version == examination.gymnasium == __import__("gymnasium").__version__


def test_a_check_that_fails_is_reported_and_the_others_go_on(monkeypatch, capsys, examined):
    assert run(monkeypatch, examined) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("fails ")
    assert first.endswith("FAILS: AssertionError: cost | 5.0")
    assert second.endswith("works: cost 0.6")
    assert last == "failed: fails"


def test_the_exit_status_is_0_if_all_works(monkeypatch, examined):
    assert run(monkeypatch, examined, "--only", "works") == 0


def test_a_library_that_cannot_be_installed_is_reported(examined):
    def refuse(row: Row) -> Path:
        raise InstallationError("WARNING: old\nERROR: No matching distribution\nERROR: Stopped\n")

    examination = examined(row("works"), python_of=refuse)
    assert not examination.works
    assert examination.said == "cannot be installed: ERROR: No matching distribution"
    assert examination.version == "-"


def test_a_check_that_hangs_is_ended_with_what_it_started(examined, checks, tmp_path):
    script = SCRIPTS["hangs"].replace("print(", f"open({str(tmp_path / 'pid')!r}, 'w').write(str(")
    (checks / "hangs.py").write_text(script.replace(".pid, flush=True)", ".pid))"))
    examination = examined(row("hangs"), seconds=3)
    assert not examination.works
    assert examination.said == "took more than 3 seconds"
    child = int((tmp_path / "pid").read_text())
    for _ in range(50):
        if not _runs(child):
            break
        time.sleep(0.1)
    assert not _runs(child)


def _runs(process: int) -> bool:
    """Whether it does: not one that is gone, or ended and not yet waited for."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (
            'Traceback:\n  File "a", line 1\n    assert x\n           ^\nAssertionError\n',
            "assert x",
        ),
        ('Traceback:\n  File "a", line 1\n    f()\nE: one\n\n two\n', "E: one two"),
        ("words\nlast words\n", "last words"),
        ("", "no reason given"),
        (f"no {environments.ROOT}{os.sep}file\n", "no file"),
        (f"{'x' * 300}\n", "x" * 197 + "..."),
    ],
)
def test_a_reason_is_a_line_without_the_machines_paths(errors, said):
    assert reason(errors).removeprefix("AssertionError: ") == said


def test_rows_become_lines_of_the_table():
    lines = table([Examination(row("fails"), False, "a | b", "1.2", "1.4")]).splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == list(HEAD)
    assert lines[2] == (
        "| Fails   | gymnasium 1.2 | 1.4       | It does.        | **fails**: a \\| b "
        "| `python -m tests.ecosystem --only fails` |"
    )


def test_the_table_is_written_whole_or_not_at_all(tmp_path):
    page = tmp_path / "page.md"
    text = f"# Title\n\n<!-- {MARKERS}:begin -->\n<!-- {MARKERS}:end -->\n\nmore\n"
    page.write_text(text)
    examinations = [Examination(each, True, "fine", "1.0", "1.4") for each in ROWS.values()]
    with pytest.raises(ValueError, match=f"not examined: {examinations[-1].row.name}"):
        write(examinations[:-1], page)
    assert page.read_text() == text
    write(examinations, page)
    assert table(examinations) in page.read_text()
    assert page.read_text().endswith(f"<!-- {MARKERS}:end -->\n\nmore\n")


def test_writing_a_part_of_the_table_is_refused(monkeypatch, examined, capsys):
    assert run(monkeypatch, examined, "--write", "--only", "works") == 2
    assert "leave out --only" in capsys.readouterr().err


def test_an_unknown_row_is_refused_with_the_names_there_are(monkeypatch, examined, capsys):
    assert run(monkeypatch, examined, "--only", "sonnet") == 2
    assert "'fails', 'works'" in capsys.readouterr().err


def test_the_page_has_every_row_with_its_releases():
    text = (
        PAGE.read_text().split(f"<!-- {MARKERS}:begin -->")[1].split(f"<!-- {MARKERS}:end -->")[0]
    )
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert [line[0] for line in cells] == [each.library for each in ROWS.values()]
    assert [line[3] for line in cells] == [each.checked for each in ROWS.values()]
    for each, line in zip(ROWS.values(), cells, strict=True):
        assert re.fullmatch(rf"{each.distribution} [\d.]+\S*", line[1])
        assert line[2].startswith("1.")
        assert line[4].startswith(("works: ", "**fails**: "))
    assert "revision" in text


def test_every_script_is_that_of_a_row():
    scripts = {path.name for path in CHECKS.glob("*.py")}
    assert {each.script for each in ROWS.values()} == scripts - {"held_out.py"}


def test_pins_are_those_of_the_constraints_but_for_what_a_row_frees():
    free = pins(row("works", freed=("gymnasium",)))
    (freed,) = set(pins(row("works"))) - set(free)
    assert freed.startswith("gymnasium==")
    assert all(re.fullmatch(r"[\w.-]+==\S+", pin) for pin in free)


@pytest.fixture
def commands(monkeypatch, tmp_path: Path) -> list[list[str]]:
    """What would be run to make environments, of which the folder is made alone."""
    ran: list[list[str]] = []

    def make(arguments: list[str]) -> None:
        ran.append(arguments)
        (tmp_path / "works").mkdir(exist_ok=True)

    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "_run", make)
    return ran


def test_an_environment_is_made_anew_only_if_what_it_is_made_of_changes(commands, tmp_path):
    python = environment_of(row("works"))
    assert python == tmp_path / "works" / "bin" / "python"
    assert commands[-1][-2:] == ["-e", "."]
    assert len(commands) == 2
    environment_of(row("works"))
    assert len(commands) == 2
    environment_of(row("works", requirements=("other",), extras=("data",)))
    assert commands[-1][-3:] == ["-e", ".[data]", "other"]


def test_what_is_installed_alone_comes_last_and_without_what_it_asks_for(commands):
    environment_of(row("works", requirements=("other",), alone=("last",)))
    assert commands[1][-1] == "other"
    assert "--no-deps" not in commands[1]
    assert commands[2][-2:] == ["--no-deps", "last"]
    environment_of(row("works", requirements=("other",), alone=("later",)))
    assert commands[-1][-1] == "later"


def test_a_wheel_is_built_anew_when_what_it_holds_changes(monkeypatch, tmp_path):
    commands: list[list[str]] = []

    def make(arguments: list[str]) -> None:
        commands.append(arguments)
        (tmp_path / "made" / "works").mkdir(parents=True, exist_ok=True)

    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        (tmp_path / name).write_text((environments.ROOT / name).read_text())
    module = tmp_path / "landscape_gym" / "new.py"
    module.parent.mkdir()
    module.write_text("one = 1\n")
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "made")
    monkeypatch.setattr(environments, "_run", make)
    for _ in range(2):
        environment_of(row("works", wheel=True))
    assert len(commands) == 2
    source = tmp_path / "made" / "works" / environments.SOURCE
    assert commands[-1][-1] == str(source)
    assert "-e" not in commands[-1]
    assert (source / "landscape_gym" / "new.py").read_text() == "one = 1\n"
    module.write_text("one = 2\n")
    environment_of(row("works", wheel=True))
    assert len(commands) == 4


def test_an_installation_that_was_stopped_is_made_anew(monkeypatch, tmp_path):
    def refuse(arguments: list[str]) -> None:
        (tmp_path / "works").mkdir(exist_ok=True)
        if "pip" in arguments:
            raise InstallationError("ERROR: no")

    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "_run", refuse)
    for _ in range(2):
        with pytest.raises(InstallationError):
            environment_of(row("works"))
