"""Motion priced by a norm: the norms, their duals, and the rules that they make best."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from landscape_gym import control
from landscape_gym.env import LandscapeNavEnv
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Landscape
from landscape_gym.landscapes.base import NoInstances
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.norms import NORMS
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem, NormalStart
from landscape_gym.refusal import Refusal
from landscape_gym.rules import RULES, GradientDescent, Muon, NaturalGradient, Newton, SignDescent

TENSORS = Tensors(((3, 2), (3,), (2, 1, 2)))
SLOPE = np.random.default_rng(0).normal(size=13)
DERIVED: dict[str, Any] = {"max": SignDescent, "spectral": Muon}
each_norm = pytest.mark.parametrize("metric", NORMS)


@dataclass(frozen=True)
class Plane(Landscape):
    """``L = c . theta``: the gradient is the same everywhere, so that no horizon is too long."""

    kind: ClassVar[str] = "plane"
    dim: int = 13

    def sample(self, draw: Any) -> NoInstances:
        return NoInstances()

    def loss_and_grad(self, instances: Any, theta: Any) -> Any:
        return theta @ SLOPE.astype(theta.dtype), np.broadcast_to(SLOPE, theta.shape)

    def tensors(self) -> Tensors:
        return TENSORS


def plane(metric: Any, **fields: Any) -> NavigationProblem:
    start = NormalStart(tuple(np.linspace(-1.0, 1.0, 13)), 0.0)
    return NavigationProblem(
        landscape=Plane(), metric=metric, start=start, eta=0.7, k=1.3, max_norm=1e9, **fields
    )


def singular_values(flat: np.ndarray) -> list[np.ndarray]:
    """By hand: of a 3 x 2 matrix, a column, and a convolution of 2 outputs with 2 inputs each."""
    parts = (flat[:6].reshape(3, 2), flat[6:9, None], flat[9:].reshape(2, 2))
    return [np.linalg.svd(part, compute_uv=False) for part in parts]


def by_hand(metric: str, u: np.ndarray) -> float:
    """N(u)."""
    if metric == "max":
        return float(np.abs(u).max())
    return float(np.linalg.norm([s.max() for s in singular_values(u)]))


def dual_by_hand(metric: str, g: np.ndarray) -> float:
    """N*(g)."""
    if metric == "max":
        return float(np.abs(g).sum())
    return float(np.linalg.norm([s.sum() for s in singular_values(g)]))


def velocity(rule: Any, gradient: np.ndarray) -> np.ndarray:
    return rule.update(gradient, rule.init(gradient))[0]


@each_norm
def test_norms_are_those_of_numpy(metric):
    u = np.random.default_rng(1).normal(size=(4, 13))
    np.testing.assert_allclose(
        NORMS[metric](u, TENSORS), [by_hand(metric, row) ** 2 for row in u], rtol=1e-12
    )
    broken = np.full(13, np.nan), np.where(np.arange(13) == 2, np.inf, 1.0)
    with np.errstate(invalid="ignore"):
        assert not any(np.isfinite(NORMS[metric](each, TENSORS)) for each in broken)


@each_norm
def test_the_rule_goes_as_the_dual_norm_says(metric):
    # <u, -g> = N(u) N*(g), which no other direction reaches, and N(u) = eta k tau N*(g).
    rule = DERIVED[metric].derive(plane(metric, gamma=4.0))
    assert rule.lr == pytest.approx(0.7 * 1.3 / 4.0)
    for seed in range(4):
        g = np.random.default_rng(seed).normal(size=13)
        u, dual = velocity(rule, g), dual_by_hand(metric, g)
        assert by_hand(metric, u) == pytest.approx(rule.lr * dual, rel=1e-12)
        assert -u @ g == pytest.approx(by_hand(metric, u) * dual, rel=1e-12)
        for w in np.random.default_rng(seed + 10).normal(size=(50, 13)):
            assert abs(w @ g) < by_hand(metric, w) * dual
            near = u + 1e-2 * by_hand(metric, u) * w
            assert -near @ g < by_hand(metric, near) * dual * (1 - 1e-6)


def test_muon_has_singular_values_that_are_all_alike_and_vectors_descend():
    g = np.random.default_rng(2).normal(size=13)
    of_matrix, _, of_convolution = singular_values(velocity(_muon(), g))
    before = singular_values(g)
    np.testing.assert_allclose(of_matrix, 0.2 * before[0].sum(), rtol=1e-12)
    np.testing.assert_allclose(of_convolution, 0.2 * before[2].sum(), rtol=1e-12)
    np.testing.assert_allclose(velocity(_muon(), g)[6:9], -0.2 * g[6:9], rtol=1e-12)
    assert np.ptp(before[0]) > 0.1


def test_directions_without_gradient_stay():
    # Of rank one: U V' is that of its one singular value, and a gradient of 0 moves nothing.
    g = np.zeros(13)
    g[:6] = np.outer([1.0, 2.0, -2.0], [0.6, 0.8]).ravel()
    for rule in (_muon(), Muon(0.2, momentum=0.0, shapes=TENSORS.shapes)):
        u = velocity(rule, g)
        size = 3.0 if rule.dual else 1.0
        np.testing.assert_allclose(u[:6], -0.2 * size * g[:6] / 3.0, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(u[6:], 0.0)
        np.testing.assert_array_equal(velocity(rule, 0 * g), 0.0)


def test_a_rule_that_is_not_told_shapes_says_so():
    with pytest.raises(ValueError, match=r"Muon\(shapes=.*for_parameters"):
        velocity(Muon(), np.ones(3))


@each_norm
def test_a_single_step_on_a_plane_costs_what_theory_says(metric):
    # min over u of dt [N(u)^2 / (2 eta) + k c (theta + dt u)], at N(u) = eta k dt N*(c).
    given = plane(metric, horizon=1, dt=0.3, gamma=2.0)
    rule, theta = DERIVED[metric].derive(given), np.linspace(-1.0, 1.0, 13)
    dual = dual_by_hand(metric, SLOPE)
    least = 0.3 * 1.3 * SLOPE @ theta - 0.5 * 0.7 * 1.3**2 * 0.3**3 * dual**2
    assert cost(given, rule) == pytest.approx(least, rel=1e-12)
    for other in (0.9, 1.1):
        assert cost(given, _faster(rule, other)) > least + 1e-4
    assert cost(given, GradientDescent.derive(given.replace(metric=None))) > least + 1e-4


@each_norm
def test_on_a_plane_the_step_is_exact_at_any_discount(metric):
    # Each step gains the sum over those that follow: the time that counts is dt / (1 - beta).
    given = plane(metric, gamma=0.5, dt=0.4, episode_steps=200)
    sum_of_steps = given.dt / (1 - given.discount)
    rule = _faster(DERIVED[metric].derive(given), given.gamma * sum_of_steps)
    c, dual = SLOPE @ np.linspace(-1.0, 1.0, 13), dual_by_hand(metric, SLOPE)
    gain = 0.5 * 0.7 * (1.3 * sum_of_steps * dual) ** 2 * sum_of_steps
    least = 1.3 * c * sum_of_steps - gain
    assert cost(given, rule) == pytest.approx(least, rel=1e-9)
    # Costs are a parabola of the step, so from three of them follows the best.
    low, middle, high = (cost(given, _faster(rule, factor)) for factor in (0.5, 1.0, 1.5))
    best = 1.0 + 0.25 * (low - high) / (low - 2 * middle + high)
    assert best == pytest.approx(1.0, abs=1e-9)


@each_norm
def test_the_environment_charges_the_norm(metric):
    env = LandscapeNavEnv(
        problem={"landscape": "matrix_quadratic", "metric": metric, "eta": 0.7, "dt": 0.2},
        noise=None,
        action={"kind": "velocity", "scale": 3.0},
        dtype="float64",
    )
    env.reset(seed=0)
    for seed in range(3):
        a = np.random.default_rng(seed).uniform(-1, 1, 6)
        *_, info = env.step(a)
        u = 3.0 * a
        norm = np.abs(u).max() if metric == "max" else np.linalg.norm(u.reshape(2, 3), 2)
        assert info["control_cost"] == pytest.approx(0.2 / 1.4 * norm**2, rel=1e-12)


@each_norm
def test_controls_beyond_all_numbers_diverge_and_what_is_no_number_is_told(metric):
    problem = {"landscape": "matrix_quadratic", "metric": metric}
    env = LandscapeNavEnv(problem=problem, noise=None, action={"kind": "velocity", "scale": 1e38})
    env.reset(seed=0)
    *_, terminated, truncated, info = env.step(np.ones(6))
    assert terminated
    assert not truncated
    assert np.isfinite(info["control_cost"])
    env.reset(seed=0)
    with pytest.raises(ValueError, match="NaN"):
        env.step(np.full(6, np.nan))


def test_of_a_network_every_tensor_is_a_matrix():
    given = NavigationProblem(landscape="small_networks", metric="spectral", gamma=5.0)
    rule = Muon.derive(given)
    assert rule.shapes == given.landscape.tensors().shapes
    assert {len(shape) for shape in rule.shapes} == {1, 2}
    run = rollout(given.replace(episode_steps=3), RulePolicy(rule), episodes=2, seed=0)
    assert np.isfinite(run.cost).all()


@each_norm
def test_solvers_and_other_rules_refuse_and_name_the_rule(metric):
    given = NavigationProblem(landscape="matrix_quadratic", metric=metric, gamma=5.0)
    words = "sign descent" if metric == "max" else "Muon"
    for plan in (False, True):
        with pytest.raises(Refusal, match=f"'{metric}' is a norm.*its rule is {words}"):
            control.optimum(given, plan_paths=plan)
    for rule in (GradientDescent, NaturalGradient, Newton):
        with pytest.raises(Refusal, match=f"'{metric}' is a norm.*its rule is {words}"):
            rule.derive(given)
    derived = set()
    for kind, rule in RULES.items():
        try:
            rule.derive(given)  # type: ignore[attr-defined]
        except Refusal:
            continue
        derived.add(kind)
    assert derived == {DERIVED[metric].kind}


@pytest.mark.parametrize(
    ("metric", "fields", "message"),
    [
        ("max", {"gamma": 0.0}, "sign descent.*plans for ever"),
        ("max", {"default_dynamics": "decay"}, "sign descent assumes that parameters stay"),
        ("max", {"control_matrix": np.eye(6)}, "sign descent.*leave control_matrix out"),
        ("spectral", {"gamma": 0.0}, "Muon.*plans for ever"),
        ("spectral", {"default_dynamics": "decay"}, "Muon assumes that parameters stay"),
    ],
)
def test_a_failing_assumption_is_named(metric, fields, message):
    given = NavigationProblem(landscape="matrix_quadratic", metric=metric, **fields)
    with pytest.raises(Refusal, match=message):
        DERIVED[metric].derive(given)


def test_muon_is_for_spectral_norms_alone():
    for metric in (None, "max", np.ones(6)):
        with pytest.raises(Refusal, match="metric='spectral'"):
            Muon.derive(NavigationProblem(landscape="matrix_quadratic", metric=metric, gamma=5.0))


def _muon() -> Muon:
    return Muon(0.2, momentum=0.0, dual=True, shapes=TENSORS.shapes)


def _faster(rule: Any, factor: float) -> Any:
    return replace(rule, lr=factor * rule.lr)


def cost(given: NavigationProblem, rule: Any) -> float:
    """Of the one episode that there is."""
    return float(rollout(given, RulePolicy(rule), episodes=1, seed=0).cost[0])
