"""What landscapes of networks promise: torch's own gradients, row by row, from data by name."""

import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from landscape_gym import LandscapeNavEnv, LandscapeNavVectorEnv, NavigationProblem
from landscape_gym.landscapes import LogisticRegression
from landscape_gym.networks import ConvNet, Data, Mlp, NetworkLandscape
from landscape_gym.networks.batched import Networks
from landscape_gym.networks.engine import Engine
from landscape_gym.networks.landscape import engine_of
from landscape_gym.registration import NETWORKS
from landscape_gym.simulation import Simulation
from landscape_gym.streams import RowDraws

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
ON_DATA = [
    name
    for name, regime in NETWORKS.items()
    if isinstance(regime.problem.landscape, NetworkLandscape)
]
BUILT_IN = [
    ("mlp", "digits"),
    (ConvNet((4, 4)), "digits"),
    (Mlp((8,), "gelu"), "breast_cancer"),
    (Mlp(()), "diabetes"),
    (Mlp((8,)), "mnist"),
    (Mlp((8,)), "mnist1d"),
    (ConvNet((4, 4)), "mnist1d"),
]


def starts(landscape: NetworkLandscape, *seeds: int, dtype: Any = np.float32) -> np.ndarray:
    generators = [np.random.default_rng(seed) for seed in seeds]
    return landscape.default_start(RowDraws(generators, np.dtype(dtype)))


def line(**fields: Any) -> NetworkLandscape:
    return NetworkLandscape(lambda: torch.nn.Linear(3, 2), (X, Y), **fields)


@pytest.mark.parametrize(("model", "data"), BUILT_IN)
def test_loss_and_gradient_are_those_of_the_module_itself(model: Any, data: str) -> None:
    size = 200
    landscape = NetworkLandscape(model, data, data_size=size)
    (theta,) = starts(landscape, 0)
    arrays = Data.of(data)
    assert not isinstance(landscape.model, str)
    module = landscape.model.build(arrays.x.shape[1:], arrays.outputs)  # type: ignore[union-attr]
    torch.nn.utils.vector_to_parameters(torch.from_numpy(theta), module.parameters())
    x, y = torch.tensor(arrays.x[:size]), torch.tensor(arrays.y[:size])
    functional = torch.nn.functional
    loss = (functional.cross_entropy if arrays.classes else functional.mse_loss)(module(x), y)
    loss.backward()
    grad = torch.cat([torch.as_tensor(p.grad).flatten() for p in module.parameters()])
    for rows in (1, 3):
        losses, grads = landscape.loss_and_grad((), np.tile(theta, (rows, 1)))  # type: ignore
        np.testing.assert_allclose(losses, loss.item(), rtol=1e-5)
        np.testing.assert_allclose(grads, np.tile(grad, (rows, 1)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("vectorized", [True, False])
def test_a_batch_equals_its_rows_one_by_one(vectorized: bool) -> None:
    landscape = NetworkLandscape(Mlp((5,)), "breast_cancer", vectorized=vectorized)
    theta = starts(landscape, 3, 4, 5)
    uniform = np.random.default_rng(1).random((3, 6), np.float32)
    together = (
        *landscape.loss_and_grad((), theta),  # type: ignore[arg-type]
        landscape.minibatch_grad((), theta, uniform),  # type: ignore[arg-type]
        *landscape.measures((), theta).values(),  # type: ignore[arg-type]
    )
    for i in range(3):
        row, u = theta[[i]], uniform[[i]]
        alone = (
            *landscape.loss_and_grad((), row),  # type: ignore[arg-type]
            landscape.minibatch_grad((), row, u),  # type: ignore[arg-type]
            *landscape.measures((), row).values(),  # type: ignore[arg-type]
        )
        np.testing.assert_array_equal(row, starts(landscape, 3 + i))
        for batch, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(batch[[i]], one, rtol=1e-4, atol=1e-6)


def test_minibatch_gradients_average_to_the_gradient() -> None:
    landscape = line()
    theta = starts(landscape, 0, 1, dtype=np.float64)
    every = np.tile((np.arange(12) + 0.5) / 12, (2, 1))
    picked = [landscape.minibatch_grad((), theta, every[:, [i]]) for i in range(12)]  # type: ignore
    expected = landscape.loss_and_grad((), theta)[1]  # type: ignore[arg-type]
    np.testing.assert_allclose(np.mean(picked, axis=0), expected, rtol=1e-6, atol=1e-9)
    assert np.ptp(picked, axis=0).max() > 0.1


class Shared(torch.nn.Module):
    """The same layer twice, which is no chain of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(torch.tanh(self.layer(x)))


def chain() -> torch.nn.Module:
    again = torch.nn.Linear(4, 4)
    inner = torch.nn.Sequential(torch.nn.Linear(6, 4, bias=False), torch.nn.GELU(), again)
    return torch.nn.Sequential(torch.nn.Flatten(), inner, torch.nn.Dropout(), again)


@pytest.mark.parametrize(
    ("make", "shape", "layered"),
    [
        (chain, (2, 3), True),
        (lambda: torch.nn.Linear(3, 2), (5, 3), True),
        (Shared, (3,), False),
        (lambda: torch.nn.Sequential(torch.nn.LayerNorm(3)), (3,), False),
        (lambda: torch.nn.Sequential(torch.nn.Conv1d(2, 3, 3), torch.nn.Flatten()), (2, 5), False),
    ],
)
@pytest.mark.parametrize("b", [1, 3])
def test_many_networks_give_what_each_module_gives(
    make: Any, shape: tuple[int, ...], layered: bool, b: int
) -> None:
    modules = [make().double().eval() for _ in range(b)]
    networks = Networks(make().double().eval(), "mse", vectorized=True)
    assert (networks.layers is not None) == layered
    theta = torch.stack([torch.nn.utils.parameters_to_vector(m.parameters()) for m in modules])
    own = torch.randn(b, 7, *shape, dtype=torch.float64)
    for x in (own, own[:1]):
        expected = [m(x[min(i, len(x) - 1)]) for i, m in enumerate(modules)]
        outputs = networks.outputs(networks.split(theta), x)
        torch.testing.assert_close(outputs, torch.stack(expected))


@pytest.mark.parametrize("b", [1, 3])
def test_parameters_that_nothing_depends_on_have_a_gradient_of_zero(b: int) -> None:
    class Idle(torch.nn.Linear):
        def __init__(self) -> None:
            super().__init__(3, 2)
            self.spare = torch.nn.Parameter(torch.ones(4))

    networks = Networks(Idle().double(), "mse", vectorized=True)
    theta = torch.randn(b, 12, dtype=torch.float64)
    x, y = torch.randn(1, 7, 3, dtype=torch.float64), torch.zeros(1, 7, 2, dtype=torch.float64)
    names, grads = list(networks.shapes), networks.learn(theta, x, y).grads
    for name, part in zip(names, grads.split(networks.sizes, dim=1), strict=True):
        assert (part == 0).all() == (name == "spare")


@pytest.mark.parametrize("shape", [(5, 3), (5, 40), (5, 3, 4), (5, 40, 4)])
@pytest.mark.parametrize("own", [True, False])
def test_named_losses_are_those_of_torch(shape: tuple[int, ...], own: bool) -> None:
    outputs = torch.randn(2, *shape, dtype=torch.float64)
    classes = torch.randint(shape[1], (2 if own else 1, shape[0], *shape[2:]))
    values = torch.randn(len(classes), *shape, dtype=torch.float64)
    for name, y in (("cross_entropy", classes), ("mse", values)):
        networks = Networks(torch.nn.Linear(1, 1), name, vectorized=True)
        theirs = torch.nn.functional.cross_entropy if y is classes else torch.nn.functional.mse_loss
        expected = [theirs(o, y[i if own else 0]) for i, o in enumerate(outputs)]
        torch.testing.assert_close(networks.losses(outputs, y), torch.stack(expected))


SAMPLED: list[dict[str, Any]] = [
    {"landscape": NetworkLandscape(Mlp((4,)), "breast_cancer")},
    {"landscape": LogisticRegression(), "hazard": 3.0},
    {"landscape": LogisticRegression(), "drift": 0.1},
]


@pytest.mark.parametrize("parts", SAMPLED, ids=str)
def test_a_loss_that_is_not_exact_is_that_of_the_minibatch_of_the_gradient(
    parts: dict[str, Any],
) -> None:
    noise = {"kind": "minibatch", "batch_size": 6, "exact_loss": False}
    problem = NavigationProblem(noise=noise, episode_steps=5, **parts)  # type: ignore[arg-type]
    setup: dict[str, Any] = {"problem": problem, "observation": "gradient", "action": "velocity"}
    simulation = Simulation.begun([3, 4], **setup)
    landscape, losses = problem.landscape, []
    actions = np.random.default_rng(0).uniform(-1, 1, (5, 2, problem.dim))
    for action in actions:
        outcome = simulation.advance(action)
        state, u = simulation.state, simulation.streams.uniform[:, :6]
        point = state.point(state.theta)
        both = landscape.minibatch_loss_and_grad(state.instances, point, u)
        assert both is not None
        loss, grad = both
        np.testing.assert_array_equal(state.loss, loss)
        np.testing.assert_array_equal(state.learner.gradient, grad)
        if not problem.drift:  # by which it moves after the cost is charged
            np.testing.assert_array_equal(outcome.loss, loss)
        assert not np.allclose(loss, landscape.loss(state.instances, point), rtol=1e-3)
        losses.append(state.loss)
    for row in range(2):
        alone = Simulation.begun([3 + row], **setup)
        for action, loss in zip(actions, losses, strict=True):
            alone.advance(action[[row]])
            np.testing.assert_allclose(alone.state.loss, loss[[row]], rtol=1e-9)


@pytest.mark.parametrize("noise", [None, {"kind": "minibatch", "exact_loss": False}])
def test_a_step_goes_through_the_data_once(noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, original = [], Engine.loss_and_grad
    counted = lambda *args: calls.append(1) or original(*args)  # noqa: E731
    monkeypatch.setattr(Engine, "loss_and_grad", counted)
    landscape = NetworkLandscape(Mlp((4,)), "breast_cancer")
    envs = LandscapeNavVectorEnv(2, "digits", landscape=landscape, noise=noise)
    envs.reset(seed=0)
    assert len(calls) == 1
    envs.step(envs.action_space.sample())
    assert len(calls) == 2


def test_minibatch_losses_average_to_the_loss() -> None:
    landscape = line()
    theta = starts(landscape, 0, 1, dtype=np.float64)
    every = np.tile((np.arange(12) + 0.5) / 12, (2, 1))
    picked = [
        landscape.minibatch_loss_and_grad((), theta, every[:, [i]])[0]  # type: ignore[arg-type]
        for i in range(12)
    ]
    expected = landscape.loss((), theta)  # type: ignore[arg-type]
    np.testing.assert_allclose(np.mean(picked, axis=0), expected, rtol=1e-9)


def test_row_i_of_a_batch_is_the_single_environment_with_its_seed() -> None:
    problem = {"landscape": NetworkLandscape(Mlp((4,)), "breast_cancer"), "episode_steps": 3}
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 2, 134)).astype(np.float32)

    def play() -> list[Any]:
        envs = LandscapeNavVectorEnv(2, "digits", problem=problem)
        return [envs.reset(seed=7)[0], *(envs.step(action)[0] for action in actions)]

    first = play()
    for again, before in zip(play(), first, strict=True):
        assert again.tobytes() == before.tobytes()
    for row in range(2):
        env = LandscapeNavEnv("digits", problem=problem)
        alone = [env.reset(seed=7 + row)[0], *(env.step(action[row])[0] for action in actions)]
        np.testing.assert_allclose(np.stack(alone), np.stack(first)[:, row], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["digits", "mnist1d", "continual-digits", "logistic-regression"])
def test_what_is_drawn_of_data_is_the_same_to_the_bit_and_what_is_summed_to_rounding(name) -> None:
    batch = LandscapeNavVectorEnv(3, name, privileged=True)
    batch.reset(seed=3)
    for row in range(3):
        single = LandscapeNavEnv(name, privileged=True)
        single.reset(seed=3 + row)
        one, many = single.simulation.state, batch.simulation.state
        assert one.theta.tobytes() == many.theta[row].tobytes()
        np.testing.assert_allclose(one.grad[0], many.grad[row], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["digits", "mnist1d", "continual-digits"])
def test_what_torch_makes_by_default_changes_no_episode(name: str) -> None:
    def play() -> list[bytes]:
        engine_of.cache_clear()
        envs = LandscapeNavVectorEnv(2, name, action={"kind": "global_step_size"})
        return [envs.reset(seed=3)[0].tobytes(), envs.step(np.ones((2, 2)))[0].tobytes()]

    usual, expected = torch.get_default_dtype(), play()
    with torch.device("meta"):
        assert play() == expected
    try:
        torch.set_default_dtype(torch.float64)
        assert play() == expected
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(usual)
        engine_of.cache_clear()


def test_initialisations_leave_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    a, b = starts(line(), 0, 1)
    assert torch.rand(1) == expected
    assert not np.allclose(a, b)


@pytest.mark.parametrize("name", ON_DATA)
def test_registered_networks_pass_gymnasiums_checker(name: str) -> None:
    id = NETWORKS[name].id
    env = gym.make(id, landscape={"data_size": 50}, privileged=True)
    check_env(env.unwrapped, skip_render_check=True)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.unwrapped.spec.to_json()))
    assert again.unwrapped.problem == env.unwrapped.problem  # type: ignore[attr-defined]
    info = env.reset(seed=0)[1]
    assert set(info["hidden"]) == {"loss", "accuracy", "test_loss", "test_accuracy"}
    assert info["hidden"]["loss"] == pytest.approx(info["loss"], rel=1e-5)
    assert 0 <= info["hidden"]["test_accuracy"] <= 1


@pytest.mark.parametrize("name", NETWORKS)
def test_problems_of_networks_survive_json(name: str) -> None:
    problem = NETWORKS[name].problem
    assert NavigationProblem.from_json(problem.to_json()) == problem


def test_data_come_from_a_loader_as_from_arrays() -> None:
    dataset = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    loader: Any = torch.utils.data.DataLoader(dataset, batch_size=5)
    data = Data.of(loader, test=(X[:2], Y[:2]))
    np.testing.assert_array_equal(data.x, X.astype(np.float32))
    np.testing.assert_array_equal(data.y, Y.astype(np.float32))
    assert data.test_x is not None


def test_importing_the_library_loads_neither_torch_nor_data() -> None:
    program = "import sys, landscape_gym; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"torch", "sklearn", "mlxtend", "mnist1d"} & set(run.stdout.split())


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from landscape_gym.networks import data

    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    data.load.cache_clear()
    with pytest.raises(ImportError, match=r"landscape-gym\[data\]"):
        data.load("diabetes")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: NetworkLandscape("mpl"), ValueError, "Did you mean 'mlp'"),
        (lambda: NetworkLandscape(data="digit"), ValueError, "Did you mean 'digits'"),
        (lambda: line(loss_function="msee"), ValueError, "Did you mean 'mse'"),
        (lambda: NetworkLandscape(torch.nn.Tanh, (X, Y)).dim, ValueError, "no parameters"),
        (lambda: NetworkLandscape(lambda: 3, (X, Y)).dim, TypeError, "make a torch.nn.Module"),
        (lambda: NetworkLandscape(3, (X, Y)), TypeError, "give a function"),
        (lambda: NetworkLandscape(torch.nn.Linear(3, 2), (X, Y)), TypeError, "makes it"),
        (lambda: NetworkLandscape(data=(X, Y[:5])), ValueError, "one target for each"),
        (lambda: NetworkLandscape(data=(X * np.nan, Y)), ValueError, "finite"),
        (lambda: NetworkLandscape(data=(X, Y, X[:, :2], Y)), ValueError, "test_x"),
        (lambda: NetworkLandscape(data=3), TypeError, "DataLoader"),
        (lambda: NetworkLandscape(lambda: torch.nn.Linear(2, 2), (X, Y)).dim, ValueError, "fit"),
        (lambda: line(data_size=13).dim, ValueError, "12 data"),
        (lambda: line(loss_function=lambda a, b: a - b).dim, ValueError, "scalar"),
        (lambda: NetworkLandscape("conv", "diabetes").dim, ValueError, "use 'mlp'"),
        (lambda: NetworkLandscape(Mlp((3,)), (X, Y[:, 0])).dim, ValueError, "fit together"),
        (
            lambda: NavigationProblem(noise={"kind": "minibatch", "exact_loss": False}),  # type: ignore[arg-type]
            ValueError,
            "sum over data",
        ),
        (
            lambda: NavigationProblem(noise={"kind": "minibatch", "exact_loss": 0}),  # type: ignore[arg-type]
            TypeError,
            "True or False",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
