"""The page about a run: whole, by itself, and made from the run's folder alone."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from agents import RunConfig, run
from landscape_gym.__main__ import main
from landscape_gym.rendering.palette import OF_RULES
from landscape_gym.report.look import styles
from landscape_gym.report.run import FILES, Run
from landscape_gym.report.scene import Scene
from landscape_gym.report.webpage import table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "geometry"
    settings = '{"timesteps": 4096, "num_envs": 32, "episode_steps": 20, "batch_size": 512}'
    problem = '{"episode_steps": 20}'
    run(
        RunConfig(
            regime="geometry",
            settings=settings,
            problem=problem,
            episodes=16,
            out=out,
            progress=False,
        )
    )
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    assert main(["report", str(folder), "--out", str(folder.parent / "page.html")]) == 0
    return (folder.parent / "page.html").read_text()


def test_the_page_needs_no_network(page: str):
    links = re.findall(r"(?:src|href)=[\"']([^\"']*)", page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"@import|url\([^#)]", page)


def test_the_table_is_that_of_the_run(folder: Path, page: str):
    learned = Run.read(folder).learned
    row = "<tr class='learned'><td>learned</td><td class='number' data-head='cost J'>"
    assert f"{row}{learned.cost:.5g}</td>" in page
    assert page.count("class='learned'") == 1
    assert page.count(">0 of 16</td>") == len(Run.read(folder).results)
    assert str(learned.ratio) in page
    assert "optimum *" in page


def test_the_learned_law_stands_beside_the_theory(page: str):
    assert "learned gain on theta - z" in page
    assert "Not derived, their assumptions fail" in page
    assert "earned: its gains are " in page
    assert "on another scale than J" in page


def test_the_training_is_on_the_scale_of_what_it_is_compared_with(folder: Path, page: str):
    shown = Run.read(folder)
    assert shown.heldout.shape[1] >= 2
    assert list(shown.references)[::2] == ["do nothing", "optimum"]
    assert "cost of held-out episodes" in page
    (folder / "heldout.json").rename(folder / "kept.json")  # a run of before
    try:
        assert not Run.read(folder).references
    finally:
        (folder / "kept.json").rename(folder / "heldout.json")


def test_the_slider_has_a_point_of_every_path_for_each_step(folder: Path, page: str):
    lines = re.findall(r"<polyline points='([^']*)'", page)
    assert len(lines) == len(Run.read(folder).scene.paths)
    assert {len(line.split()) for line in lines} == {21}
    assert "max='20' value='20'" in page
    starts = {line.split()[0] for line in lines}
    assert len(starts) == 1  # all paths begin where the episode does


def test_paths_are_drawn_upright(folder: Path, page: str):
    name, path = next(iter(Run.read(folder).scene.paths.items()))
    line = re.search(rf"<polyline points='([^']*)'[^>]*><title>{name}</title>", page)
    assert line is not None
    drawn = np.array([point.split(",") for point in line[1].split()], float)
    for axis, sign in ((0, 1.0), (1, -1.0)):  # SVG's second axis points down
        assert np.corrcoef(drawn[:, axis], path[:, axis])[0, 1] == pytest.approx(sign, abs=1e-3)


def test_the_page_goes_into_the_runs_folder_and_says_where(
    folder: Path, page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
):
    shutil.copytree(folder, tmp_path / "runs" / "run")
    shutil.copytree(folder, tmp_path / "runs" / "other")
    monkeypatch.chdir(tmp_path)
    assert main(["report", "runs/run"]) == 0
    assert "The report is runs/run/report.html:" in capsys.readouterr().out
    assert (tmp_path / "runs" / "run" / "report.html").exists()
    assert main(["report", "runs/run", "runs/other"]) == 0
    assert f"The report is {tmp_path / 'runs' / 'report.html'}:" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_the_same_run_gives_the_same_bytes(folder: Path, page: str, tmp_path: Path):
    main(["report", str(folder), "--out", str(tmp_path / "again.html")])
    assert (tmp_path / "again.html").read_text() == page


def test_several_runs_have_a_table_of_their_own(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "other")
    main(["report", str(folder), str(tmp_path / "other"), "--out", str(tmp_path / "two.html")])
    text = (tmp_path / "two.html").read_text()
    assert "<h1>2 runs</h1>" in text
    assert "<h2>geometry</h2>" in text
    assert "<h2>other</h2>" in text
    identifiers = re.findall(r"\bid=[\"']([^\"']*)", text)
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("missing", FILES)
def test_an_unfinished_run_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str
):
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / missing).unlink()
    assert main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "page.html")]) == 2
    assert missing in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("damaged", ["config.json", "results.json", "training.json", "scene.npz"])
def test_a_damaged_run_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged: str
):
    shutil.copytree(folder, tmp_path / "run")
    content = (folder / damaged).read_bytes()
    (tmp_path / "run" / damaged).write_bytes(content[: len(content) // 2])
    assert main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "page.html")]) == 2
    assert f"{damaged} is damaged" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


BINARY = ("config.json", "results.json", "training.json", "progress.csv", "report.txt", "scene.npz")


@pytest.mark.parametrize("name", [*BINARY, "heldout.json"])
def test_a_file_of_another_kind_is_named_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
):
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(bytes(range(128, 256)))
    assert main(["report", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / 'run' / name} is damaged" in said
    assert said.count("\n") == 1
    assert len(said) < 500


def test_a_scene_comes_back_from_its_file(folder: Path, tmp_path: Path):
    scene = Scene.load(folder / "scene.npz")
    scene.save(tmp_path / "copy.npz")
    copy = Scene.load(tmp_path / "copy.npz")
    assert copy.paths.keys() == scene.paths.keys()
    assert all((copy.paths[name] == path).all() for name, path in scene.paths.items())
    assert (copy.loss == scene.loss).all()
    assert copy.dt == scene.dt


def test_what_a_run_is_called_is_text_in_the_page():
    assert table(("<b>", "x"), [("<script>", "1")]).count("<script>") == 0


def test_policies_that_cost_the_same_have_colours_in_their_order() -> None:
    names = ["e", "b", "d", "a", "c"]  # the order of a set would be another in most runs
    looks = styles({**dict.fromkeys(names, 1.0), "cheaper": 0.5, "optimum": 0.5})
    assert list(looks) == [*names[:4], "cheaper", "optimum"]
    colours = [looks[name]["color"] for name in ("cheaper", *names[:4])]
    assert colours == list(OF_RULES[:5])


def test_report_and_explorer_give_rules_the_same_colours():
    explorer = pytest.importorskip("landscape_gym.explorer.figures")
    names = [str(i) for i in range(5)]
    report = styles({name: float(name) for name in names})
    shown = explorer.looks(names)
    assert [shown[n]["color"] for n in names] == [report[n]["color"] for n in names]


def test_of_two_policies_that_move_alike_both_can_be_seen(folder: Path, page: str) -> None:
    costs = {"momentum": 1.01, "nesterov": 1.0, "newton": 2.0, "learned": 0.9}
    looks = styles(costs)
    assert "linestyle" in looks["momentum"]
    assert looks["momentum"]["zorder"] > looks["nesterov"].get("zorder", 2)
    assert "linestyle" not in looks["nesterov"]
    assert "linestyle" not in looks["newton"]
    lines = re.findall(r"<polyline [^>]*>", page)
    dashed = [i for i, line in enumerate(lines) if "stroke-dasharray='10 8'" in line]
    assert dashed == list(range(len(lines) - len(dashed), len(lines)))  # above the others
