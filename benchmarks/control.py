"""Seconds that solvers take, and the speed of environments that the optimal policy steps."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from gymnasium.vector import AutoresetMode

from baselines.timing import Row, in_turn, speed_row, spread, time_row
from landscape_gym.artifact import load_rule
from landscape_gym.control import (
    LinearQuadratic,
    LinearQuadraticPolicy,
    LQGPolicy,
    NoisyQuasiNewtonPolicy,
    diagonal_gain,
    optimum,
    riccati,
    solve_grid,
)
from landscape_gym.policy import DoNothing, Policy
from landscape_gym.registration import REGIMES
from landscape_gym.vector_env import LandscapeNavVectorEnv

BATCH = 1024
DIM = 200
COORDINATES = 1_000_000
POINTS = 2001
TOGETHER = 256
"""Rows that a belief is followed of at a time, where it is more than one."""


def control_rows(rounds: int) -> list[Row]:
    return [
        diagonal_row(rounds),
        riccati_row(rounds),
        grid_row(rounds),
        expected_cost_row(rounds),
        policy_row("noisy-gradient", rounds),
        policy_row("landscape-nav", rounds),
        belief_row(1, rounds),
        belief_row(TOGETHER, -(-rounds // 4)),
    ]


def diagonal_row(rounds: int) -> Row:
    h = np.geomspace(1e-3, 1e3, COORDINATES)
    what = f"optimum of {COORDINATES:,} coordinates that decouple"
    job = lambda: diagonal_gain(h, eta=1.0, k=1.0, gamma=0.1, dt=0.1)  # noqa: E731
    return time_row(what, "< 0.5 s", job, rounds, lambda _: "closed form")


def riccati_row(rounds: int) -> Row:
    rng = np.random.default_rng(0)
    root, F = rng.standard_normal((2, DIM, DIM)) / np.sqrt(DIM)
    lq = LinearQuadratic.of(root @ root.T, F=F, gamma=0.1, dt=0.1)
    what = f"Riccati equation, {DIM} dimensions, dense"
    figures = lambda solution: f"relative residual {solution.residual:.0e}"  # noqa: E731
    return time_row(what, "< 10 s", lambda: riccati(lq), rounds, figures)


def grid_row(rounds: int) -> Row:
    problem = REGIMES["double-well"].problem
    what = f"double well on {POINTS} points, error estimated"
    figures = lambda solution: f"relative error {solution.residual:.0e}"  # noqa: E731
    return time_row(what, "< 5 s", lambda: solve_grid(problem, points=POINTS), rounds, figures)


def expected_cost_row(rounds: int) -> Row:
    problem = REGIMES["landscape-nav"].problem
    policy = optimum(problem).policy
    assert isinstance(policy, LinearQuadraticPolicy)
    what = "expected cost of landscape-nav's optimum, exactly"
    job = lambda: policy.expected_cost(problem.steps)  # noqa: E731
    return time_row(what, "", job, rounds, lambda cost: f"{cost:.6f} over {problem.steps} steps")


def policy_row(name: str, rounds: int) -> Row:
    """Environments and policy together, against the same environments left alone."""
    policy = LQGPolicy(REGIMES[name].problem)
    alone = DoNothing(policy.problem.control_dim)
    return speed_row(
        f"1024 {name} environments under LQG, against them alone",
        ">= 0.33",
        episode_job(environments(name, policy), policy),
        episode_job(environments(name, policy), alone),
        rounds,
    )


def belief_row(rows: int, rounds: int) -> Row:
    """A step of the shipped rule in the frame of a belief, against one of the derived filter."""
    problem = REGIMES["landscape-nav"].problem
    rule, derived = load_rule("landscape-nav"), NoisyQuasiNewtonPolicy(problem, "displacement")
    jobs = (acting_job(policy, rows) for policy in (rule, derived))
    ours, theirs = in_turn(*jobs, rounds=rounds, clock=time.process_time)
    each = 1e6 / (problem.steps * rows)
    return Row(
        f"a learned rule on a belief, {rows} at a time: time against five rounds of the filter",
        spread(ours / theirs),
        "<= 0.2",
        f"{each * np.median(ours):.0f} against {each * np.median(theirs):.0f} us a step",
    )


def acting_job(policy: Policy, rows: int) -> Callable[[], None]:
    """What a policy does in one episode of landscape-nav, without the environments."""
    envs = environments("landscape-nav", policy, rows)
    observation, _ = envs.reset(seed=0)
    seen, memory = [], None
    for _ in range(envs.simulation.problem.steps):
        seen.append(observation.copy())
        action, memory = policy.predict(observation, memory)
        observation, *_ = envs.step(action)

    def job() -> None:
        memory = None
        for observation in seen:
            _, memory = policy.predict(observation, memory)

    return job


def environments(name: str, policy: Policy, rows: int = BATCH) -> LandscapeNavVectorEnv:
    """A regime's environments, with the channels and actions of the policy."""
    return LandscapeNavVectorEnv(
        rows,
        name,
        observation=policy.observation,
        action=policy.action,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )


def episode_job(envs: LandscapeNavVectorEnv, policy: Policy) -> tuple[Callable[[], None], int]:
    """One episode of all environments, with the resets at its end, and its environment steps."""
    steps = envs.simulation.problem.steps
    observation, _ = envs.reset(seed=0)
    memory, start = None, np.ones(BATCH, bool)

    def job() -> None:
        nonlocal observation, memory, start
        for _ in range(steps):
            action, memory = policy.predict(observation, memory, start)
            observation, _, terminated, truncated, _ = envs.step(action)
            start = terminated | truncated

    return job, steps * BATCH
