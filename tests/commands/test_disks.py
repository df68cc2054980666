"""Every command that writes, on a disk that is full and in a folder that is read-only."""

import builtins
import errno
import importlib
import io
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

import train_agent
from baselines.networks.contestants import CONTESTANTS
from baselines.networks.results import Trainings
from baselines.networks.tasks import CHECKPOINTS, TASKS, Training
from landscape_gym.rendering.png import save
from tests.commands.commands import COMMANDS

SMALL = ["--no-progress", "--episodes", "4", "--problem", '{"episode_steps": 9}', "--settings"]
SMALL += ['{"timesteps": 160, "num_envs": 16, "n_steps": 10, "batch_size": 80}']
RECORD = ["record", "--regime", "geometry", "--policy", "gradient_descent", "--episodes", "2"]
RECORD += ["--no-progress", "--out", "new"]


def quickly(target: str, result: Any = None) -> Callable[[pytest.MonkeyPatch], None]:
    """Let what takes a command minutes be done at once."""
    module, _, name = target.partition(":")
    return lambda patch: patch.setattr(
        importlib.import_module(module), name, lambda *_, **__: result
    )


def page_with(*names: str) -> None:
    """A page to write into."""
    places = (f"<!-- {name}:begin -->\n<!-- {name}:end -->\n" for name in names)
    Path("page.md").write_text("".join(places))


def draw(path: Path, *_: Any) -> None:
    save(Figure(figsize=(1, 1)), path)


def a_generated_page(pictures: dict[str, Any]) -> Callable[[pytest.MonkeyPatch], None]:
    def prepare(patch: pytest.MonkeyPatch) -> None:
        page_with("small")
        patch.setattr("docs.generate.__main__.TABLES", {"small": lambda effort: "a table"})
        patch.setattr("docs.generate.__main__.PICTURES", pictures)

    return prepare


def a_training_of_a_network(patch: pytest.MonkeyPatch) -> None:
    """The file that keeps all of them is written after it."""
    rule = CONTESTANTS[0]
    trained = Training((1.0,) * len(CHECKPOINTS), 0.5)
    quickly("baselines.networks.results:trained", trained)(patch)
    trainings = Trainings(Path("trainings.json"))
    quickly("baselines.networks.__main__:Trainings", trainings)(patch)
    one = {"one": lambda trainings: str(trainings(next(iter(TASKS)), rule, 0.1, 0))}
    patch.setattr("baselines.networks.__main__.TABLES", one)


def a_page_of_networks(patch: pytest.MonkeyPatch) -> None:
    module = "baselines.networks.__main__"
    page_with("one", "costs", "figure-2e", "provenance")
    patch.setattr(f"{module}.PAGE", Path("page.md"))
    patch.setattr(f"{module}.TABLES", {"one": lambda trainings: "a table"})
    patch.setattr(f"{module}.figure_2e.RULES", {})
    quickly(f"{module}:read_or_measure", ({}, []))(patch)
    for name in ("cost_table", "save_curves"):
        quickly(f"{module}:{name}", "")(patch)
    for name in ("table", "draw"):
        quickly(f"baselines.networks.figure_2e:{name}", "")(patch)


def a_part_of_the_stream(patch: pytest.MonkeyPatch) -> None:
    parts = [("random_labels", "one", lambda: {"accuracy": [1.0]})]
    quickly("baselines.continual.experiment:_parts", parts)(patch)


def a_page_of_the_stream(patch: pytest.MonkeyPatch) -> None:
    Path("results.json").write_text("{}")
    quickly("baselines.continual.__main__:fill", ())(patch)
    patch.setattr("baselines.continual.__main__.ROOT", Path.cwd())
    quickly("baselines.continual.page:page", "a page" * 100)(patch)
    patch.setattr("baselines.continual.page.save_picture", lambda results, how, path: draw(path))


Prepare = Callable[[pytest.MonkeyPatch], None]
WRITERS: dict[str, tuple[str, list[str], Prepare | None]] = {
    "a training": ("train_agent.py", [*SMALL, "--out", "new"], None),
    "trainings": ("train_agent.py", [*SMALL, "--seeds", "2", "--out", "new"], None),
    "a resumed training": ("train_agent.py", ["--resume", "run", "--no-progress"], None),
    "experiments": (
        "python -m agents",
        ["--names", "geometry", "--folder", "new", "--no-progress"],
        None,
    ),
    "a comparison": (
        "baselines",
        [
            *("--regime", "geometry", "--rules", "adam", "--no-tuned", "--episodes", "4"),
            *("--no-progress", "--out", "new"),
        ],
        None,
    ),
    "a sweep": (
        "baselines",
        [
            *("sweep", "--regimes", "geometry", "--policies", "adam", "--blocks", "1"),
            *("--episodes", "2", "--no-progress", "--out", "new"),
        ],
        None,
    ),
    "a table of episodes": ("baselines", [*RECORD, "--format", "csv"], None),
    "a table in Parquet": ("baselines", [*RECORD, "--format", "parquet"], None),
    "a data set": ("baselines", [*RECORD, "--format", "minari"], None),
    "a report": ("landscape-gym", ["report", "run"], None),
    "a report elsewhere": ("landscape-gym", ["report", "run", "--out", "new.html"], None),
    "claims": (
        "python -m baselines.claims",
        ["--out", "new"],
        lambda patch: (
            quickly("baselines.claims.__main__:check_and_say", iter(()))(patch),
            quickly("baselines.claims.__main__:html_page", "a page" * 100)(patch),
        )[0],
    ),
    "a generated page": (
        "python -m docs.generate",
        ["--page", "page.md"],
        a_generated_page({}),
    ),
    "a page's picture": (
        "python -m docs.generate",
        ["--page", "page.md"],
        a_generated_page({"small.png": draw}),
    ),
    "trainings of networks": ("python -m baselines.networks", [], a_training_of_a_network),
    "the page of networks": ("python -m baselines.networks", ["--write"], a_page_of_networks),
    "results of the stream": (
        "python -m baselines.continual",
        ["--results", "results.json"],
        a_part_of_the_stream,
    ),
    "the page of the stream": (
        "python -m baselines.continual",
        ["--results", "results.json", "--write"],
        a_page_of_the_stream,
    ),
}
"""By what they write: the command, its words, and what is done beforehand so that it is quick."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that has ended."""
    folder = tmp_path_factory.mktemp("disks") / "run"
    assert train_agent.main([*SMALL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def place(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the run, to work in."""
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ROOM = 20
"""Bytes of a file that a full disk takes."""


@contextmanager
def full(place: Path) -> Iterator[None]:
    """No file can grow beyond some bytes: the system's own error, as of a full disk."""
    del place
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Nothing can be made or opened for writing in the folder, whoever asks."""

    def inside(path: Any) -> bool:
        return not isinstance(path, int) and place in (Path.cwd() / os.fspath(path)).parents

    def refusing(function: Callable, writes: Callable[..., bool]) -> Callable:
        def refused(path: Any, *args: Any, **kwargs: Any) -> Any:
            if inside(path) and writes(*args, **kwargs):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(path))
            return function(path, *args, **kwargs)

        return refused

    def to_write(mode: str = "r", *_: Any, **__: Any) -> bool:
        return mode.strip("bt") != "r"

    def flagged(flags: int, *_: Any, **__: Any) -> bool:
        return bool(flags & (os.O_WRONLY | os.O_RDWR))

    always = lambda *_, **__: True  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        for module, name, writes in (
            (os, "mkdir", always),
            (os, "unlink", always),
            (os, "replace", always),
            (os, "open", flagged),
            (io, "open", to_write),
            (builtins, "open", to_write),
        ):
            patch.setattr(module, name, refusing(getattr(module, name), writes))
        yield


DISKS = {
    "full": (full, "File too large. Make room on that disk, or name a place on another."),
    "read-only": (read_only, "Read-only file system. Name a place that you may write to."),
}


def contents(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("disk", DISKS)
@pytest.mark.parametrize("what", WRITERS)
def test_what_cannot_be_written_is_one_line_and_nothing_is_half_written(
    what: str,
    disk: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    name, words, prepare = WRITERS[what]
    if what in ("a data set", "a table in Parquet"):
        pytest.importorskip({"a data set": "minari"}.get(what, "pyarrow"))
    if prepare is not None:
        prepare(monkeypatch)
    before = contents(place)
    failing, said = DISKS[disk]
    with failing(place):
        status = COMMANDS[name](words)
    line = capsys.readouterr().err
    assert line.count("\n") == 1, line
    assert line.startswith(f"{name.partition(' --')[0]}: "), line
    assert said in line
    assert status == 2
    after = contents(place)
    assert before.items() <= after.items()
    for new in after.keys() - before.keys():
        assert ".partial" not in new
        assert ".lock" not in new
        assert len(after[new]) < ROOM, f"{new} is cut off"
    if disk == "read-only":
        assert after == before


def test_a_report_draws_the_paths_that_a_run_kept(place: Path):
    """They are the cheapest in the picture's episodes, and others may be in those of the table."""
    assert COMMANDS["landscape-gym"](["report", "run"]) == 0
    results = json.loads((place / "run" / "results.json").read_text())
    stranger = {**results[0], "name": "a cheap stranger", "cost": 1e-9}
    (place / "run" / "results.json").write_text(json.dumps([*results, stranger]))
    assert COMMANDS["landscape-gym"](["report", "run"]) == 0
