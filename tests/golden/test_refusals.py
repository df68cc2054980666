"""Only a refusal is taken for one: a numerical failure inside any solver surfaces as itself."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import baselines.sweep.cell as sweep
from baselines.contest import Settings, contest
from baselines.lineup import OPTIMUM, line_up
from baselines.sweep.cell import Cell, run_one
from landscape_gym import Refusal
from landscape_gym.control import (
    SOLVERS,
    HiddenCurvature,
    NoisyQuasiNewtonPolicy,
    PlanOptions,
    QuasiNewtonPolicy,
    SelfTuningPolicy,
    Solver,
    best_linear_rule,
    best_memory_rule,
    bracket,
    continuous_riccati,
    critical_discount,
    optimum,
    solve_path,
)
from landscape_gym.control.solution import Solution
from landscape_gym.derivation.diagonal import diagonal_gain
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import DoNothing
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES

CONTROL, DERIVATION = "landscape_gym.control", "landscape_gym.derivation"
COUPLED = {"metric": ((2.0, 0.3), (0.3, 1.0)), "landscape": {"curvature": (0.5, 1.0)}}
VALLEY = {"landscape": {"kind": "rosenbrock", "dim": 3}, "horizon": 5}
HIDDEN = {"kind": "quadratic", "dim": 2, "optimum_std": 1.0}
SETTING = HiddenCurvature(np.array([0.5, 1.0]), np.array([0.5, 0.5]), gamma=0.5)


def problem(**fields: Any) -> NavigationProblem:
    landscape = {"kind": "quadratic", "dim": 2, **fields.pop("landscape", {})}
    return NavigationProblem(landscape=landscape, **fields)


def regime(name: str) -> Callable[[], Any]:
    return lambda: optimum(REGIMES[name].problem, REGIMES[name].observation)


def contested(name: str) -> Callable[[], Any]:
    settings = Settings(kinds=(), tuned=False, plan_paths=False, episodes=2)
    return lambda: contest(name, REGIMES[name], settings)


def swept(name: str, policy: str) -> Callable[[], Any]:
    return lambda: run_one(Cell(name, policy, 0, episodes=1))


def learner(kind: Any, **fields: Any) -> Callable[[], Any]:
    return lambda: kind(problem(landscape=HIDDEN, **fields))


CASES: dict[str, tuple[str, Callable[[], Any]]] = {
    # where it fails, and what is asked
    "riccati": (f"{DERIVATION}.lqr.endless_value_of", lambda: optimum(problem(**COUPLED))),
    "backward recursion": (
        f"{DERIVATION}.lqr.backward",
        lambda: optimum(problem(**COUPLED, horizon=3)),
    ),
    "closed form": (f"{DERIVATION}.diagonal.backward", lambda: optimum(problem())),
    "diagonal gain": (
        f"{DERIVATION}.diagonal._stationary_value",
        lambda: diagonal_gain([1.0], eta=1.0, k=1.0, gamma=0.1, dt=0.1),
    ),
    "expected cost": (
        f"{CONTROL}.linear_quadratic.ensemble.endless_value_of",
        lambda: optimum(problem()),
    ),
    "Kalman filter": (f"{CONTROL}.hidden_target.kalman.update", regime("noisy-gradient")),
    "estimation": (f"{CONTROL}.hidden_target.lqg.estimation_cost", regime("noisy-gradient")),
    "switching": (f"{CONTROL}.hidden_target.switching.update", regime("hidden-task-switching")),
    "grid": (f"{CONTROL}.grid.grid._solve_sparse", regime("double-well")),
    "escape": (
        f"{CONTROL}.grid.escape.transition",
        lambda: critical_discount(NavigationProblem(landscape="double_well"), [[1, 0]], points=51),
    ),
    "iterative LQR": (f"{CONTROL}.paths.ilqr.sweep", lambda: optimum(NavigationProblem(**VALLEY))),
    "direct": (
        f"{CONTROL}.paths.direct.minimize",
        lambda: solve_path(NavigationProblem(**VALLEY), options=PlanOptions(method="direct")),
    ),
    "planner": (f"{CONTROL}.paths.planner.refine", lambda: optimum(NavigationProblem(**VALLEY))),
    "linear rule": (f"{DERIVATION}.linear_rule.minimize", lambda: best_linear_rule(SETTING)),
    "memory rule": (f"{DERIVATION}.memory_rule.minimize", lambda: best_memory_rule(SETTING, 1)),
    "self-tuning": (f"{CONTROL}.hidden_curvature.self_tuning.sight", learner(SelfTuningPolicy)),
    "quasi-Newton": (
        f"{CONTROL}.hidden_curvature.quasi_newton.gains",
        lambda: QuasiNewtonPolicy(problem(landscape={**HIDDEN, "rotated": True})),
    ),
    "noisy quasi-Newton": (
        f"{CONTROL}.hidden_curvature.quasi_newton.gains",
        lambda: NoisyQuasiNewtonPolicy(
            problem(landscape={**HIDDEN, "rotated": True}, noise="curvature")
        ),
    ),
    "bracket": (
        f"{CONTROL}.hidden_curvature.bracket.best_memory_rule",
        lambda: bracket(problem(landscape=HIDDEN), lambda policy: np.zeros(2)),
    ),
    "continuous": (
        f"{DERIVATION}.continuous.solve_continuous_are",
        lambda: continuous_riccati(np.eye(2), gamma=0.5),
    ),
    "line-up, optimum": (
        f"{DERIVATION}.diagonal.backward",
        lambda: line_up(problem(), kinds=()),
    ),
    "line-up, rule": (
        f"{DERIVATION}.linear_rule.minimize",
        lambda: line_up(problem(), kinds=["momentum"]),
    ),
    "line-up, belief": (
        f"{CONTROL}.hidden_target.lqg.estimation_cost",
        lambda: line_up(
            REGIMES["noisy-gradient"].problem, REGIMES["noisy-gradient"].observation, kinds=()
        ),
    ),
    "contest, best learner": (
        f"{CONTROL}.hidden_curvature.bracket.best_memory_rule",
        contested("hidden-curvature"),
    ),
    "cell, optimum": (f"{DERIVATION}.diagonal.backward", swept("long-horizon", "optimum")),
    "cell, rule": (f"{DERIVATION}.linear_rule.minimize", swept("hidden-curvature", "momentum")),
    "cell, belief": (f"{CONTROL}.hidden_target.kalman.update", swept("noisy-gradient", "lqg")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_numerical_failure_surfaces_as_itself(case: str, monkeypatch: pytest.MonkeyPatch):
    where, ask = CASES[case]
    failure = np.linalg.LinAlgError("injected")

    def fail(*args: Any, **named: Any) -> Any:
        raise failure

    sweep._policy.cache_clear()
    monkeypatch.setattr(where, fail)
    with pytest.raises(np.linalg.LinAlgError) as raised:
        ask()
    assert raised.value is failure


@pytest.mark.parametrize("case", CASES)
def test_without_an_injection_there_is_an_answer(case: str):
    """Or the test above would not reach what it means to break."""
    if case.startswith(("contest", "bracket")):
        pytest.skip("takes long; what it fails in is called for every problem")
    CASES[case][1]()


REFUSED: dict[str, Callable[[], Any]] = {
    "no optimum": lambda: optimum(
        NavigationProblem(landscape={"kind": "rosenbrock", "dim": 3}, hazard=0.1)
    ),
    "not asked for": lambda: optimum(NavigationProblem(**VALLEY), plan_paths=False),
    "self-tuning": learner(SelfTuningPolicy, hazard=0.1),
    "quasi-Newton": lambda: QuasiNewtonPolicy(problem(landscape={"curvature": (1.0, 2.0)})),
    "noisy quasi-Newton": learner(NoisyQuasiNewtonPolicy),
    "escape": lambda: critical_discount(problem(), [[0.0, 0.0]]),
    "path": lambda: solve_path(problem(drift=0.1)),
    "bracket": lambda: bracket(problem(hazard=0.1), lambda policy: np.zeros(2)),
    "no end of a path": lambda: continuous_riccati([[0.0]], gamma=0.0).end_point([1.0]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_failed_assumption_is_a_refusal(case: str):
    with pytest.raises(Refusal):
        REFUSED[case]()


def test_a_refusal_is_caught_and_reported():
    given = problem(control_matrix=((1.0,), (0.5,)), default_dynamics="rotation")
    lineup = line_up(given, kinds=["gradient_descent"])
    assert "control_matrix" in lineup.refusals["gradient descent"]
    nowhere = NavigationProblem(landscape={"kind": "rosenbrock", "dim": 3}, hazard=0.1)
    assert "Nor: " in line_up(nowhere, kinds=()).refusals[OPTIMUM]
    assert "refused" in swept("landscape-nav", "soft_reset")()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: best_memory_rule(SETTING, -1),
        lambda: diagonal_gain([-1.0], eta=1.0, k=1.0, gamma=0.1, dt=0.1),
        lambda: solve_path(NavigationProblem(**VALLEY), starts=[np.nan, 0.0, 0.0]),
        lambda: NoisyQuasiNewtonPolicy(problem(landscape=HIDDEN, noise="curvature"), rounds=0),
    ],
)
def test_a_wrong_argument_is_no_refusal(ask: Callable[[], Any]):
    with pytest.raises(ValueError, match="got") as raised:
        ask()
    assert not isinstance(raised.value, Refusal)


@pytest.fixture
def solvers() -> Iterator[list[Solver]]:
    before = SOLVERS.copy()
    yield SOLVERS
    SOLVERS[:] = before


def test_a_solver_is_added_in_one_line(solvers: list[Solver]):
    def refuse(given: NavigationProblem) -> Solution:
        raise Refusal("not this one.")

    def idle(given: NavigationProblem, *seen: ObservationConfig) -> Solution:
        return Solution("Idle.", "exact", True, 0.0, DoNothing(given.control_dim), None)

    solvers.insert(0, Solver("idling", idle))
    solvers.insert(0, Solver("refusing", refuse))
    assert optimum(problem()).status == "Idle."
    seen = ObservationConfig(("loss",))
    bound = optimum(problem(), seen)
    assert bound.bound == "lower"
    assert bound.status.startswith("Lower bound, by full information, because ")
    solvers.append(Solver("idling", idle, hidden=True))
    assert optimum(problem(), seen).bound == "exact"


def test_an_error_in_a_solver_is_no_refusal(solvers: list[Solver]):
    def wrong(given: NavigationProblem) -> Solution:
        raise ValueError("a bug")

    solvers.insert(0, Solver("wrong", wrong))
    with pytest.raises(ValueError, match="a bug"):
        optimum(problem())
