"""Peak memory by environments and dimension, each size in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from baselines.timing import Row

SIZES = ((8, 10_000), (8, 100_000), (80, 100_000), (8, 1_000_000))
STEPS = 5
# The peak is the process's own: after exec, getrusage's ru_maxrss still holds that of the parent,
# which has trained agents. A small environment first, so that imports are not counted.
SCRIPT = """
import resource, sys, time
import numpy as np
from landscape_gym import LandscapeNavVectorEnv

def peak():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def measure(envs, dim):
    landscape = dict(kind="quadratic", dim=dim, curvature="power_law")
    env = LandscapeNavVectorEnv(envs, problem=dict(landscape=landscape), observation="gradient")
    env.reset(seed=0)
    action = np.full((envs, dim), 0.1, np.float32)
    start = time.perf_counter()
    for _ in range({steps}):
        observation = env.step(action)[0]
    assert np.isfinite(observation).all()
    return (time.perf_counter() - start) / {steps}

measure({envs}, 10)
before = peak()
took = measure({envs}, {dim})
print(peak() - before, took)
"""


def memory_rows() -> list[Row]:
    return [memory_row(envs, dim) for envs, dim in SIZES]


def memory_row(envs: int, dim: int) -> Row:
    script = SCRIPT.format(envs=envs, dim=dim, steps=STEPS)
    run = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    increase, took = (float(word) for word in run.stdout.split())
    return Row(
        f"memory of {envs} diagonal quadratics in {dim:,} dimensions",
        f"{increase / (envs * dim):.0f} bytes per environment and dimension",
        "linear",
        f"{increase / 2**20:,.1f} MiB, {took:.4f} s a step",
    )
