"""The optimum as a function of the problem's constants: derivatives, and constants from paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from landscape_gym.control import LinearQuadraticPolicy
from landscape_gym.control.differentiable import optimal_cost, optimal_gain
from landscape_gym.control.inverse import explain
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

COUPLED = ((2.0, 0.5, 0.2), (0.5, 0.6, -0.1), (0.2, -0.1, 0.1))
TILTED = ((2.0, 0.5), (0.5, 0.4))


def problem(**changes: Any) -> NavigationProblem:
    return NavigationProblem(
        **{
            "landscape": {"kind": "quadratic", "curvature": TILTED, "optimum_std": 1.0},
            "start": {"kind": "normal", "mean": (1.0, 2.0), "std": 0.5},
            "gamma": 0.3,
            "metric": (2.0, 0.5),
            **changes,
        }
    )


def test_gain_and_cost_are_those_of_the_solver() -> None:
    policy = LinearQuadraticPolicy(problem())
    assert_allclose(optimal_gain(problem()).numpy(), policy.law.K[0, 0], atol=1e-12)  # pyright: ignore[reportOptionalMemberAccess]
    assert optimal_cost(problem()).item() == pytest.approx(policy.expected_cost(), rel=1e-12)


@pytest.mark.parametrize("name", ["gamma", "eta", "k", "dt"])
def test_what_a_constant_is_worth_is_what_finite_differences_say(name: str) -> None:
    value = torch.tensor(getattr(problem(), name), dtype=torch.float64, requires_grad=True)
    optimal_cost(problem(), **{name: value}).backward()

    def cost(x: float) -> float:
        return LinearQuadraticPolicy(problem(**{name: x})).expected_cost()

    h, at = 1e-5, value.item()
    assert value.grad is not None
    assert value.grad.item() == pytest.approx((cost(at + h) - cost(at - h)) / (2 * h), rel=1e-5)


def test_gains_have_gradients_through_the_riccati_equation() -> None:
    metric = torch.tensor([[2.0, 0.3], [0.3, 0.5]], dtype=torch.float64, requires_grad=True)
    gamma = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def gains(metric: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
        return optimal_gain(problem(), metric=0.5 * (metric + metric.mT), gamma=gamma)

    assert torch.autograd.gradcheck(gains, (metric, gamma), check_undefined_grad=False)


def paths(known: NavigationProblem, noise: float = 0.0, steps: int = 60) -> np.ndarray:
    """Where eight optimal learners go."""
    K, rng = optimal_gain(known).numpy(), np.random.default_rng(0)
    path = [rng.normal(size=(8, known.dim))]
    for _ in range(steps):
        u = -path[-1] @ K.T + noise * rng.normal(size=path[-1].shape)
        path.append(path[-1] + known.dt * u)
    return np.array(path)


def test_the_constants_of_a_known_learner_are_found_from_its_path() -> None:
    known = NavigationProblem(
        landscape={"kind": "quadratic", "curvature": COUPLED, "dim": 3},
        **{"eta": 2.0, "gamma": 0.4, "metric": (2.0, 0.5, 1.0)},
    )
    begin = known.replace(eta=1.0, gamma=1.0, metric=(1.0, 1.0, 1.0))
    found = explain(paths(known), begin, ("eta", "gamma", "metric"))
    assert found.converged
    assert found.residual < 1e-8
    assert_allclose([found.problem.eta, found.problem.gamma], [2.0, 0.4], rtol=1e-3)
    assert_allclose(found.problem.metric, (2.0, 0.5, 1.0), rtol=1e-3)  # type: ignore[arg-type]
    noisy = explain(paths(known, noise=0.005), begin, ("eta", "gamma", "metric"))
    assert_allclose([noisy.problem.eta, noisy.problem.gamma], [2.0, 0.4], rtol=0.05)


def test_a_learner_that_no_constants_explain_leaves_a_residual() -> None:
    away = np.cumsum(np.ones((20, 2)), axis=0)
    assert explain(away, problem(), target=(0.0, 0.0)).residual > 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"horizon": 5}, "endless"),
        ({"hazard": 0.1}, "one task"),
        ({"default_dynamics": "decay"}, "controlled alone"),
        ({"landscape": {"kind": "rosenbrock"}, "metric": None}, "not quadratic"),
        ({"landscape": {"curvature": "log_uniform"}}, "Hessians differ"),
    ],
)
def test_other_problems_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        optimal_gain(problem().replace(**changes))


def test_bad_paths_and_names_are_refused() -> None:
    with pytest.raises(ValueError, match="path is"):
        explain(np.zeros((4, 3)), problem())
    with pytest.raises(ValueError, match="does not move"):
        explain(np.ones((4, 2)), problem())
    with pytest.raises(ValueError, match="unknown constant"):
        explain(np.ones((4, 2)), problem(), ("dt",))
    axes = problem(landscape={"kind": "quadratic", "curvature": (1.0, 2.0)})
    with pytest.raises(Refusal, match="as well as the metric"):
        explain(paths(axes), axes, ("gamma", "metric"))
    with pytest.raises(TypeError, match="'eta'"):
        optimal_gain(problem(), etta=torch.tensor(1.0))
