"""The comparison of all policies: entrants, files, pages and the command line."""

import csv
import importlib.util
import io
import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from agents import RunConfig, run
from baselines import comparison
from baselines.contest import LEARNED, Contest, Settings, cells, contest
from baselines.cross import HOMES, cross_table
from baselines.learned import load_run
from baselines.lineup import line_up
from baselines.options import Options
from baselines.readme import readme
from baselines.records import COLUMNS, as_csv, as_json, footnotes
from baselines.screen import table
from baselines.tuning import MOST_TRAINING_EPISODES, tune
from landscape_gym.command_line import parsed
from landscape_gym.evaluation import DO_NOTHING, compare
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.rules import RULES, GradientDescent

ROOT = Path(__file__).parents[2]
SEEN = np.array([[0.5, -0.2]])
SMALL = Settings(kinds=("gradient_descent", "momentum"), episodes=16)


def short(name: str, **changes) -> Contest:
    """A regime of 20 steps, derived rules alone unless `changes` say more."""
    regime = replace(REGIMES[name], problem=REGIMES[name].problem.replace(episode_steps=20))
    return contest(name, regime, replace(SMALL, **{"tuned": False, **changes}))


@pytest.fixture(scope="module")
def tuned() -> Contest:
    return short("noisy-gradient", tuned=True)


@pytest.fixture(scope="module")
def refused() -> Contest:
    return short("partial-control")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "baselines", "--no-progress", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_rules_derived_and_tuned_meet_what_bounds_them(tuned: Contest):
    assert list(tuned.entrants) == [
        DO_NOTHING,
        "gradient descent",
        "gradient descent, tuned",
        "momentum",
        "momentum, tuned",
        "LQG",
        "optimum",
    ]
    ratio = {r.name: r.ratio.value for r in tuned.comparison.results if r.ratio}
    assert ratio["optimum"] == 1 < ratio["LQG"] < ratio["momentum, tuned"]
    assert ratio["gradient descent, tuned"] < ratio["gradient descent"]
    assert [r.name for r in tuned.comparison.results if r.privileged] == ["optimum"]
    assert set(tuned.entrants["momentum, tuned"].constants) == {"lr", "momentum"}


def test_where_curvature_is_hidden_the_best_learner_lies_between_rules_and_optimum():
    result = short("hidden-curvature").comparison
    best = result["best learner: quasi-Newton"]
    assert not best.privileged
    assert result["optimum"].cost < best.cost < result["momentum"].cost


def test_a_comparison_is_what_compare_says(tuned: Contest):
    policies = {name: e.policy for name, e in tuned.entrants.items() if name != DO_NOTHING}
    direct = compare(tuned.problem, policies, episodes=16, optimum="optimum")
    assert direct == tuned.comparison


def test_figures_do_not_change_unnoticed():
    # J of u = 0 is that of theta ~ N(0, I) held still: sum over steps of dt beta^t (h1 + h2) / 2.
    problem = REGIMES["long-horizon"].problem
    result = compare(problem, {"descent": RulePolicy(GradientDescent(1.0))}, episodes=4096)
    exact = problem.dt * (1 + 1 / 9) / 2 * (1 - np.exp(-2.0)) / (1 - np.exp(-0.01))
    assert result[DO_NOTHING].cost == pytest.approx(exact, rel=0.04)
    # lr 1 per coordinate: e+ = (1 - dt h) e, c = dt/2 (h^2 + h (1 - dt h)^2) e^2.
    cost = 0.0
    for h in (1 / 9, 1.0):
        shrink = (1 - problem.dt * h) ** 2
        per_step = problem.dt / 2 * (h**2 + h * shrink)
        factor = problem.discount * shrink
        cost += per_step * (1 - factor**200) / (1 - factor)
    assert result["descent"].cost == pytest.approx(cost, rel=0.04)


def test_planned_optima_take_fewer_episodes_and_can_be_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("baselines.contest.PLANNED_EPISODES", 3)
    planned = short("logistic-regression", kinds=("gradient_descent",))
    assert planned.comparison.episodes == 3
    assert planned.comparison.reference is not None or "local optimum" in planned.entrants
    left_out = short("logistic-regression", kinds=("gradient_descent",), plan_paths=False)
    assert left_out.comparison.reference is None
    assert left_out.comparison.episodes == 16
    assert "Without optimum: " in "\n".join(footnotes(left_out))
    assert "No optimum is known" in footnotes(left_out)[0]


STEEP = {"kind": "rosenbrock", "dim": 5}


def test_what_diverges_in_all_test_episodes_is_not_called_tuned(monkeypatch: pytest.MonkeyPatch):
    regime = replace(
        REGIMES["long-horizon"],
        problem=REGIMES["long-horizon"].problem.replace(landscape=STEEP, episode_steps=40),
    )

    def misled(problem, kind):
        found = tune(problem, kind, episodes=2, rounds=1, points=2)
        return replace(found, policy=RulePolicy(GradientDescent(15.4), problem))

    settings = replace(SMALL, kinds=("gradient_descent",), plan_paths=False)
    small = partial(tune, episodes=8, rounds=3, points=8)
    monkeypatch.setattr("baselines.contest.tune", small)
    result = contest("steep", regime, settings)
    title = "gradient descent, tuned"
    assert result.comparison["gradient descent"].diverged == 16  # with a short horizon's step size
    assert result.comparison[title].diverged == 0
    monkeypatch.setattr("baselines.contest.tune", misled)
    result = contest("steep", regime, settings)
    assert title not in result.entrants
    assert title not in result.runs
    assert "do not diverge" in result.refusals[title]
    assert any(line.startswith(f"Without {title}: ") for line in footnotes(result))


def test_where_no_optimum_is_known_one_rule_is_tuned_and_a_bound_is_offered():
    problem = NavigationProblem(landscape=STEEP, episode_steps=50)
    lineup = line_up(problem, plan_paths=None, episodes=512)
    assert lineup.reference is None
    compared = compare(problem, lineup.rules, episodes=32)
    mark = compared["adam, tuned"]
    assert mark.diverged == 0
    assert mark.cost < 0.2 * compared[DO_NOTHING].cost
    assert compared["gradient descent"].diverged == 32
    said = "\n".join(lineup.remarks)
    assert "adam, tuned: lr = " in said
    assert "--plan-paths" in said
    assert "adam, tuned" not in said.split("Not derived, their assumptions fail: ")[1]
    assert "adam, tuned" not in line_up(problem, tune_one=False).rules
    assert list(line_up(REGIMES["long-horizon"].problem).notes) == []


def test_a_bound_is_planned_where_that_is_quick_and_what_is_dear_is_not_tuned(
    monkeypatch: pytest.MonkeyPatch,
):
    problem = NavigationProblem(landscape={"kind": "rosenbrock", "dim": 3}, episode_steps=30)
    alike = problem.replace(start={"kind": "normal", "mean": 0.5, "std": 0.0})
    monkeypatch.setattr("baselines.lineup.TUNING", {"episodes": 2, "rounds": 1, "points": 2})
    for given, episodes in ((problem, 4), (alike, 512)):
        lineup = line_up(given, plan_paths=None, episodes=episodes)
        assert lineup.optimum is not None
        assert "--plan-paths" not in "\n".join(lineup.remarks)
    assert line_up(problem, plan_paths=None, episodes=512).optimum is None
    monkeypatch.setattr("baselines.lineup.DEAR", 60)
    dear = line_up(alike, plan_paths=None, episodes=512)
    assert dear.optimum is None
    assert "adam, tuned" not in dear.rules
    assert any("baselines.tuning.tune(problem, 'adam')" in line for line in dear.remarks)


def test_what_is_refused_is_a_footnote_everywhere(refused: Contest):
    assert list(refused.entrants) == [DO_NOTHING, "optimum"]
    assert set(refused.refusals) == {"gradient descent", "momentum"}
    for note in ("Without gradient descent: ", "Without momentum: "):
        assert any(line.startswith(note) for line in footnotes(refused))
        assert note in readme([refused], "command", "revision")
    written = json.loads(as_json([refused], "revision"))["regimes"][0]
    assert written["refusals"] == refused.refusals


def test_what_is_missing_for_one_reason_is_said_once(refused: Contest):
    same = replace(
        refused, refusals={"a": "no curvature.", "b": "no target.", "c": "no curvature."}
    )
    assert footnotes(same)[-2:] == ["Without a, c: no curvature.", "Without b: no target."]


def test_csv_and_json_are_complete_and_the_same_in_every_run(tuned: Contest):
    again = short("noisy-gradient", tuned=True)
    assert as_csv([tuned]) == as_csv([again])
    assert as_json([tuned], "revision") == as_json([again], "revision")
    lines = list(csv.DictReader(io.StringIO(as_csv([tuned]))))
    assert tuple(lines[0]) == COLUMNS
    assert [line["policy"] for line in lines] == list(tuned.entrants)
    for line in lines:
        low, value, high = (float(line[f"ratio{end}"]) for end in ("_low", "", "_high"))
        assert low <= value <= high
    other = short("noisy-gradient", seed=2_000_000)
    assert as_csv([other]) != as_csv([short("noisy-gradient")])


def test_parquet_is_the_csv_with_types(tmp_path: Path, tuned: Contest):
    parquet = pytest.importorskip("pyarrow.parquet")
    for folder in ("one", "two"):
        comparison.write_folder(tmp_path / folder, [tuned])
    table = parquet.read_table(tmp_path / "one" / "results.parquet").to_pylist()
    read = list(csv.DictReader(io.StringIO(as_csv([tuned]))))
    assert [{k: "" if x is None else str(x) for k, x in row.items()} for row in table] == read
    assert {type(row["cost"]) for row in table} == {float}
    names = ("results.csv", "results.parquet")
    one, two = ([(tmp_path / f / name).read_bytes() for name in names] for f in ("one", "two"))
    assert one == two


def test_the_page_has_the_cross_table_with_its_diagonal_and_each_regime(
    tuned: Contest, refused: Contest
):
    page = readme([tuned, refused], "python -m baselines --write", "abc123")
    assert "`python -m baselines --write`, revision abc123: 16 test episodes" in page
    assert "## noisy-gradient" in page
    assert "## partial-control" in page
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in cross_table([tuned, refused]).splitlines()
    ]
    assert rows[0] == ["rule", "noisy-gradient", "partial-control"]
    assert [row[0] for row in rows[2:]] == ["gradient descent", "momentum"]
    ratio = tuned.comparison["momentum"].ratio
    assert ratio is not None
    assert rows[3][1:] == [f"**{ratio.value:.4f}**", "-"]
    assert not rows[2][1].startswith("**")
    assert set(HOMES) <= set(REGIMES)


def test_the_command_on_the_page_names_all_that_figures_depend_on():
    options = Options(
        regime=("geometry", "double-well"),
        rules=("adam", "momentum"),
        tuned=False,
        plan_paths=False,
        episodes=64,
        seed=2_000_000,
        learned="geometry",
        out=Path("elsewhere"),
        write=True,
    )
    words = comparison.command(options).removeprefix("python -m baselines ").split()
    assert parsed(Options, words, prog="python -m baselines") == replace(options, out=None)
    assert comparison.command(Options(run=Path("runs/one"))).endswith(" --write --run runs/one")


def test_screen_tables_star_privilege(tuned: Contest):
    cells_of_first = list(table(tuned).columns[0].cells)
    names = [str(cell) for cell in cells_of_first]
    assert "optimum *" in names
    assert "LQG" in names
    diverged = {str(cell) for cell in list(table(tuned).columns)[-1].cells}
    assert f"0 of {tuned.comparison.episodes}" in diverged


def test_progress_is_told_cell_by_cell():
    told: list[str] = []
    settings = replace(SMALL, tuned=False, episodes=4)
    contest("long-horizon", REGIMES["long-horizon"], settings, watch=told.append)
    assert told == ["gradient descent", "momentum", "bounds"]
    assert len(told) == cells(settings)


@pytest.mark.parametrize("seed", [0, MOST_TRAINING_EPISODES - 1])
def test_test_episodes_that_tuning_may_have_seen_are_refused(seed: int):
    with pytest.raises(ValueError, match="those of training"):
        Settings(seed=seed)


def test_an_unknown_rule_is_refused_with_the_nearest():
    assert "momentum" in RULES
    with pytest.raises(ValueError, match="Did you mean 'momentum'"):
        line_up(REGIMES["long-horizon"].problem, kinds=("momentm",))


def test_the_folder_appears_whole_or_not_at_all(
    tmp_path: Path, tuned: Contest, refused: Contest, monkeypatch: pytest.MonkeyPatch
):
    comparison.write_folder(tmp_path / "out", [tuned, refused])
    parquet = {"results.parquet"} if importlib.util.find_spec("pyarrow") else set()
    assert {path.name for path in (tmp_path / "out").iterdir()} == parquet | {
        "results.csv",
        "results.json",
        "noisy-gradient-curves.png",
        "noisy-gradient-paths.png",
        "partial-control-curves.png",
        "partial-control-paths.png",
    }

    def fail(folder: Path, contest: Contest) -> list[Path]:
        raise OSError("disk full")

    monkeypatch.setattr(comparison, "save_pictures", fail)
    with pytest.raises(OSError, match="disk full"):
        comparison.write_folder(tmp_path / "other", [tuned])
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_a_runs_learned_policy_takes_part_in_its_own_problem(tmp_path: Path):
    config = RunConfig(
        problem='{"gamma": 0.2, "episode_steps": 20}',
        settings='{"timesteps": 2048, "num_envs": 16, "batch_size": 128}',
        episodes=8,
        out=tmp_path / "run",
        progress=False,
    )
    finished = run(config)
    name, regime, learned = load_run(tmp_path / "run")
    assert (name, regime.problem.gamma) == ("long-horizon", 0.2)
    settings = replace(SMALL, tuned=False, episodes=8)
    result = contest(name, regime, settings, learned=learned).comparison
    assert result[LEARNED].cost == pytest.approx(finished.comparison["learned"].cost, rel=1e-6)
    rule = str(tmp_path / "run" / "rule.safetensors")
    ((_, _, taken),) = comparison._arena(Options(regime=("long-horizon",), learned=rule))
    np.testing.assert_array_equal(taken.predict(SEEN)[0], learned.predict(SEEN)[0])
    Path(rule).unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no rule\.safetensors"):
        load_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"regime": ("long-horizn",)}, "Did you mean 'long-horizon'"),
        ({"rules": ("momentm",)}, "Did you mean 'momentum'"),
        ({"episodes": 1}, "at least 2 episodes"),
        ({"seed": 5}, "those of training"),
        ({"run": Path("nowhere")}, r"holds no config\.json"),
        ({"run": Path("nowhere"), "regime": ("geometry",)}, "leave others out"),
        ({"run": Path("nowhere"), "learned": "geometry"}, "leave others out"),
        ({"learned": "no/such.safetensors"}, "cannot be read"),
        ({"out": ROOT}, "holds something already"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_computed(
    arguments: dict, said: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(comparison, "contest", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises((ValueError, OSError), match=said):
        comparison.main(Options(**arguments))


@pytest.mark.slow
def test_the_command_line_compares_and_reports_errors_in_one_line(tmp_path: Path):
    named = ("--regime", "long-horizon", "--regime", "geometry", "--rules", "gradient_descent")
    out = tmp_path / "out"
    done = command(*named, "--no-tuned", "--episodes", "8", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "optimum *" in done.stdout
    assert (out / "results.csv").exists()
    failed = command("--regime", "long-horizn")
    assert failed.returncode == 2
    assert failed.stderr.count("\n") == 1
    assert failed.stderr.startswith("baselines: regime 'long-horizn' is not known")
    assert command("--episodes", "many").returncode == 2
