"""Pictures of episodes: what is on them, that they are reproducible, and what shows them."""

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordVideo

from landscape_gym import REGIMES, LandscapeNavEnv, LandscapeNavVectorEnv
from landscape_gym.landscapes import LANDSCAPES, TorchLandscape
from landscape_gym.rendering.canvas import PAST, PATH, STAR
from landscape_gym.rendering.contour_view import LEVELS, levels_of
from landscape_gym.rendering.projection import project
from landscape_gym.rendering.snapshot import interval, square

SHAPES = {1: (480, 640, 3), 2: (480, 480, 3), 10: (480, 960, 3)}
"""Of frames, by the problem's dimension."""


def environment(dim: int = 2, regime: str = "long-horizon", **arguments: Any) -> LandscapeNavEnv:
    arguments.setdefault("landscape", {"kind": "quadratic", "dim": dim, "curvature": "log_uniform"})
    return LandscapeNavEnv(regime, render_mode="rgb_array", **arguments)


def frames(env: LandscapeNavEnv, steps: int, seed: int = 0, size: float = 0.3) -> list[Any]:
    """The first frame and those of some steps, as long as the episode lasts."""
    env.reset(seed=seed)
    pictures, action = [env.render()], np.full(env.action_space.shape or (), size)
    for _ in range(steps):
        *_, terminated, truncated, _ = env.step(action)
        pictures.append(env.render())
        if terminated or truncated:
            break
    return pictures


def coloured(frame: Any, colour: str) -> int:
    """How many pixels have exactly this colour below the legend."""
    rgb = np.frombuffer(bytes.fromhex(colour.lstrip("#")), np.uint8)
    return int((frame[25:] == rgb).all(axis=-1).sum())


@pytest.fixture
def dummy_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.mark.parametrize("dim", SHAPES)
def test_frames_are_bytes_of_one_even_shape_and_change_with_the_point(dim: int) -> None:
    pictures = frames(environment(dim), 2)
    for frame in pictures:
        assert frame.shape == SHAPES[dim]
        assert frame.dtype == np.uint8
        assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])
    assert not np.shares_memory(pictures[1], pictures[2])


@pytest.mark.parametrize("dim", SHAPES)
def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before(dim: int) -> None:
    changing = {"hazard": 2.0, "drift": 0.1}
    env = environment(dim, **changing)
    frames(env, 1, seed=1, size=1.0)
    for a, b in zip(frames(env, 2), frames(environment(dim, **changing), 2), strict=True):
        np.testing.assert_array_equal(a, b)


def test_rendering_twice_gives_the_same_picture_and_leaves_the_episode_alone() -> None:
    watched, unwatched = environment(regime="noisy-gradient"), environment(regime="noisy-gradient")
    watched.reset(seed=0)
    unwatched.reset(seed=0)
    for _ in range(3):
        np.testing.assert_array_equal(watched.render(), watched.render())  # type: ignore[arg-type]
        a, b = (env.step(np.full(2, 0.1)) for env in (watched, unwatched))
        np.testing.assert_array_equal(a[0], b[0])


@pytest.mark.parametrize("dim", SHAPES)
def test_the_minimum_is_marked_where_it_is_known(dim: int) -> None:
    def bowl(optimum: Any) -> TorchLandscape:
        return TorchLandscape(lambda theta: (theta**2).sum(), dim=dim, optimum=optimum)

    for optimum, known in ((np.zeros(dim), True), (None, False)):
        (frame,) = frames(environment(landscape=bowl(optimum)), 0)
        assert (coloured(frame, STAR) > 20) == known
        assert coloured(frame, PATH) > 20


def test_a_new_task_and_drift_move_the_contours_and_standing_still_does_not() -> None:
    landscape = {"kind": "quadratic", "dim": 2, "curvature": (1, 1), "optimum_std": 1.0}
    below_title = np.s_[25:]
    for changes, moved in (({"hazard": 1e6}, True), ({"drift": 0.5}, True), ({}, False)):
        first, second = frames(environment(landscape=landscape, **changes), 1, size=0.0)
        changed = (first[below_title] != second[below_title]).any(axis=-1).sum()
        assert changed > 2000 if moved else changed == 0


@pytest.mark.parametrize("dim", SHAPES)
def test_the_path_on_earlier_tasks_is_pale(dim: int) -> None:
    for hazard, pale in ((1e6, True), (0.0, False)):
        frame = frames(environment(dim, hazard=hazard), 2, size=1.0)[-1]
        assert (coloured(frame, PAST) > 0) == pale


@pytest.mark.parametrize("kind", LANDSCAPES)
def test_every_landscape_can_be_drawn(kind: str) -> None:
    (frame,) = frames(environment(landscape=kind), 0)
    assert coloured(frame, STAR) > 20


@pytest.mark.parametrize("dim", SHAPES)
def test_paths_that_run_away_stay_in_the_picture(dim: int) -> None:
    for frame in frames(environment(dim, action={"scale": 300.0}), 2, size=1.0):
        assert coloured(frame, PATH) > 20


@pytest.mark.parametrize("dim", SHAPES)
@pytest.mark.parametrize(
    "loss",
    [
        lambda x: torch.where(x.sum() > 0, x.sum() * torch.inf, (x**2).sum()),
        lambda x: torch.where((x.abs() > 0.5).any(), torch.nan, 1e200 * (x**2).sum()),
        lambda x: 0.0 * x.sum() + 3e307,
        lambda x: 0.0 * x.sum(),
        lambda x: 1e12 + 1e-12 * x.sum(),
        lambda x: torch.exp(200 * x.sum()),
        lambda x: 1e-300 * (x**2).sum(),
    ],
    ids=["infinite", "nan", "huge", "flat", "level", "steep", "tiny"],
)
def test_losses_hard_to_draw_are_drawn(loss: Any, dim: int) -> None:
    landscape = TorchLandscape(loss, dim=dim, start=(-0.1,) * dim)
    env = environment(landscape=landscape, dtype="float64", action={"scale": 0.1})
    assert frames(env, 1, size=-1.0)[-1].shape == SHAPES[dim]


def test_vector_environments_give_a_picture_a_row_as_single_ones_do() -> None:
    arguments: dict[str, Any] = {"regime": "task-switching", "hazard": 3.0, "drift": 0.01}
    envs = LandscapeNavVectorEnv(3, render_mode="rgb_array", **arguments)
    singles = [environment(landscape={}, **arguments) for _ in range(3)]
    envs.reset(seed=5)
    for i, env in enumerate(singles):
        env.reset(seed=5 + i)
    for _ in range(2):
        envs.step(np.full((3, 2), 0.2))
        pictures = envs.render()
        assert isinstance(pictures, tuple)
        assert len(pictures) == 3
        for frame, env in zip(pictures, singles, strict=True):
            env.step(np.full(2, 0.2))
            np.testing.assert_array_equal(frame, env.render())  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
def test_a_new_episode_begins_a_new_path(mode: str) -> None:
    envs = LandscapeNavVectorEnv(
        2, "long-horizon", render_mode="rgb_array", max_episode_steps=2, autoreset_mode=mode
    )
    envs.reset(seed=0)
    envs.reset(options={"reset_mask": np.array([False, True])})
    for _ in range(2):
        envs.step(np.zeros((2, 2)))
    if mode == "next_step":
        envs.step(np.zeros((2, 2)))
    if mode == "disabled":
        envs.reset(options={"reset_mask": np.array([True, False])})
    lengths = {"next_step": [1, 1], "same_step": [1, 1], "disabled": [1, 3]}[mode]
    assert envs._recording is not None
    assert [len(trail.path) for trail in envs._recording._trails] == lengths


def test_rendering_comes_after_reset_and_is_nothing_without_a_mode() -> None:
    with pytest.raises(ResetNeeded, match="reset"):
        environment().render()
    with pytest.raises(ResetNeeded, match="reset"):
        LandscapeNavVectorEnv(2, render_mode="rgb_array").render()
    for env in (LandscapeNavEnv(), LandscapeNavVectorEnv(2)):
        env.reset(seed=0)
        assert env.render() is None


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_on_with_the_same_pictures(duplicate: Any) -> None:
    env = environment(regime="noisy-gradient")
    frames(env, 2)
    twin = duplicate(env)
    for either in (env, twin):
        either.step(np.full(2, 0.2))
    np.testing.assert_array_equal(env.render(), twin.render())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module", "mode", "extra"),
    [("matplotlib.figure", "rgb_array", "plots"), ("pygame", "human", "video")],
)
def test_without_the_extra_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, mode: str, extra: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("landscape_gym.rendering.")]:
        if name.rpartition(".")[2] not in ("recording", "snapshot"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"landscape-gym\[{extra}\]"):
        LandscapeNavEnv(render_mode=mode)
    LandscapeNavEnv()


def test_record_video_writes_a_video(tmp_path: Path) -> None:
    env = gym.make("LandscapeNav/LongHorizon-v0", render_mode="rgb_array", episode_steps=4)
    env = RecordVideo(env, str(tmp_path / "videos"), disable_logger=True)
    env.reset(seed=0)
    truncated = False
    while not truncated:
        *_, truncated, _ = env.step(np.full(2, 0.1))
    env.close()
    (video,) = (tmp_path / "videos").glob("*.mp4")
    assert video.stat().st_size > 1000


@pytest.mark.usefixtures("dummy_display")
def test_the_window_shows_the_frame_and_closes_twice() -> None:
    import pygame

    def make(mode: str) -> LandscapeNavEnv:
        return LandscapeNavEnv("landscape-nav", render_mode=mode)

    env, twin = make("human"), make("rgb_array")
    env.metadata = {**env.metadata, "render_fps": 1000}
    for either in (env, twin):
        either.reset(seed=0)
        either.step(np.full(10, 0.1))
    assert env.render() is None
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).transpose(1, 0, 2)
    np.testing.assert_array_equal(shown, twin.render())  # type: ignore[arg-type]
    env.close()
    assert not pygame.display.get_init()
    env.close()
    env.render()  # opens it again
    assert pygame.display.get_init()
    env.close()


@pytest.mark.usefixtures("dummy_display")
def test_windows_of_two_environments_do_not_disturb_each_other() -> None:
    envs = [
        LandscapeNavEnv(regime, render_mode="human") for regime in ("geometry", "landscape-nav")
    ]
    for env in envs:
        env.reset(seed=0)
    envs[0].render()
    envs[1].close()
    envs[0].render()
    envs[0].close()


@pytest.mark.usefixtures("dummy_display")
@pytest.mark.parametrize("regime", REGIMES)
def test_gymnasium_checks_every_environment_and_its_rendering(regime: str) -> None:
    check_env(gym.make(REGIMES[regime].id, render_mode="rgb_array").unwrapped)


@pytest.mark.usefixtures("dummy_display")
def test_gymnasium_checks_a_line() -> None:
    check_env(gym.make("LandscapeNav-v0", landscape={"dim": 1, "rotated": False}).unwrapped)


def test_axes_hold_what_is_asked_and_grow_seldom() -> None:
    rng = np.random.default_rng(0)
    for low, high in np.sort(rng.normal(scale=[[1.0], [10.0], [1e6]], size=(3, 2))):
        left, right = interval((-1.0, 2.0), low, high)
        assert left <= min(low, -1.0)
        assert right >= max(high, 2.0)
    ends = {interval((-1.0, 1.0), 0.0, high) for high in np.linspace(1.0, 10.0, 1000)}
    assert 8 <= len(ends) <= 13  # log(10) / log(GROWTH) is 10.3
    x, y = square((-1.0, 1.0), np.array([-5.0, 0.0]), np.array([0.0, 3.0]))
    assert x[1] - x[0] == pytest.approx(y[1] - y[0])
    assert x[0] < -5.0
    assert y[1] > 3.0


def test_levels_ascend_and_leave_out_what_is_flat() -> None:
    x = np.linspace(-3, 3, 31)
    bowl = x**2 + x[:, None] ** 2
    levels = levels_of(bowl, known=True)
    assert len(levels) == LEVELS
    assert (np.diff(np.log(levels)) > 0).all()
    np.testing.assert_allclose(levels_of(bowl - 5.0, known=False), levels - 5.0)
    for flat in (np.ones(9), np.full(9, np.nan), np.zeros(9)):
        assert not len(levels_of(flat, known=False))


def test_the_main_plane_holds_a_flat_path_undistorted() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(10, 2)))[0]
    flat = np.cumsum(rng.normal(size=(30, 2)), axis=0)
    for path in (flat @ basis.T, flat[:5] @ basis.T):
        minimum = path[0] + basis @ np.array([1.0, 2.0])
        plane = project(path, minimum)
        assert plane.share == pytest.approx(1.0)
        distances = np.linalg.norm(path - minimum, axis=1)
        np.testing.assert_allclose(np.linalg.norm(plane.path - plane.minimum, axis=1), distances)
        np.testing.assert_array_equal(plane.path[0], [0.0, 0.0])
    assert 0.2 < project(rng.normal(size=(1000, 10)), None).share < 0.3  # two of ten alike


@pytest.mark.parametrize("dim", [2, 3, 10])
def test_a_path_that_spans_no_plane_is_seen_with_the_minimum(dim: int) -> None:
    rng = np.random.default_rng(1)
    start, end, minimum = rng.normal(size=(3, dim))
    for path in (start[None], np.stack([start, start]), np.linspace(start, end, 7)):
        plane = project(path, minimum)
        np.testing.assert_allclose(np.linalg.norm(plane.minimum), np.linalg.norm(minimum - start))
        length = np.linalg.norm(path[-1] - start)
        np.testing.assert_allclose(plane.path[-1], [length, 0.0], atol=1e-9)
        assert project(path, None).minimum is None
        assert project(path, start).path.shape == (len(path), 2)
