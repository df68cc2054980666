"""One episode as a picture: the landscape in a plane, and the paths of several policies on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from landscape_gym.evaluation import Rollout
from landscape_gym.files import replacing
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.simulation import Simulation

POINTS = 161
"""Points along each side of a landscape's picture."""
PATH = "path: "
LOSS = "loss: "
"""Before a policy's name, in a file."""


@dataclass(frozen=True)
class Scene:
    """What is drawn of an episode, and how losses fell in the mean of several."""

    x: Array
    """Coordinates of the picture's columns, (points,)."""
    y: Array
    """Of its rows, (points,)."""
    loss: Array
    """The landscape as the episode begins, (rows, columns)."""
    target: Array | None
    """The minimum, (2,), if it is known."""
    paths: dict[str, Array]
    """By policy, (steps + 1, 2)."""
    losses: dict[str, Array]
    """By policy, mean loss above the minimum after each step, (steps + 1,)."""
    dim: int
    """Dimensions of the landscape: beyond two the plane is that of the paths' main directions."""
    dt: float
    """Time per step."""

    @classmethod
    def of(
        cls,
        problem: NavigationProblem,
        runs: Mapping[str, Rollout],
        seed: int,
        *,
        points: int = POINTS,
    ) -> Scene:
        """The scene of some rollouts' first episode.

        Args:
            problem: What was navigated.
            runs: Rollouts that kept the path of their first episode.
            seed: Of that episode.
            points: Along each side of the landscape's picture.
        """
        simulation = Simulation.begun([seed], problem=problem)
        target = simulation.hidden().get("target")
        paths = {name: run.path[:, 0] for name, run in runs.items() if run.path is not None}
        origin, plane = _plane(np.concatenate(list(paths.values())))
        flat = {name: (path - origin) @ plane.T for name, path in paths.items()}
        star = None if target is None else ((target - origin) @ plane.T)[0]
        calm = [flat[name] for name, run in runs.items() if not run.diverged] or [*flat.values()]
        low, high = _window(
            np.concatenate([*calm, *([] if star is None else [star[None]])]), problem
        )
        x, y = np.linspace(low[0], high[0], points), np.linspace(low[1], high[1], points)
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        loss = simulation.losses(0, grid @ plane + origin).reshape(points, points)
        losses = {name: run.excess.mean(axis=1) for name, run in runs.items()}
        return cls(x, y, loss, star, flat, losses, problem.dim, problem.dt)

    def save(self, path: Path) -> None:
        """Write it as an ``.npz`` file, whole or not at all."""
        arrays = {"x": self.x, "y": self.y, "loss": self.loss, "dim": self.dim, "dt": self.dt}
        if self.target is not None:
            arrays["target"] = self.target
        arrays |= {PATH + name: each for name, each in self.paths.items()}
        arrays |= {LOSS + name: each for name, each in self.losses.items()}
        small: dict[str, Any] = {name: np.float32(each) for name, each in arrays.items()}
        with replacing(path) as partial:
            np.savez_compressed(partial, **small)

    @classmethod
    def load(cls, path: Path) -> Scene:
        """Read what `save` wrote; nothing in it is executed.

        Raises:
            OSError: if it cannot be read.
            ValueError: if it is something else.
        """
        with path.open("rb") as file:
            try:
                arrays = dict(np.load(file, allow_pickle=False))
            except (BadZipFile, ValueError, EOFError) as error:
                raise ValueError(f"{path} is damaged: it holds no arrays of numbers.") from error

        def named(prefix: str) -> dict[str, Array]:
            return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

        if missing := {"x", "y", "loss", "dim", "dt"} - arrays.keys():
            raise ValueError(f"{path} has no {', '.join(sorted(missing))}: it is no run's scene.")
        return cls(
            x=arrays["x"],
            y=arrays["y"],
            loss=arrays["loss"],
            target=arrays.get("target"),
            paths=named(PATH),
            losses=named(LOSS),
            dim=int(arrays["dim"]),
            dt=float(arrays["dt"]),
        )


def _plane(points: Array) -> tuple[Array, Array]:
    """Origin and two orthonormal directions that the picture shows; the axes themselves in 2-D."""
    dim = points.shape[1]
    if dim == 2:
        return np.zeros(2), np.eye(2)
    origin = points.mean(axis=0)
    directions = np.linalg.svd(points - origin, full_matrices=False)[2][:2]
    if len(directions) < 2:  # a one-dimensional landscape
        directions = np.concatenate([directions, np.zeros((1, dim))])
    return origin, directions


def _window(points: Array, problem: NavigationProblem) -> tuple[Array, Array]:
    """Corners of a square around all points, no smaller than a tenth of the landscape's box."""
    low, high = points.min(axis=0), points.max(axis=0)
    box = problem.landscape.box
    half = max(0.6 * float((high - low).max()), 0.05 * (box[1] - box[0]))
    middle = (low + high) / 2
    return middle - half, middle + half
