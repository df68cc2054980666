"""`NavigationProblem`: JSON there and back, canonical forms, and what is refused."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from landscape_gym import NavigationProblem
from landscape_gym.landscapes import LogUniform, MatrixQuadratic, Quadratic, TorchLandscape
from landscape_gym.problem import DYNAMICS, NOISES, Decay, IsotropicNoise, NormalStart
from landscape_gym.registration import REGIMES
from tests.contracts.problems import problems


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_survives_json(regime: str):
    problem = REGIMES[regime].problem
    again = NavigationProblem.from_json(problem.to_json())
    assert again == problem
    assert hash(again) == hash(problem)


@settings(max_examples=100)
@given(problems())
def test_random_problems_survive_json(problem: NavigationProblem):
    assert NavigationProblem.from_json(problem.to_json()) == problem


def test_numbers_and_arrays_of_numpy_survive_json():
    problem = NavigationProblem(
        landscape=Quadratic(np.int64(3), curvature=LogUniform(np.float32(0.5))),
        gamma=np.float32(0.25),
        episode_steps=np.int32(9),
        noise=IsotropicNoise(np.float64(0.5)),
        start=NormalStart(np.arange(3.0), np.float32(0.5)),
        metric=np.diag([1.0, 2.0, 3.0]),
        default_dynamics=np.eye(3),
        signalled=np.bool_(True),
    )
    assert NavigationProblem.from_json(problem.to_json()) == problem
    assert problem.start == NormalStart((0.0, 1.0, 2.0), 0.5)


@pytest.mark.parametrize("metric", ["max", "spectral"])
def test_norms_survive_json_and_are_no_matrix(metric: str):
    landscape = MatrixQuadratic(rows=2, columns=2, left=((2.0, 1.0), (1.0, 3.0)), right=(1.0, 0.5))
    problem = NavigationProblem(landscape=landscape, metric=metric)
    again = NavigationProblem.from_json(problem.to_json())
    assert again == problem
    assert again.landscape.curvature == landscape.curvature
    assert problem.metric_matrix is None
    assert problem.replace(landscape={"columns": 3, "right": None}).dim == 6


CODE = {
    "a function": {"default_dynamics": np.negative},
    "a torch loss": {"landscape": TorchLandscape(lambda x: (x**2).sum(), dim=2)},
}


@pytest.mark.parametrize("fields", CODE.values(), ids=CODE)
def test_code_has_no_json_form(fields: dict[str, Any]):
    with pytest.raises(ValueError, match=r"no JSON form.*Keep the object in code"):
        NavigationProblem(**fields).to_json()


MALFORMED = [
    "",
    "{",
    "nonsense",
    "[]",
    "3",
    "null",
    '"quadratic"',
    "[" * 100_000,
    '{"gama": 1}',
    '{"gamma": "1"}',
    '{"gamma": NaN}',
    '{"gamma": -1}',
    '{"dt": Infinity}',
    '{"horizon": 1.5}',
    '{"horizon": true}',
    '{"signalled": 1}',
    '{"landscape": 3}',
    '{"landscape": {}}',
    '{"landscape": {"kind": ["quadratic"]}}',
    '{"landscape": {"kind": "quadratic", "dim": "2"}}',
    '{"landscape": {"kind": "quadratic", "curvature": "x"}}',
    '{"landscape": {"kind": "quadratic", "curvature": [1, "x"]}}',
    '{"landscape": {"kind": "quadratic", "curvature": [[1, 2], [3]]}}',
    '{"landscape": {"kind": "quadratic", "curvature": null}}',
    '{"noise": {"kind": "isotropic", "std": null}}',
    '{"noise": {"kind": "minibatch"}}',
    '{"start": {"kind": "normal", "mean": [1]}}',
    '{"start": {"kind": "normal", "mean": "x"}}',
    '{"start": {"kind": "uniform", "low": 2, "high": 1}}',
    '{"default_dynamics": [[1]]}',
    '{"default_dynamics": {"kind": "decay", "rate": []}}',
    '{"control_matrix": {}}',
    '{"metric": {"a": 1}}',
    '{"metric": [1, -1]}',
    '{"metric": "euclid"}',
]


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: text[:50])
def test_malformed_text_is_a_value_error(text: str):
    with pytest.raises(ValueError, match=r"."):
        NavigationProblem.from_json(text)


def test_nothing_in_the_text_is_executed():
    fields = json.loads(NavigationProblem().to_json())
    text = json.dumps({**fields, "default_dynamics": "__import__('os').getcwd"})
    with pytest.raises(ValueError, match="kind"):
        NavigationProblem.from_json(text)


def test_a_mapping_changes_only_what_it_names_but_a_kind_takes_all():
    problem = NavigationProblem(landscape=Quadratic(3, optimum=2.0), default_dynamics=Decay(0.5))
    assert problem.replace(landscape={"dim": 4}).landscape == Quadratic(4, optimum=2.0)
    whole = problem.replace(landscape={"kind": "quadratic", "dim": 4}).landscape
    assert whole == Quadratic(4)
    assert problem.replace(default_dynamics=None).default_dynamics is None


def test_derived_quantities_follow_their_definitions():
    b = np.arange(6.0).reshape(3, 2)
    problem = NavigationProblem(
        landscape={"kind": "quadratic", "dim": 3}, control_matrix=b, gamma=0.5, dt=0.2
    )
    assert (problem.dim, problem.control_dim) == (3, 2)
    assert problem.discount == math.exp(-0.1)
    assert problem.norm_bound == 100 * math.sqrt(3)
    assert problem.replace(max_norm=2).norm_bound == 2
    assert (problem.steps, problem.replace(horizon=7).steps) == (200, 7)
    np.testing.assert_array_equal(problem.metric_matrix, np.eye(2))
    np.testing.assert_array_equal(problem.replace(metric=[1, 2]).metric_matrix, np.diag([1, 2]))
    assert problem.dynamics_matrix is None


@pytest.mark.parametrize("kind", DYNAMICS)
def test_linear_dynamics_of_every_kind_are_a_matrix(kind: str):
    assert NavigationProblem(default_dynamics=kind).dynamics_matrix.shape == (2, 2)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"eta": 0}, "eta must be .* above 0"),
    ({"k": -1.0}, "k must be .* above 0"),
    ({"dt": math.inf}, "dt must be a finite"),
    ({"gamma": -0.1}, "gamma must be .* at least 0"),
    ({"drift": math.nan}, "drift must be a finite"),
    ({"hazard": -1}, "hazard must be .* at least 0"),
    ({"horizon": 0}, "horizon must be at least 1"),
    ({"episode_steps": 0}, "episode_steps must be at least 1"),
    ({"max_norm": 0.0}, "max_norm must be .* above 0"),
    ({"noise": {"kind": "isotropic", "std": -1.0}}, "noise std must be .* at least 0"),
    ({"noise": {"kind": "minibatch"}}, "sum over data; Quadratic has none"),
    ({"metric": "fisher"}, "'logistic_regression'; Quadratic has none"),
    ({"metric": "spectrl"}, "Did you mean 'spectral'"),
    ({"metric": "spectral"}, "'matrix_quadratic'.*those of Quadratic are one vector: take 'max'"),
    (
        {"metric": "spectral", "landscape": "matrix_quadratic", "control_matrix": np.eye(6)},
        "'spectral' weighs parameters: leave control_matrix out",
    ),
    ({"metric": [[1, 2], [0, 1]]}, "symmetric positive definite"),
    ({"metric": [[1, 2], [2, 1]]}, "symmetric positive definite"),
    ({"metric": [1.0, 0.0]}, "positive"),
    ({"metric": [1.0]}, "2 numbers"),
    ({"control_matrix": [[1.0]]}, "2 x m"),
    ({"default_dynamics": [[1.0, 0.0]]}, "2 x 2"),
    ({"start": {"kind": "uniform", "low": 1.0, "high": 0.0}}, "start high must be"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=lambda value: str(value)[:50])
def test_wrong_values_are_refused_by_name(fields: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        NavigationProblem(**fields)


@pytest.mark.parametrize("field", ["eta", "k", "gamma", "dt", "drift", "hazard", "episode_steps"])
@pytest.mark.parametrize("wrong", ["1", None, True, [1.0]])
def test_wrong_types_are_refused_by_name(field: str, wrong: Any):
    with pytest.raises(TypeError, match=f"{field} must be"):
        NavigationProblem(**{field: wrong})


@pytest.mark.parametrize("kind", NOISES)
def test_noise_of_every_kind_is_made_from_its_name(kind: str):
    landscape = "logistic_regression" if kind == "minibatch" else "quadratic"
    problem = NavigationProblem(landscape=landscape, noise=kind)
    assert problem.noise == NOISES[kind]()
