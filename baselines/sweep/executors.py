"""Where cells are computed: in this process, in processes of this machine, or on a Ray cluster.

An executor calls a function on each of some items and gives what it returns as it comes, in any
order. The function has to be importable by name where it is called, and does not raise; but the
process that it runs in may be ended, by the system when memory runs out. Such an item is tried once
more, alone, and if that ends its process, too, `Lost` is given for it.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from landscape_gym.configuration import one_of
from landscape_gym.extras import EXTRAS

ENDED = "its process was ended twice, by the system when memory ran out, or by somebody"
IN_FLIGHT = 4
"""Cells per worker that are with Ray at a time; the others wait here, as a cluster's memory is no
place for a hundred thousand."""


@dataclass(frozen=True)
class Lost:
    """What is given in place of a result that no process lived to give."""

    item: Any
    why: str
    """A sentence."""


class Executor(Protocol):
    """Calls a function on items, and gives what it returns as it comes."""

    def __call__(
        self, function: Callable[[Any], Any], items: Sequence[Any], workers: int
    ) -> Iterator[Any]:
        """Results in any order; `Lost` where there is none.

        Raises:
            OSError: if nothing can be computed any more, with what to do.
        """
        ...


def serial(function: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """One after the other, here."""
    yield from map(function, items)


def processes(function: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """In worker processes of this machine, by joblib; each computes on one thread.

    When one of them is ended, joblib gives up all that were at work, whoever's fault it was.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = dict(enumerate(items))
    while left:
        begun: list[int] = []
        try:
            for number, result in _in_processes(function, _noted(left, begun), workers):
                del left[number]
                yield result
        except TerminatedWorkerError:
            for number in [number for number in begun if number in left]:
                yield _alone(function, left.pop(number))


def _noted(left: dict[int, Any], begun: list[int]) -> Iterator[tuple[int, Any]]:
    """What is left, by numbers; those that have been asked for are noted."""
    for number in list(left):
        begun.append(number)
        yield number, left[number]


def _in_processes(
    function: Callable[[Any], Any], numbered: Iterable[tuple[int, Any]], workers: int
) -> Iterator[tuple[int, Any]]:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", inner_max_num_threads=1):
        parallel: Any = Parallel(workers, return_as="generator_unordered", pre_dispatch="2*n_jobs")
        yield from parallel(
            delayed(_with_number)(function, number, item) for number, item in numbered
        )


def _with_number(function: Callable[[Any], Any], number: int, item: Any) -> tuple[int, Any]:
    return number, function(item)


def _alone(function: Callable[[Any], Any], item: Any) -> Any:
    """The result of one item with no other at work, or `Lost`."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        ((_, result),) = _in_processes(
            function, [(0, item)], workers=2
        )  # one would be this process
    except TerminatedWorkerError:
        return Lost(item, ENDED)
    return result


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
        yield from _on_ray(ray, function, items, workers)
    except ray.exceptions.RayError as error:
        raise ConnectionError(
            f"the Ray cluster has gone ({str(error).strip().splitlines()[0]}): start it again."
        ) from error
    finally:
        if ours:
            ray.shutdown()


def _on_ray(
    ray: Any, function: Callable[[Any], Any], items: Sequence[Any], workers: int
) -> Iterator[Any]:
    """Results of tasks, of which so many are with Ray at a time; it tries them again by itself."""
    task = ray.remote(_called)
    room = IN_FLIGHT * max(workers, int(ray.cluster_resources().get("CPU", 1)))
    waiting, running = iter(items), {}
    while True:
        for item in waiting:
            running[task.remote(function, item)] = item
            if len(running) >= room:
                break
        if not running:
            return
        for done in ray.wait(list(running))[0]:
            item = running.pop(done)
            try:
                yield ray.get(done)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                yield Lost(item, ENDED)


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
