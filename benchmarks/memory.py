"""Peak of allocated memory by environments and dimension, each size in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.timing import Row

SIZES = ((8, 10_000), (8, 100_000), (80, 100_000), (8, 1_000_000))
SCRIPT = """
import time, tracemalloc
import numpy as np
from landscape_gym import LandscapeNavVectorEnv
envs, dim = {envs}, {dim}
tracemalloc.start()
landscape = dict(kind="quadratic", dim=dim, curvature="power_law")
env = LandscapeNavVectorEnv(envs, problem=dict(landscape=landscape), observation="gradient")
env.reset(seed=0)
action = np.full((envs, dim), 0.1, np.float32)
start = time.perf_counter()
for _ in range(5):
    observation = env.step(action)[0]
assert np.isfinite(observation).all()
took = (time.perf_counter() - start) / 5
print(tracemalloc.get_traced_memory()[1], took)
"""


def memory_rows() -> list[Row]:
    rows = []
    for envs, dim in SIZES:
        script = SCRIPT.format(envs=envs, dim=dim)
        run = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        peak, took = (float(word) for word in run.stdout.split())
        rows.append(
            Row(
                f"memory of {envs} diagonal quadratics in {dim:,} dimensions",
                f"{peak / (envs * dim):.0f} bytes per environment and dimension",
                "linear",
                f"{peak / 2**20:,.0f} MiB, {took:.3f} s a step",
            )
        )
    return rows
