"""The picture of a run: learned, derived and optimal paths on one held-out landscape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from landscape_gym.evaluation import rollout
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.rendering.png import save
from landscape_gym.report.look import draw_losses, draw_scene, styles
from landscape_gym.report.scene import Scene

EPISODES = 64
"""Episodes behind the mean loss curves."""
SCENE_FILE = "scene.npz"
PICTURE_FILE = "paths.png"


def save_picture(
    folder: Path, problem: NavigationProblem, policies: Mapping[str, Policy], *, seed: int
) -> None:
    """Write policies' paths in the first held-out episode, and mean losses, as numbers and a PNG.

    Args:
        folder: Where ``scene.npz`` and ``paths.png`` are written, each whole or not at all.
        problem: What is navigated.
        policies: By name.
        seed: Of the first episode.
    """
    runs = {
        name: rollout(problem, policy, episodes=EPISODES, seed=seed, keep_paths=1)
        for name, policy in policies.items()
    }
    looks = styles({name: run.cost.mean() for name, run in runs.items()})
    scene = Scene.of(problem, {name: runs[name] for name in looks}, seed)
    scene.save(folder / SCENE_FILE)
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_scene(left, scene, looks)
    draw_losses(right, scene.losses, scene.dt, looks)
    right.set_title(f"mean loss of {EPISODES} held-out episodes")
    right.legend()
    save(figure, folder / PICTURE_FILE)
