"""`gym.make` and `gym.make_vec`: what may be given, what is refused how, and specs as JSON."""

import copy
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from landscape_gym import (
    GlobalStepSize,
    LandscapeNavEnv,
    LandscapeNavVectorEnv,
    NavigationProblem,
    ObservationConfig,
    Velocity,
    registration,
)
from landscape_gym.landscapes import Conditioned, DoubleWell, Quadratic, Rosenbrock
from landscape_gym.problem import Decay, IsotropicNoise, NormalStart
from landscape_gym.registration import REGIMES
from tests.contracts.environments import each_id

OVERRIDES: dict[str, dict[str, Any]] = {
    "numbers": {"gamma": 1.0, "dt": 0.05, "episode_steps": 7, "hazard": 0.5, "signalled": True},
    "numpy numbers": {"gamma": np.float32(0.5), "episode_steps": np.int64(7)},
    "arrays": {"landscape": {"dim": 2}, "metric": np.diag([1.0, 2.0])},
    "names": {"landscape": "rosenbrock", "noise": "isotropic", "observation": "loss"},
    "lists": {"observation": ["gradient", "elapsed"], "metric": [1.0] * 10},
    "partial mappings": {
        "landscape": {"dim": 4},
        "noise": {"std": 0.7},
        "action": {"scale": 2.0},
        "observation": {"scaled": True},
    },
    "mappings with kinds": {
        "landscape": {"kind": "quadratic", "dim": 3, "curvature": {"kind": "power_law"}},
        "noise": {"kind": "relative", "fraction": 0.3},
        "action": {"kind": "step_size", "high": 3.0},
        "start": {"kind": "uniform", "low": -1.0, "high": 1.0},
    },
    "a mapping that holds a dataclass": {"landscape": {"dim": 3, "curvature": Conditioned(7.0)}},
    "dataclasses": {
        "landscape": Rosenbrock(),
        "noise": IsotropicNoise(0.3),
        "start": NormalStart(std=0.5),
        "default_dynamics": Decay(0.2),
        "observation": ObservationConfig(("loss", "gradient"), scaled=True),
        "action": GlobalStepSize(high=2.0),
    },
    "a dataclass without free dimension": {
        "landscape": {"kind": "logistic_regression", "ridge": 0.1},
        "noise": {"kind": "minibatch", "batch_size": 4},
        "metric": "fisher",
    },
    "a whole problem": {
        "problem": NavigationProblem(landscape=DoubleWell(), horizon=9, noise=IsotropicNoise(0.1))
    },
    "a problem's mapping": {"problem": {"landscape": {"dim": 5}, "gamma": 2.0}, "k": 3.0},
    "options": {"dtype": "float64", "privileged": True},
}
each_override = pytest.mark.parametrize("changes", OVERRIDES.values(), ids=OVERRIDES)

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "field of a problem": ({"problem": {"gama": 1.0}}, "'gamma'.*Did you mean 'gamma'"),
    "field of a part": ({"landscape": {"dimm": 1}}, "'dim'.*Did you mean 'dim'"),
    "channel": ({"observation": ["gradientt"]}, "'loss'.*Did you mean 'gradient'"),
    "field of the observation": ({"observation": {"rate": 0.1}}, "Did you mean 'rates'"),
    "kind of landscape": ({"landscape": "quadratc"}, "'rosenbrock'.*Did you mean 'quadratic'"),
    "kind of noise": ({"noise": "isotropc"}, "'relative'.*Did you mean 'isotropic'"),
    "kind of action": ({"action": "velocty"}, "'step_size'.*Did you mean 'velocity'"),
    "kind of start": ({"start": "normall"}, "'uniform'.*Did you mean 'normal'"),
    "kind of dynamics": ({"default_dynamics": "decai"}, "'rotation'.*Did you mean 'decay'"),
    "regime": ({"regime": "long-horizn"}, "'geometry'.*Did you mean 'long-horizon'"),
    "dtype": ({"dtype": "float16"}, "'float32', 'float64'"),
    "missing kind": ({"start": {"std": 1.0}}, "needs the key 'kind'.*'normal', 'uniform'"),
}


@each_override
def test_overrides_say_the_same_to_gym_make_and_make_vec(changes: dict[str, Any]):
    one = gym.make("LandscapeNav-v0", **changes).unwrapped
    many = gym.make_vec("LandscapeNav-v0", num_envs=2, **changes)
    assert one.problem == many.problem
    assert one.layout.config == many.layout.config
    assert one.simulation.action == many.simulation.action
    assert one.observation_space == many.single_observation_space
    assert one.action_space == many.single_action_space
    regime = REGIMES["landscape-nav"]
    before = (regime.problem, regime.observation, regime.action)
    now = (one.problem, one.layout.config, one.simulation.action)
    assert now != before or "dtype" in changes


def test_partial_mappings_change_only_what_they_name():
    problem = gym.make("LandscapeNav-v0", **OVERRIDES["partial mappings"]).unwrapped.problem
    old = REGIMES["landscape-nav"].problem
    assert problem == old.replace(
        landscape=Quadratic(4, old.landscape.curvature, rotated=True, optimum_std=1.0),
        noise=type(old.noise)(0.7),
    )


@each_override
@pytest.mark.parametrize("vector", [False, True], ids=["make", "make_vec"])
def test_specs_survive_json(changes: dict[str, Any], vector: bool):
    make = gym.make_vec if vector else gym.make
    env = make("LandscapeNav-v0", **changes)
    again = make(EnvSpec.from_json(env.spec.to_json()))
    for part in ("problem", "layout", "simulation"):
        old, new = getattr(env.unwrapped, part), getattr(again.unwrapped, part)
        same = {"layout": lambda x: x.config, "simulation": lambda x: x.action}
        key = same.get(part, lambda x: x)
        assert key(new) == key(old)
    assert again.unwrapped.privileged == env.unwrapped.privileged
    old, new = (e.reset(seed=1)[0] for e in (env, again))
    np.testing.assert_array_equal(old, new, strict=True)


def test_a_spec_with_code_says_that_it_cannot_be_written():
    env = gym.make("LandscapeNav-v0", default_dynamics=np.negative)
    env.reset(seed=0)
    with pytest.raises((ValueError, TypeError)):
        env.spec.to_json()


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("make", [gym.make, gym.make_vec], ids=["make", "make_vec"])
def test_wrong_arguments_name_what_is_accepted(make: Any, changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        make("LandscapeNav-v0", **changes)


@pytest.mark.parametrize("make", [gym.make, gym.make_vec], ids=["make", "make_vec"])
def test_an_unknown_argument_is_pythons_type_error_with_the_nearest_name(make: Any):
    message = "unexpected keyword argument 'gama' .*'landscape'.*Did you mean 'gamma'"
    with pytest.raises(TypeError, match=message):
        make("LandscapeNav-v0", gama=1.0)


@pytest.mark.parametrize("make", [LandscapeNavEnv, LandscapeNavVectorEnv])
def test_a_wrong_render_mode_names_what_is_accepted(make: Any):
    with pytest.raises(ValueError, match=r"'rgb_array'.*Did you mean 'rgb_array'"):
        make(render_mode="rgb_aray")


def test_a_wrong_autoreset_mode_names_what_is_accepted():
    with pytest.raises(ValueError, match=r"'disabled'.*Did you mean 'same_step'"):
        gym.make_vec("LandscapeNav-v0", autoreset_mode="same_stp")


@pytest.mark.parametrize("wrong", [3, 1.5, object()])
@pytest.mark.parametrize("field", ["landscape", "noise", "action", "start", "problem"])
def test_values_of_another_type_raise_type_errors(field: str, wrong: Any):
    with pytest.raises(TypeError, match=field):
        gym.make("LandscapeNav-v0", **{field: wrong})


def test_max_episode_steps_truncates_through_both_doors():
    env = gym.make("LandscapeNav-v0", max_episode_steps=3)
    envs = gym.make_vec("LandscapeNav-v0", num_envs=2, max_episode_steps=3)
    assert envs.problem.episode_steps == 3
    env.reset(seed=0)
    envs.reset(seed=0)
    for _ in range(3):
        one = env.step(np.zeros(10))
        many = envs.step(np.zeros((2, 10)))
    assert one[2:4] == (False, True)
    np.testing.assert_array_equal(many[2:4], [[False, False], [True, True]])


def test_max_episode_steps_is_not_ignored_beside_a_horizon():
    with pytest.raises(ValueError, match="horizon"):
        gym.make_vec("LandscapeNav-v0", horizon=10, max_episode_steps=3)


@each_id
def test_ids_work_with_the_module_as_prefix(id: str):
    env = gym.make(f"landscape_gym:{id}")
    assert env.unwrapped.problem == gym.make(id).unwrapped.problem


def test_the_action_of_the_registry_is_not_shared_with_changed_copies():
    gym.make("LandscapeNav-v0", action={"scale": 2.0})
    assert REGIMES["landscape-nav"].action == Velocity(3.0)


def test_a_mapping_of_the_problem_and_overrides_are_judged_together():
    # A metric of two numbers does not fit the regime's ten parameters, but those of himmelblau.
    env = LandscapeNavEnv(problem={"metric": (1.0, 2.0)}, landscape="himmelblau")
    assert env.problem.metric == (1.0, 2.0)


def test_a_missing_regime_is_told_with_the_nearest():
    for regimes in (REGIMES, registration.ALL):
        with pytest.raises(KeyError, match="Did you mean 'long-horizon'"):
            regimes["long-horison"]
        assert regimes.get("long-horison") is None


def test_a_field_that_a_problem_does_not_have_is_told_with_the_nearest():
    with pytest.raises(TypeError, match="Did you mean 'gamma'"):
        NavigationProblem(gama=1)  # type: ignore[call-arg]
    problem = NavigationProblem(gamma=1.0)
    assert copy.deepcopy(problem) == pickle.loads(pickle.dumps(problem)) == problem


@pytest.mark.parametrize("make", [LandscapeNavEnv, lambda: LandscapeNavVectorEnv(2)])
def test_a_reset_refuses_what_it_would_ignore(make):
    env = make()
    with pytest.raises(ValueError, match=r"seed must be at least 0, got -1"):
        env.reset(seed=-1)
    with pytest.raises(ValueError, match=r"reset.*'foo'"):
        env.reset(options={"foo": 1})
    env.reset(seed=0, options={})


def test_a_single_environments_action_is_told_its_own_shape():
    env = LandscapeNavEnv("long-horizon")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(3,\)"):
        env.step(np.zeros(3, np.float32))
    outcomes = []
    for action in (np.inf, 1.0):  # clipped alike
        env.reset(seed=0)
        outcomes.append(env.step(np.full(2, action, np.float32))[1])
    assert outcomes[0] == outcomes[1]
