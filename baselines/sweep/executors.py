"""Where cells are computed: in this process, in processes of this machine, or on a Ray cluster.

An executor calls a function on each of some items and gives what it returns as it comes, in any
order. The function has to be importable by name where it is called, and does not raise.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from landscape_gym.configuration import one_of
from landscape_gym.extras import EXTRAS

IN_FLIGHT = 4
"""Cells per worker that are with Ray at a time; the others wait here, as a cluster's memory is no
place for a hundred thousand."""


class Executor(Protocol):
    """Calls a function on items, and gives what it returns as it comes."""

    def __call__(
        self, function: Callable[[Any], Any], items: Sequence[Any], workers: int
    ) -> Iterator[Any]:
        """Results in any order."""
        ...


def serial(function: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """One after the other, here."""
    yield from map(function, items)


def processes(function: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """In worker processes of this machine, by joblib; each computes on one thread."""
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", inner_max_num_threads=1):
        yield from Parallel(workers, return_as="generator_unordered", pre_dispatch="2*n_jobs")(
            delayed(function)(item) for item in items
        )


def ray_tasks(function: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """As Ray tasks: on the cluster at RAY_ADDRESS, or one of this machine's `workers` cores.

    The checkout's packages travel to a cluster; what they import has to be installed there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray  # pyright: ignore[reportMissingImports] # of an extra

    cluster = os.environ.get("RAY_ADDRESS")
    ours = not ray.is_initialized()
    if ours:
        environment: dict[str, Any] = {"env_vars": {"OMP_NUM_THREADS": "1"}}
        if cluster:
            names = ("landscape_gym", "baselines", "benchmarks", "agents")
            environment["py_modules"] = [importlib.import_module(name) for name in names]
        ray.init(
            address=cluster,
            num_cpus=None if cluster else workers,
            include_dashboard=None if cluster else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=environment,
        )
    try:
        task = ray.remote(_called)
        room = IN_FLIGHT * max(workers, int(ray.cluster_resources().get("CPU", 1)))
        waiting, running = iter(items), set()
        while True:
            for item in waiting:
                running.add(task.remote(function, item))
                if len(running) >= room:
                    break
            if not running:
                return
            done, _ = ray.wait(list(running))
            running.difference_update(done)
            yield from ray.get(done)
    finally:
        if ours:
            ray.shutdown()


def _called(function: Callable[[Any], Any], item: Any) -> Any:
    """Ray wants a plain function."""
    return function(item)


EXECUTORS: dict[str, Executor] = {"serial": serial, "joblib": processes, "ray": ray_tasks}
"""By name, which is that of the package, if one is needed."""


@dataclass(frozen=True)
class Workers:
    """Which executor, and how many at a time."""

    executor: str = "serial"
    """Name in `EXECUTORS`."""
    count: int = 2
    """Processes; a cluster has as many as it has cores."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for a name that is not known, or fewer than one.
        """
        one_of("executor", self.executor, EXECUTORS)
        if self.count < 1:
            raise ValueError(f"--workers is at least 1, got {self.count}.")

    def check(self) -> None:
        """See that the executor's package is there, before anything is written.

        Raises:
            ImportError: if it is not, naming the extra that installs it.
        """
        if self.executor not in EXTRAS:
            return
        try:
            importlib.import_module(self.executor)
        except ModuleNotFoundError as error:
            raise ImportError(
                f"the executor {self.executor!r} needs its package: pip install "
                f"'landscape-gym[{EXTRAS[self.executor]}]', or take --executor serial."
            ) from error

    def results(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """What the function returns for each item, as it comes."""
        yield from EXECUTORS[self.executor](function, items, self.count)
