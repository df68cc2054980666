"""The reference problem, by hand: what the library's speed is compared with.

10 parameters, one dense Hessian, noisy gradients, control cost, 100-step episodes, float32.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch

from landscape_gym.landscapes import Quadratic
from landscape_gym.problem import IsotropicNoise, NavigationProblem, NormalStart

DIM, STEPS, STD, DT, SCALE = 10, 100, 0.3, 0.1, 1.0
BASIS = np.linalg.qr(np.random.default_rng(0).standard_normal((DIM, DIM)))[0]
HESSIAN = BASIS * np.geomspace(0.05, 5.0, DIM) @ BASIS.T
HESSIAN = 0.5 * (HESSIAN + HESSIAN.T)

PROBLEM = NavigationProblem(
    landscape=Quadratic(dim=DIM, curvature=HESSIAN.tolist(), optimum_std=1.0),
    noise=IsotropicNoise(STD),
    dt=DT,
    episode_steps=STEPS,
    start=NormalStart(),
)
"""The same problem, for the library."""
ARGUMENTS: dict[str, Any] = {
    "problem": PROBLEM,
    "observation": "gradient",
    "action": {"kind": "velocity", "scale": SCALE},
}


class BareLoop:
    """The arithmetic and the random numbers of the reference problem in batched NumPy, no more."""

    def __init__(self, num_envs: int, noise: str = "numpy") -> None:
        """Start `num_envs` episodes together; their noise is drawn by "numpy" or "torch"."""
        self.shape = (num_envs, DIM)
        self.rng = np.random.default_rng(0)
        self.noise = np.empty(self.shape, np.float32) if noise == "torch" else None
        self.hessian = HESSIAN.astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Draw optima and starts."""
        self.optimum = self.rng.standard_normal(self.shape, np.float32)
        self.theta = self.rng.standard_normal(self.shape, np.float32)
        self.elapsed = 0

    def step(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
        """Observation, reward and whether the episodes are over."""
        control = SCALE * np.clip(action, -1.0, 1.0)
        self.theta = self.theta + DT * control
        error = self.theta - self.optimum
        gradient = error @ self.hessian
        loss = 0.5 * np.einsum("bi,bi->b", error, gradient)
        reward = -DT * (0.5 * np.einsum("bi,bi->b", control, control) + loss)
        if self.noise is None:
            noise = self.rng.standard_normal(self.shape, np.float32)
        else:
            torch.from_numpy(noise := self.noise).normal_()
        observation = gradient + STD * noise
        self.elapsed += 1
        over = self.elapsed == STEPS
        if over:
            self.reset()
        return observation, reward, over


class MinimalEnv(gym.Env):
    """The reference problem as a user would write it by hand: a plain `gymnasium.Env`."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (DIM,), np.float32)
    action_space = gym.spaces.Box(-1.0, 1.0, (DIM,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Draw optimum and start."""
        super().reset(seed=seed)
        self.hessian = HESSIAN.astype(np.float32)
        self.optimum = self.np_random.standard_normal(DIM, np.float32)
        self.theta = self.np_random.standard_normal(DIM, np.float32)
        self.elapsed = 0
        return self._observe(self.hessian @ (self.theta - self.optimum)), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move, charge, observe."""
        control = SCALE * np.clip(action, -1.0, 1.0)
        self.theta = self.theta + DT * control
        error = self.theta - self.optimum
        gradient = self.hessian @ error
        reward = -DT * (0.5 * float(control @ control) + 0.5 * float(error @ gradient))
        self.elapsed += 1
        return self._observe(gradient), reward, False, self.elapsed >= STEPS, {}

    def _observe(self, gradient: np.ndarray) -> np.ndarray:
        noise = self.np_random.standard_normal(DIM, np.float32)
        return (gradient + STD * noise).astype(np.float32)
