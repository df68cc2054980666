"""What landscapes whose tasks change promise: which tasks they draw, when, and for which row."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from landscape_gym import LandscapeNavEnv, LandscapeNavVectorEnv, NavigationProblem
from landscape_gym.control import optimum
from landscape_gym.landscapes import take
from landscape_gym.networks import TASKS, ContinualLandscape, Data, Mlp, NetworkLandscape, Task
from landscape_gym.networks.stream_engine import rotated
from landscape_gym.simulation import Simulation
from tests.contracts.instances import draws

MLP = Mlp((4,), "relu")


def stream(tasks: str, **fields: Any) -> ContinualLandscape:
    return ContinualLandscape(MLP, "digits", tasks=tasks, **{"data_size": 300, **fields})


def drawn(landscape: ContinualLandscape, *seeds: int) -> tuple[Task, np.ndarray]:
    draw = draws(*seeds)
    return landscape.sample(draw), landscape.default_start(draw)


def by_hand(task: Task, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row's task as data of a landscape without tasks: its loss and gradient."""
    data = Data.of("digits").first(300)
    x, y = data.x.astype(np.float64), data.y
    if task.order is not None:
        x = x.reshape(300, -1)[:, task.order[0]].reshape(x.shape)
    if task.angle is not None:
        x = rotated(torch.tensor(x)[None], torch.tensor(task.angle[:1]))[0].numpy()
    if task.labels is not None:
        y = task.labels[0]
    if task.classes is not None:
        each = [np.flatnonzero(y == c) for c in task.classes[0]]
        fewest = min(np.bincount(y))
        kept = np.concatenate([numbers[:fewest] for numbers in each])
        x, y = x[kept], y[kept]
    # Two outputs would do for two classes; the network has ten.
    plain = NetworkLandscape(lambda: MLP.build((1, 8, 8), 10), (x, y))
    return plain.loss_and_grad((), theta)  # type: ignore[arg-type]


@pytest.mark.parametrize("tasks", TASKS)
def test_loss_and_gradient_are_those_of_data_changed_by_hand(tasks: str) -> None:
    landscape = stream(tasks)
    task, theta = drawn(landscape, 3)
    loss, grad = landscape.loss_and_grad(task, theta)
    expected = by_hand(task, theta)
    np.testing.assert_allclose(loss, expected[0], rtol=1e-6)
    np.testing.assert_allclose(grad, expected[1], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(landscape.loss(task, theta), loss, rtol=1e-12)


@pytest.mark.parametrize("tasks", TASKS)
def test_a_batch_equals_its_rows_one_by_one(tasks: str) -> None:
    landscape = stream(tasks)
    task, theta = drawn(landscape, 3, 4, 5)
    uniform = np.random.default_rng(1).random((3, 6))
    together = [
        *landscape.loss_and_grad(task, theta),
        *landscape.minibatch_loss_and_grad(task, theta, uniform),
        *landscape.measures(task, theta).values(),
    ]
    for i in range(3):
        own, start = drawn(landscape, 3 + i)
        np.testing.assert_array_equal(start, theta[[i]])
        for old, new in zip(take(task, np.array([i])), own, strict=True):
            np.testing.assert_array_equal(old, new)
        alone = [
            *landscape.loss_and_grad(own, start),
            *landscape.minibatch_loss_and_grad(own, start, uniform[[i]]),
            *landscape.measures(own, start).values(),
        ]
        for batch, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(batch[[i]], one, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("tasks", TASKS)
def test_minibatches_of_every_datum_average_to_the_whole(tasks: str) -> None:
    landscape = stream(tasks, data_size=120)
    task, theta = drawn(landscape, 0)
    loss, grad = landscape.loss_and_grad(task, theta)
    kept = 120
    if task.classes is not None:
        y = Data.of("digits").first(120).y
        kept = 2 * min(np.bincount(y))
    every = (np.arange(kept)[None] + 0.5) / kept
    found = landscape.minibatch_loss_and_grad(task, theta, every)
    np.testing.assert_allclose(found[0], loss, rtol=1e-9)
    np.testing.assert_allclose(found[1], grad, rtol=1e-6, atol=1e-9)


def test_tasks_are_what_their_names_say() -> None:
    permuted = stream("permuted_inputs").sample(draws(0, 1)).order
    assert permuted is not None
    np.testing.assert_array_equal(np.sort(permuted, axis=1), np.tile(np.arange(64), (2, 1)))
    assert (permuted[0] != permuted[1]).any()
    labels = stream("random_labels").sample(draws(0, 1)).labels
    assert labels is not None
    assert set(labels.flat) == set(range(10))
    assert (np.bincount(labels[0]) > 10).all()
    classes = stream("split_classes", classes_per_task=3).sample(draws(*range(20))).classes
    assert classes is not None
    assert all(len(set(row)) == 3 for row in classes.tolist())
    assert set(classes.flat) == set(range(10))
    angle = stream("rotated_inputs").sample(draws(*range(50))).angle
    assert angle is not None
    assert angle.min() < 1 < 5 < angle.max() < 2 * np.pi


@pytest.mark.parametrize("shape", [(5, 5), (4, 6)])
def test_a_quarter_turn_is_counter_clockwise_and_four_are_none(shape: tuple[int, int]) -> None:
    images = torch.rand(2, 3, 1, *shape, dtype=torch.float64)
    turn = torch.full((2,), np.pi / 2, dtype=torch.float64)
    if shape[0] == shape[1]:
        torch.testing.assert_close(rotated(images, turn), torch.rot90(images, 1, (-2, -1)))
    half = torch.rot90(images, 2, (-2, -1))
    torch.testing.assert_close(rotated(images, 2 * turn), half)
    torch.testing.assert_close(rotated(images, 4 * turn), images)


def test_measures_are_of_the_present_task() -> None:
    landscape = stream("split_classes")
    task, theta = drawn(landscape, 0, 1)
    measured = landscape.measures(task, theta)
    assert set(measured) == {"loss", "accuracy", "test_loss", "test_accuracy"}
    theta[:, -10:] = -100.0  # the biases of the last layer: only one class is ever told
    assert task.classes is not None
    theta[0, -10 + task.classes[0, 0]] = 100.0
    assert landscape.measures(task, theta)["test_accuracy"][0] == 0.5
    labelled = stream("random_labels")
    assert set(labelled.measures(*drawn(labelled, 0))) == {"loss", "accuracy"}


# ---- when tasks change -----------------------------------------------------------------------


def simulated(seeds: Any, **problem: Any) -> Simulation:
    landscape = stream("permuted_inputs", data_size=20)
    changes = {"landscape": landscape, "dt": 1.0, "episode_steps": 40, **problem}
    return Simulation.begun(seeds, regime="continual-digits", problem=changes)


def test_regular_tasks_change_every_so_many_steps_and_others_at_random() -> None:
    regular = simulated([1, 2], hazard=0.25, regular=True)
    random = simulated([1, 2], hazard=0.25)
    when: dict[str, list[Any]] = {"regular": [], "random": []}
    still = np.zeros((2, regular.action_size))
    for _ in range(16):
        for name, simulation in (("regular", regular), ("random", random)):
            before = simulation.state.instances.order.copy()
            simulation.advance(still)
            changed = (simulation.state.instances.order != before).any(axis=1)
            np.testing.assert_array_equal(changed, simulation.state.switched)
            when[name].append(changed)
    expected = np.arange(1, 17) % 4 == 0
    np.testing.assert_array_equal(np.array(when["regular"]), np.stack([expected] * 2, axis=1))
    gaps = np.diff(np.flatnonzero(np.array(when["random"])[:, 0]))
    assert len(set(gaps.tolist())) > 1


def test_row_i_of_a_batch_is_the_single_environment_with_its_seed() -> None:
    problem = {"landscape": stream("random_labels"), "hazard": 3.0, "episode_steps": 12}
    envs = LandscapeNavVectorEnv(2, "continual-digits", problem=problem)
    size = envs.single_action_space.shape[0]  # type: ignore[index]
    actions = np.random.default_rng(0).uniform(-1, 1, (9, 2, size)).astype(np.float32)

    def play() -> list[Any]:
        return [envs.reset(seed=7)[0], *(envs.step(action)[0] for action in actions)]

    first = play()
    for again, before in zip(play(), first, strict=True):
        assert again.tobytes() == before.tobytes()
    for row in range(2):
        env = LandscapeNavEnv("continual-digits", problem=problem)
        alone = [env.reset(seed=7 + row)[0], *(env.step(action[row])[0] for action in actions)]
        np.testing.assert_allclose(np.stack(alone), np.stack(first)[:, row], rtol=1e-3, atol=1e-3)


def test_by_name_with_another_stream_and_a_signal() -> None:
    env = gym.make(
        "LandscapeNav/ContinualDigits-v0",
        landscape={"tasks": "rotated_inputs", "data_size": 50},
        hazard=0.25,
        dt=1.0,
        regular=True,
        signalled=True,
        observation=["switched"],
    )
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)  # type: ignore[arg-type]
    assert [env.step(action)[0].item() for _ in range(8)] == [0, 0, 0, 1, 0, 0, 0, 1]
    problem = env.unwrapped.problem  # type: ignore[attr-defined]
    assert NavigationProblem.from_json(problem.to_json()) == problem


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: stream("permuted"), ValueError, "Did you mean 'permuted_inputs'"),
        (lambda: stream("split_classes", classes_per_task=0), ValueError, "at least 1"),
        (lambda: stream("split_classes", classes_per_task=11).sample(draws(0)), ValueError, "10"),
        (
            lambda: ContinualLandscape(MLP, "diabetes", tasks="random_labels").sample(draws(0)),
            ValueError,
            "real",
        ),
        (
            lambda: ContinualLandscape(MLP, "diabetes", tasks="rotated_inputs").sample(draws(0)),
            ValueError,
            "images",
        ),
        (lambda: NavigationProblem(regular=1), TypeError, "regular must be True or False"),  # type: ignore[arg-type]
        (
            lambda: optimum(
                NavigationProblem(
                    landscape={"kind": "quadratic", "dim": 1, "curvature": (1.0,)},
                    hazard=0.1,
                    regular=True,
                )
            ),
            ValueError,
            "on schedule",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
