"""`landscape-gym` leads to every command, and says what is missing where one cannot be had."""

import subprocess
import sys
from pathlib import Path

import pytest

import landscape_gym.checkout as checkouts
from landscape_gym.__main__ import COMMANDS, OF_THE_CHECKOUT, OWN, main
from landscape_gym.names import RULES, learned_rules
from landscape_gym.registration import ALL

ROOT = Path(__file__).resolve().parents[2]


def test_every_command_leads_somewhere():
    assert set(COMMANDS) == {*OWN, *OF_THE_CHECKOUT}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert not stopped.value.code
    assert capsys.readouterr().out.startswith("usage: ")


def test_lists_have_every_name(capsys: pytest.CaptureFixture[str]):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    listed = {word.strip(",") for word in out.split()}
    assert {*ALL, *RULES, *learned_rules()} <= listed
    assert main(["list", "regimes"]) == 0
    assert capsys.readouterr().out in out


@pytest.mark.parametrize(
    ("command", "option", "near"),
    [("train", "--regime", "geometry"), ("compare", "--rules", "momentum")],
)
def test_words_reach_the_command_of_the_checkout(
    command: str, option: str, near: str, capsys: pytest.CaptureFixture[str]
):
    assert main([command, option, near[:-1]]) == 2
    assert f"mean '{near}'" in capsys.readouterr().err


@pytest.mark.parametrize("command", OF_THE_CHECKOUT)
def test_without_a_checkout_one_line_says_what_to_do(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(checkouts, "__file__", str(tmp_path / "landscape_gym" / "checkout.py"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents").mkdir()  # someone else's
    assert main([command, "--help"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"landscape-gym: {command!r} is a command of the checkout")
    assert line.count("\n") == 1
    assert "pip install -e '.[agents,plots]'" in line


def test_a_checkout_is_found_from_anywhere(tmp_path: Path):
    """As by the console script, whose folder is all that is on the path beside the library."""
    program = "import sys; sys.path[0] = sys.argv.pop(1); import landscape_gym.__main__ as c; "
    program += "sys.exit(c.main(['train', '--regime', 'geometri']))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "mean 'geometry'" in done.stderr


@pytest.mark.parametrize(("script", "status"), [("landscape-gym", 2), ("other", 1)])
def test_the_installed_script_says_in_a_line_what_is_missing(script: str, status: int):
    """As in an environment with the wheel alone; whoever else imports the module is told so."""
    program = f"import sys; sys.argv = ['/bin/{script}', 'list']; sys.modules['tyro'] = None; "
    program += "import landscape_gym.__main__"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == status
    line = "the package 'tyro' is missing: pip install 'landscape-gym[agents]'.\n"
    assert done.stderr.endswith(line)
    assert (done.stderr == line) == (status == 2)
