"""Policies compared on the same episodes: cost ratios to the optimum and regret, with intervals.

Every policy meets the same instances, starts, noise and switches (common random numbers), because
a row draws from its own generator only. With J the mean discounted cost,

    ratio   J / J*                          J*: the optimum
    regret  (J - J*) / (J_null - J*)        J_null: doing nothing, u = 0

Where no optimum is known, J* is the floor 0: a learner that is at the minimum all the time, for
nothing. The ratio is then left out, and regret is a fraction of the cost of doing nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from landscape_gym.configuration import one_of
from landscape_gym.episodes import act_by, moments
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import DoNothing, Policy, knows_more
from landscape_gym.problem import NavigationProblem
from landscape_gym.simulation import Simulation

CONFIDENCE = 0.95
RESAMPLES = 2000
DO_NOTHING = "do nothing"
HEAD = ("policy", "cost J", "J / J*", "regret", "final excess loss", "diverged")
"""Of a table for the eye."""
RISEN = 2.0
"""How many times its lowest a mean loss is at the end that counts as risen again."""
NOTICEABLE = 0.05
"""And by how much of the loss of doing nothing at the least."""
STAR = "* sees what a learner cannot see"


@dataclass(frozen=True)
class Rollout:
    """Episodes of one policy, one per row."""

    cost: Array
    """Discounted cost of each episode, (episodes,)."""
    excess: Array
    """Loss above the minimum (or loss, where that is unknown) after each step, (steps + 1,
    episodes); it stays at its last value when an episode diverges."""
    path: Array | None
    """Parameters after each step, (steps + 1, kept episodes, dim), if they were asked for."""
    diverged: int
    """How many episodes diverged."""
    minimum_loss: float
    """Mean loss at the minimum as the episodes began; 0 where it is unknown."""
    privileged: bool = False
    """Whether the policy saw, or knew, what a learner cannot see."""
    lasted: Array | None = None
    """Steps until an episode diverged, inf where it did not, (episodes,); None if not noted."""
    paid: Array | None = None
    """Mean discounted cost of what lies behind after each step, (steps + 1,); None if not noted."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval, by a bootstrap that resamples episodes."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """As in a table."""
        return f"{figure(self.value)} [{figure(self.low)}, {figure(self.high)}]"


def figure(x: float) -> str:
    """Four decimals, or three digits where more would pretend to be exact."""
    return f"{x:.4f}" if abs(x) < 100 else f"{x:.3g}"


@dataclass(frozen=True)
class Result:
    """How one policy did."""

    name: str
    privileged: bool
    """Whether it saw what a learner cannot see."""
    cost: float
    """Mean discounted cost J."""
    ratio: Estimate | None
    """J / J*, where the optimum is known."""
    regret: Estimate
    """Regret fraction."""
    final_excess: float
    """Mean loss above the minimum at the end."""
    diverged: int
    """How many episodes diverged."""
    lowest_excess: float | None = None
    """The least that the mean loss above the minimum was after any step; None if not noted."""

    @property
    def row(self) -> tuple[str, ...]:
        """In a table for the eye, below `HEAD`; privileged policies are marked with a star."""
        return (
            self.name + (" *" if self.privileged else ""),
            f"{self.cost:.5g}",
            str(self.ratio or ""),
            str(self.regret),
            f"{self.final_excess:.3g}",
            str(self.diverged or ""),
        )

    def row_of(self, episodes: int) -> tuple[str, ...]:
        """The row where it is said of how many episodes none diverged, or some."""
        return (*self.row[:-1], f"{self.diverged} of {episodes}")


@dataclass(frozen=True)
class Comparison:
    """How several policies did on the same episodes."""

    results: tuple[Result, ...]
    episodes: int
    steps: int
    reference: str | None
    """Name of the optimum; None where the floor 0 stands for it."""
    minimum_loss: float
    """Mean loss at the minimum; 0 where the minimum is unknown."""

    def __getitem__(self, name: str) -> Result:
        """The result of the policy of that name."""
        return next(result for result in self.results if result.name == name)

    @property
    def rising(self) -> list[Result]:
        """Policies whose loss falls and rises again, though it would not rise by itself.

        That is, the mean loss above the minimum ends at more than `RISEN` times its own lowest, by
        `NOTICEABLE` of what doing nothing leaves. Policies that diverge are counted as such.
        """
        still = next((r for r in self.results if r.name == DO_NOTHING), None)
        if still is None or still.lowest_excess is None:
            return []
        if still.final_excess > RISEN * still.lowest_excess:  # it rises by itself
            return []
        least = NOTICEABLE * still.lowest_excess
        return [
            r
            for r in self.results
            if r.lowest_excess is not None
            and not r.diverged
            and r.final_excess > max(RISEN * r.lowest_excess, r.lowest_excess + least)
        ]

    def table(self) -> str:
        """As text, a line for each policy, and for each whose loss rises again."""
        rows = [result.row_of(self.episodes) for result in self.results]
        if self.reference is None:
            rows.append(("floor: the minimum, for free *", "0", "", "0", "0", ""))
        widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (HEAD, ["-" * width for width in widths], *rows)
        ]
        rising = (
            f"{r.name}: its loss rises again, from {r.lowest_excess:.3g} above the minimum at its "
            f"lowest to {r.final_excess:.3g} at the end."
            for r in self.rising
        )
        return "\n".join([*lines, STAR, *rising])


def rollout(
    problem: NavigationProblem,
    policy: Policy,
    *,
    episodes: int,
    seed: int | Array,
    keep_paths: int = 0,
) -> Rollout:
    """Run a policy for one episode in each of `episodes` rows.

    Args:
        problem: What is navigated, for its horizon or ``episode_steps``.
        policy: What acts, deterministically.
        episodes: Number of episodes, in one batch.
        seed: Row i is seeded with seed + i; or one seed for each row, (episodes,).
        keep_paths: Of how many episodes to keep the parameters.
    """
    simulation = Simulation.begun(
        seed + np.arange(episodes) if np.ndim(seed) == 0 else seed,
        problem=problem,
        observation=policy.observation,
        action=policy.action,
    )
    fresh = simulation.state
    minimum_loss = float(fresh.minimum_loss.mean())
    cost, lasted = np.zeros(episodes), np.full(episodes, np.inf)
    excess, path, paid = [fresh.loss - fresh.minimum_loss], [], []
    for step, outcome, still, _, diverged in moments(simulation, act_by(policy, simulation)):
        if outcome is not None:
            cost += np.where(still, 0.0, problem.discount ** (step - 1) * outcome.cost)
            excess.append(np.where(still, excess[-1], outcome.excess))
        path.append(simulation.state.theta[:keep_paths].copy())
        paid.append(cost.mean())
        lasted[diverged & np.isinf(lasted)] = step
    return Rollout(
        cost=cost,
        excess=np.stack(excess),
        path=np.stack(path) if keep_paths else None,
        diverged=int(np.isfinite(lasted).sum()),
        minimum_loss=minimum_loss,
        privileged=knows_more(policy),
        lasted=lasted,
        paid=np.array(paid),
    )


def compare(
    problem: NavigationProblem,
    policies: Mapping[str, Policy],
    *,
    episodes: int = 256,
    seed: int = 1_000_000,
    optimum: str | None = None,
) -> Comparison:
    """Run policies on the same episodes, with doing nothing among them.

    Args:
        problem: What is navigated.
        policies: By name, in the order of the table.
        episodes: Number of episodes.
        seed: Row i is seeded with seed + i; keep it away from the seeds of training.
        optimum: Name of the policy to measure the others by; None where the optimum is not known.

    Raises:
        ValueError: if `optimum` is not among the policies.

    Example:
        >>> from landscape_gym.control import optimum
        >>> from landscape_gym.policy import RulePolicy
        >>> from landscape_gym.rules import GradientDescent
        >>> problem = NavigationProblem(landscape={"kind": "quadratic", "curvature": (1 / 9, 1.0)})
        >>> rules = {
        ...     "descent": RulePolicy(GradientDescent(1.0)),
        ...     "optimum": optimum(problem).policy,
        ... }
        >>> compare(problem, rules, episodes=32, optimum="optimum")["descent"].ratio.value > 1
        True
    """
    if optimum is not None:
        one_of("the policy of the optimum", optimum, policies)
    runs = {
        name: rollout(problem, policy, episodes=episodes, seed=seed)
        for name, policy in with_nothing(problem, policies).items()
    }
    return judge(problem, runs, optimum=optimum)


def with_nothing(problem: NavigationProblem, policies: Mapping[str, Policy]) -> dict[str, Policy]:
    """The policies, and before them doing nothing, from which regret is measured."""
    return {DO_NOTHING: DoNothing(problem.control_dim), **policies}


def judge(
    problem: NavigationProblem, runs: Mapping[str, Rollout], *, optimum: str | None = None
) -> Comparison:
    """Compare policies by their episodes; `compare` runs them first.

    Args:
        problem: What was navigated.
        runs: By name, in the order of the table, on the same episodes; doing nothing
            (`DO_NOTHING`) is one of them, see `with_nothing`.
        optimum: Name of the policy to measure the others by; None where the optimum is not known.
    """
    null = runs[DO_NOTHING]
    best = np.zeros_like(null.cost) if optimum is None else runs[optimum].cost
    results = tuple(
        Result(
            name=name,
            privileged=run.privileged,
            cost=float(run.cost.mean()),
            ratio=None if optimum is None else _estimate(_ratio, run.cost, best),
            regret=_estimate(_regret, run.cost, best, null.cost),
            final_excess=float(run.excess[-1].mean()),
            diverged=run.diverged,
            lowest_excess=float(run.excess.mean(axis=1).min()),
        )
        for name, run in runs.items()
    )
    return Comparison(results, len(null.cost), problem.steps, optimum, null.minimum_loss)


def _ratio(cost: Array, best: Array, axis: int = -1) -> Array:
    return cost.mean(axis) / best.mean(axis)


def _regret(cost: Array, best: Array, null: Array, axis: int = -1) -> Array:
    best_mean = best.mean(axis)
    return (cost.mean(axis) - best_mean) / (null.mean(axis) - best_mean)


def _estimate(statistic: Callable[..., Array], *samples: Array) -> Estimate:
    value = float(statistic(*samples))
    if len(samples[0]) < 2:
        return Estimate(value, float("nan"), float("nan"))
    interval = bootstrap(
        samples,
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high))
