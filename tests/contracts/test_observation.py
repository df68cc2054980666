"""Every channel, recomputed from the trajectory; scaling, clipping and layout."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from landscape_gym import LandscapeNavVectorEnv, NavigationProblem, ObservationConfig
from landscape_gym.channels import BOUND, CHANNELS
from landscape_gym.landscapes import Landscape, SmallNetworks, TorchLandscape
from landscape_gym.landscapes.base import NoInstances
from landscape_gym.learner import Learner
from landscape_gym.memory import Memory
from landscape_gym.observation import Layout
from landscape_gym.registration import REGIMES
from landscape_gym.simulation import Simulation
from tests.contracts.environments import EVERYTHING, OFFERED, assert_close, each_channel

RATES = (0.5, 0.9)
STEPS = 25
SCALE = 2.0


@dataclass
class Trajectory:
    """What happened at times 0 .. t, each (t + 1, rows, ...)."""

    g: np.ndarray
    u: np.ndarray
    theta: np.ndarray
    loss: np.ndarray
    switched: np.ndarray
    hessian: np.ndarray
    target: np.ndarray


def trajectory(channels: tuple[str, ...], **config: Any) -> tuple[list[Trajectory], list[Any]]:
    """A run's past at each time, and what the channels showed then, by name."""
    envs = LandscapeNavVectorEnv(
        3,
        problem={**EVERYTHING, "episode_steps": STEPS},
        observation=ObservationConfig(channels, **config),
        action={"kind": "velocity", "scale": SCALE},
        dtype="float64",
    )
    layout, simulation = envs.layout, envs.simulation
    past: dict[str, list[np.ndarray]] = {name: [] for name in Trajectory.__annotations__}
    pasts, seen = [], []

    def note(observation: np.ndarray, u: np.ndarray) -> None:
        state = simulation.state
        now = (state.learner.gradient, u, state.theta, state.loss, state.switched)
        now += (state.instances.dense, state.instances.optimum + state.shift)
        for name, value in zip(past, now, strict=True):
            past[name].append(value.copy())
        pasts.append(Trajectory(**{name: np.stack(values) for name, values in past.items()}))
        seen.append({name: observation[:, layout.slices[name]] for name in channels})

    observation, _ = envs.reset(seed=3)
    note(observation, np.zeros((3, 3)))
    for action in np.random.default_rng(0).uniform(-1, 1, size=(STEPS, 3, 3)):
        observation, *_ = envs.step(action)
        note(observation, SCALE * action)
    return pasts, seen


def average(values: np.ndarray, rate: float) -> np.ndarray:
    """Weighted by powers of the rate, the latest most."""
    return np.average(values, axis=0, weights=rate ** np.arange(len(values))[::-1])


def running(values: np.ndarray, rate: float) -> np.ndarray:
    """The weighted sum that a recurrence, begun with the first value, comes to."""
    t = len(values) - 1
    weights = [rate**t, *((1 - rate) * rate ** (t - i) for i in range(1, t + 1))]
    return np.einsum("t,t...->...", weights, values)


def secant(past: Trajectory) -> np.ndarray:
    """Zeros at the start, where nothing has moved yet."""
    if len(past.g) == 1:
        return np.zeros((len(past.g[0]), 6))
    ratio = (past.g[-1] - past.g[-2]) / (past.theta[-1] - past.theta[-2])
    logs = np.log(np.clip(ratio, 1e-4, 1e4, where=ratio > 0, out=np.ones_like(ratio)))
    return np.concatenate([logs, ratio > 0], axis=1)


def rms(past: Trajectory, rate: float) -> np.ndarray:
    return np.sqrt(average(past.g**2, rate))


def before(values: np.ndarray) -> np.ndarray:
    return values[-2] if len(values) > 1 else np.zeros_like(values[0])


EXPECTED: dict[str, Callable[[Trajectory], np.ndarray]] = {
    "gradient": lambda past: past.g[-1],
    "loss": lambda past: past.loss[-1][:, None],
    "log_loss": lambda past: np.log(past.loss[-1])[:, None],
    "root_loss": lambda past: np.sqrt(past.loss[-1])[:, None],
    "previous_update": lambda past: past.u[-1],
    "previous_gradient": lambda past: before(past.g),
    "secant": secant,
    "averages": lambda past: np.hstack([average(past.g, a) for a in RATES]),
    "squared_averages": lambda past: np.hstack([average(past.g**2, a) for a in RATES]),
    "agreement": lambda past: np.hstack([np.abs(average(past.g, a)) / rms(past, a) for a in RATES]),
    "log_squares": lambda past: np.hstack([np.log(rms(past, a)) for a in RATES]),
    "trend": lambda past: np.hstack(
        [1 / (1 + rms(past, RATES[-1]) / rms(past, a)) for a in RATES[:-1]]
    ),
    "age": lambda past: np.full((len(past.g[0]), 1), (len(past.g) - 1) / (len(past.g) + 99)),
    "lags": lambda past: np.hstack([past.theta[-1] - average(past.theta, a) for a in RATES]),
    "parameters": lambda past: past.theta[-1],
    "displacement": lambda past: past.theta[-1] - past.theta[0],
    "elapsed": lambda past: np.full((len(past.g[0]), 1), (len(past.g) - 1) / STEPS),
    "switched": lambda past: past.switched[-1][:, None],
    "curvature": lambda past: np.stack([np.diag(h) for h in past.hessian[-1]]),
    "hessian": lambda past: past.hessian[-1].reshape(-1, 9),
    "target": lambda past: past.target[-1],
    "error": lambda past: past.theta[-1] - past.target[-1],
}
"""A new channel needs its recomputation here, written without looking at its code."""
POWERS = {"gradient": 1, "previous_update": 1, "previous_gradient": 1, "averages": 1}
POWERS["squared_averages"] = 2


@each_channel
def test_a_channel_shows_what_its_description_says(channel: str):
    pasts, seen = trajectory((channel,), rates=RATES)
    for past, now in zip(pasts, seen, strict=True):
        np.testing.assert_allclose(now[channel], EXPECTED[channel](past), rtol=1e-9, atol=1e-12)
    assert pasts[-1].switched.any()
    values = np.stack([now[channel] for now in seen])
    assert values.std() > 0, "this trajectory tests nothing"


@each_channel
def test_scaling_divides_by_the_running_root_mean_square_and_clips(channel: str):
    pasts, seen = trajectory((channel,), rates=RATES, scaled=True, scale_rate=0.8, clip=1.2)
    clipped = 0
    for past, now in zip(pasts, seen, strict=True):
        rms = np.sqrt(running((past.g**2).mean(axis=-1), 0.8))[:, None]
        expected = EXPECTED[channel](past)
        if channel in POWERS:
            expected = np.clip(expected / rms ** POWERS[channel], -1.2, 1.2)
            clipped += (np.abs(expected) == 1.2).sum()
        np.testing.assert_allclose(now[channel], expected, rtol=1e-9, atol=1e-12)
    assert (clipped > 0) == (channel in POWERS)


def test_scaled_channels_are_clipped_at_the_root_of_the_dimension_by_default():
    problem = NavigationProblem(landscape={"kind": "quadratic", "dim": 9})
    config = ObservationConfig(("gradient", "parameters"), scaled=True)
    layout = Layout(config, problem)
    np.testing.assert_array_equal(layout.high, [3.0] * 9 + [BOUND] * 9)
    np.testing.assert_array_equal(layout.low, -layout.high)


def test_all_channels_together_are_the_channels_one_after_another():
    names = tuple(reversed(OFFERED))
    _, together = trajectory(names, rates=RATES)
    for name in names:
        alone = [{name: now[name]} for now in together]
        assert_close(trajectory((name,), rates=RATES)[1], alone)


@each_channel
def test_a_channel_has_the_size_that_its_layout_says(channel: str):
    problem = NavigationProblem(**EVERYTHING, control_matrix=np.ones((3, 2)))
    layout = Layout(ObservationConfig(channel, rates=(0.1, 0.2, 0.3)), problem)
    sizes = {"loss": 1, "log_loss": 1, "root_loss": 1, "elapsed": 1, "switched": 1, "age": 1}
    sizes |= {"averages": 9, "squared_averages": 9, "lags": 9, "agreement": 9, "hessian": 9}
    sizes["log_squares"] = 9
    sizes |= {"previous_update": 2, "secant": 6, "trend": 6}
    assert layout.size == layout.low.size == layout.high.size == sizes.get(channel, 3)


def test_models_show_their_fisher_information():
    problem = REGIMES["logistic-regression"].problem
    simulation = Simulation(3, problem=problem, observation=("fisher",), dtype="float64")
    state = simulation.begin(np.arange(3))
    expected = problem.landscape.fisher(state.instances, state.theta)
    np.testing.assert_array_equal(simulation.observe(state), expected.reshape(3, -1))
    with pytest.raises(ValueError, match="'fisher' needs a landscape that offers fisher"):
        Layout(ObservationConfig("fisher"), NavigationProblem())


def test_tensors_tell_what_their_coordinates_share():
    landscape = SmallNetworks(inputs=2, hidden=(3,), classes=2)
    names = ("layer", "fans", "tensor_gradient", "tensor_parameters")
    problem = {"landscape": landscape, "noise": None}
    simulation = Simulation(4, problem=problem, observation=names, dtype="float64")
    state = simulation.begin(np.arange(4))
    blocks = np.split(simulation.observe(state), [17, 51, 68], axis=1)
    seen = dict(zip(names, blocks, strict=True))
    parts = [slice(0, 6), slice(6, 9), slice(9, 15), slice(15, 17)]
    layer, inputs, outputs = (0, 0, 1, 1), (2, 1, 3, 1), (3, 3, 2, 2)
    for i, part in enumerate(parts):
        assert (seen["layer"][:, part] == layer[i]).all()
        fans = seen["fans"].reshape(4, 2, 17)[:, :, part]
        np.testing.assert_allclose(fans[:, 0], np.log(inputs[i]))
        np.testing.assert_allclose(fans[:, 1], np.log(outputs[i]))
        rms = lambda values: np.sqrt((values**2).mean(1, keepdims=True))  # noqa: E731
        share = rms(state.learner.gradient[:, part]) / rms(state.learner.gradient)
        np.testing.assert_allclose(seen["tensor_gradient"][:, part] - np.log(share), 0, atol=1e-12)
        size = np.log(rms(state.theta[:, part]))
        np.testing.assert_allclose(seen["tensor_parameters"][:, part] - size, 0, atol=1e-12)
    with pytest.raises(ValueError, match="'layer' needs a landscape that offers tensors"):
        Layout(ObservationConfig("layer"), NavigationProblem())


def test_only_oracles_channels_are_privileged():
    privileged = {name for name, channel in CHANNELS.items() if channel.privileged}
    assert privileged == {"curvature", "hessian", "target", "error"}
    assert ObservationConfig(("gradient", "target")).privileged
    assert not ObservationConfig("gradient").privileged


def test_switches_show_only_where_the_problem_signals_them():
    def shown(**changes: Any) -> np.ndarray:
        problem = {**EVERYTHING, "hazard": 1e9, **changes}
        envs = LandscapeNavVectorEnv(1, problem=problem, observation="switched")
        envs.reset(seed=0)
        return envs.step(np.zeros((1, 3)))[0]

    assert shown() == 1
    assert shown(signalled=False) == 0


def test_what_is_large_is_clipped_into_the_space():
    envs = LandscapeNavVectorEnv(
        1,
        problem={"landscape": {"kind": "quadratic", "curvature": (1e9, 1e5)}, "max_norm": 1e9},
        start={"kind": "normal", "mean": 5.0, "std": 0.0},
        noise=None,
        observation=["gradient", "loss", "log_loss", "hessian"],
    )
    observation, _ = envs.reset(seed=0)
    log_loss = math.log(12.5 * (1e9 + 1e5))
    np.testing.assert_allclose(observation, [[1e6, 5e5, 1e6, log_loss, 1e6, 0, 0, 1e5]], rtol=1e-5)
    assert observation in envs.observation_space


def test_the_logarithm_of_a_vanishing_loss_has_a_floor():
    envs = LandscapeNavVectorEnv(
        1,
        problem={"landscape": {"kind": "quadratic"}, "start": {"kind": "normal", "std": 0.0}},
        noise=None,
        observation="log_loss",
    )
    assert envs.reset(seed=0)[0] == pytest.approx(math.log(1e-8))


def test_a_gradient_of_zero_scales_to_finite_numbers():
    envs = LandscapeNavVectorEnv(
        1,
        problem={"landscape": {"kind": "quadratic"}, "noise": None, "dt": 1.0},
        start={"kind": "normal", "mean": 5.0, "std": 0.0},
        observation={
            "channels": ["gradient", "squared_averages", "previous_update"],
            "scaled": True,
            "scale_rate": 0.0,
            "rates": [0.999],
        },
        action={"kind": "velocity", "scale": 5.0},
    )
    envs.reset(seed=0)
    observation, *_ = envs.step(-np.ones((1, 2)))  # to the minimum exactly
    bound = math.sqrt(2)
    np.testing.assert_allclose(observation, [[0, 0, bound, bound, -bound, -bound]], rtol=1e-6)


class Bare(Landscape):
    """Loss and gradient, and nothing else that a landscape may offer."""

    dim = 2

    def sample(self, draw: Any) -> NoInstances:
        return NoInstances()

    def loss_and_grad(self, instances: Any, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (theta**2).sum(axis=1), 2 * theta


@each_channel
def test_only_what_a_landscape_offers_can_be_asked_for(channel: str):
    make = lambda: LandscapeNavVectorEnv(  # noqa: E731
        1, problem={"landscape": Bare(), "noise": None}, observation=channel
    )
    if CHANNELS[channel].privileged:
        with pytest.raises(ValueError, match=f"channel '{channel}' needs .*Bare"):
            make()
    else:
        make().reset(seed=0)


def test_a_target_needs_a_minimum_that_is_known():
    landscape = TorchLandscape(lambda theta: (theta**4).sum(), dim=2)
    with pytest.raises(ValueError, match="minimum"):
        LandscapeNavVectorEnv(
            1, problem={"landscape": landscape, "noise": None}, observation="target"
        ).reset(seed=0)


WRONG = [
    ({"channels": ()}, "at least one"),
    ({"channels": ("loss", "loss")}, "each once"),
    ({"channels": ("los",)}, "Did you mean 'loss'"),
    ({"rates": (1.0,)}, "below 1"),
    ({"rates": (-0.1,)}, "at least 0"),
    ({"scale_rate": 1.0}, "below 1"),
    ({"clip": 0.0}, "above 0"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_wrong_configurations_are_refused(fields: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        ObservationConfig(**fields)


def test_scaled_is_true_or_false():
    with pytest.raises(TypeError, match="scaled must be True or False, got 'no'"):
        ObservationConfig(scaled="no")  # type: ignore[arg-type]


FAR = {"kind": "normal", "mean": 0.0, "std": 1e4}
"""Where the gradient's square overflows in float32, on Beale's function."""
FARTHER = {"kind": "normal", "mean": 0.0, "std": 1e9}
"""Where the loss does."""
FARTHEST = {"kind": "normal", "mean": 0.0, "std": 1e13}
"""Where the curvature does."""


@pytest.mark.parametrize(
    "changes", [{"start": FAR}, {"drift": 1e6}, {"start": FARTHER}, {"start": FARTHEST}], ids=str
)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whatever_the_gradient_all_that_is_seen_and_told_is_finite(changes, scaled, dtype):
    offered = [name for name, channel in CHANNELS.items() if channel.needs != "tensors"]
    offered = [name for name in offered if name != "fisher"]
    envs = LandscapeNavVectorEnv(
        4,
        problem={"landscape": "beale", "max_norm": 1e12, **changes},
        observation=ObservationConfig(tuple(offered), (0.5, 0.9), scaled),
        dtype=dtype,
        privileged=True,
    )
    observation, info = envs.reset(seed=0)
    largest = 0.0
    for action in np.random.default_rng(0).normal(size=(60, 4, 2)):
        assert observation in envs.observation_space
        assert np.isfinite(observation).all()
        assert np.isfinite(info["loss"]).all()
        assert np.isfinite(info["hidden"]["curvature"]).all()
        largest = max(largest, float(abs(envs.simulation.state.learner.gradient).max()))
        observation, reward, *_, info = envs.step(action)
        assert np.isfinite(reward).all()
    assert largest > 1e19 or changes in (
        {"start": FARTHER},
        {"start": FARTHEST},
    )  # of which only NaN is left


def test_squares_that_overflow_leave_their_averages_by_and_by():
    """After the largest gradient, g = 1: an average of rate 1/2 halves at every step."""
    memory = Memory(ObservationConfig(("squared_averages",), (0.5,)))
    theta, one = np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)
    with np.errstate(over="ignore"):
        squares = memory.begin(one * 1e25, theta)["squared_averages"]
        assert (squares == np.finfo(np.float32).max).all()
        learner = Learner(
            gradient=one,
            elapsed=np.full(1, 200),
            theta=theta,
            start=theta,
            loss=np.ones(1),
            previous_update=theta,
            squared_averages=squares,
        )
        after = memory.after(learner, one, theta)["squared_averages"]
    np.testing.assert_allclose(after, squares / 2, rtol=1e-6)
