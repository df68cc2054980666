"""Steps per second of the environment's faces on the reference problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from baselines.timing import Row, speed_row
from benchmarks.reference import ARGUMENTS, DIM, STEPS, BareLoop, MinimalEnv
from landscape_gym.env import LandscapeNavEnv
from landscape_gym.sb3 import LandscapeNavVecEnv
from landscape_gym.vector_env import LandscapeNavVectorEnv

BATCH = 1024
FEW = 64
Job = tuple[Callable[[], None], int]


def batch_job(step: Callable[[np.ndarray], object], num_envs: int, episodes: int) -> Job:
    """Whole episodes of a batch, with their resets."""
    action = np.full((num_envs, DIM), 0.1, np.float32)

    def job() -> None:
        for _ in range(episodes * STEPS):
            step(action)

    return job, episodes * STEPS * num_envs


def single_job(env: LandscapeNavEnv | MinimalEnv, episodes: int) -> Job:
    """Whole episodes of one environment, with their resets."""
    action = np.full(DIM, 0.1, np.float32)
    env.reset(seed=0)

    def job() -> None:
        for _ in range(episodes * STEPS):
            if env.step(action)[3]:
                env.reset()

    return job, episodes * STEPS


def native() -> LandscapeNavVectorEnv:
    envs = LandscapeNavVectorEnv(BATCH, autoreset_mode=AutoresetMode.SAME_STEP, **ARGUMENTS)
    envs.reset(seed=0)
    return envs


def speed_rows(rounds: int, episodes: int) -> list[Row]:
    envs = native()
    ours = batch_job(envs.step, BATCH, episodes)
    sync = SyncVectorEnv([MinimalEnv] * FEW, autoreset_mode=AutoresetMode.SAME_STEP)
    sync.reset(seed=0)
    sb3 = LandscapeNavVecEnv(BATCH, **ARGUMENTS)
    sb3.seed(0)
    sb3.reset()
    bare, torch_bare = BareLoop(BATCH), BareLoop(BATCH, noise="torch")
    return [
        speed_row(
            "1024 environments, against a bare NumPy loop",
            ">= 0.8",
            ours,
            batch_job(bare.step, BATCH, episodes),
            rounds,
        ),
        speed_row(
            "the same, against a bare loop whose noise torch draws",
            "",
            ours,
            batch_job(torch_bare.step, BATCH, episodes),
            rounds,
        ),
        speed_row(
            "1024 environments, against SyncVectorEnv of 64 by hand",
            ">= 60",
            ours,
            batch_job(sync.step, FEW, 1),
            rounds,
        ),
        speed_row(
            "Stable-Baselines3 face at 1024, against the native one",
            ">= 0.7",
            batch_job(sb3.step, BATCH, episodes),
            ours,
            rounds,
        ),
        speed_row(
            "one environment, against a minimal one by hand",
            ">= 0.25",
            single_job(LandscapeNavEnv(**ARGUMENTS), 10 * episodes),
            single_job(MinimalEnv(), 10 * episodes),
            rounds,
        ),
    ]
