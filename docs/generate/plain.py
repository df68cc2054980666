"""Write the table of docs/tutorials/plain-agents.md: ``python -m docs.generate.plain``.

Agents with every default of Stable-Baselines3, trained for as long as one would try, and judged on
fresh episodes. That takes ten minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from baselines.pages import ROOT, machine, markdown, source, write_between_markers
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import gymnasium as gym
    import torch
    from stable_baselines3 import PPO

    from agents.judge import Options
    from landscape_gym.control import optimum
    from landscape_gym.evaluation import Result, compare
    from landscape_gym.policy import RulePolicy
    from landscape_gym.registration import REGIMES
    from landscape_gym.rules import Momentum
    from landscape_gym.sb3 import AgentPolicy, LandscapeNavVecEnv

PAGE = ROOT / "docs" / "tutorials" / "plain-agents.md"
COMMAND = "python -m docs.generate.plain"
NAME = "plain"
"""Of the table's markers."""
REGIME = REGIMES["landscape-nav"]
ENVIRONMENTS: dict[str, tuple[Callable[[], Any], range]] = {
    f'gym.make("{REGIME.id}")': (lambda: gym.make(REGIME.id), range(1)),
    "LandscapeNavVecEnv(16)": (lambda: LandscapeNavVecEnv(16), range(2)),
}
"""By how they are made, and seeds of agents: the former take five minutes each."""
STEPS = 120_000
"""That are asked for; the last rollout is not cut."""
EPISODES = 1024
HEAD = ("agent", "trained on", "regret, worst of seeds", "J / J*", "CPU s a seed")


def judged(policy: Any) -> Result:
    """How a policy does in the episodes of `agents.judge`."""
    policies = {"judged": policy, "optimum": optimum(REGIME.problem).policy}
    return compare(
        REGIME.problem,
        policies,
        episodes=EPISODES,
        seed=Options.first_seed,
        optimum="optimum",
    )["judged"]


def trained(make: Callable[[], Any], seed: int, steps: int) -> tuple[Any, float]:
    """An agent with every default, and the processor time that it took."""
    begun = time.process_time()
    agent = PPO("MlpPolicy", make(), seed=seed, device="cpu").learn(steps)
    return agent, time.process_time() - begun


def table(steps: int = STEPS) -> str:
    """A row for each environment, and momentum's."""
    momentum = judged(RulePolicy(Momentum.derive(REGIME.problem)))
    rows = []
    for name, (make, seeds) in ENVIRONMENTS.items():
        runs = [trained(make, seed, steps) for seed in seeds]
        results = [
            judged(AgentPolicy(agent, REGIME.observation, REGIME.action)) for agent, _ in runs
        ]
        worst = max(results, key=lambda result: result.regret.value)
        each = ", ".join(f"{result.regret.value:.3f}" for result in results)
        regret = f"{worst.regret.value:.3f}" + (f" ({each})" if len(results) > 1 else "")
        seconds = sum(took for _, took in runs) / len(runs)
        taken = runs[0][0].num_timesteps
        rows.append(
            (
                f'`PPO("MlpPolicy", env)`, `env = {name}`',
                f"{taken:,} steps",
                regret,
                _ratio(worst),
                f"{seconds:.0f}",
            )
        )
    rows.append(("momentum, derived", "", f"{momentum.regret.value:.3f}", _ratio(momentum), ""))
    return markdown(HEAD, rows)


def _ratio(result: Result) -> str:
    return "" if result.ratio is None else f"{result.ratio.value:.2f}"


@program(COMMAND, "The page is as it was.")
def main() -> None:
    """Train, judge, and write the table."""
    write_between_markers(PAGE, {NAME: ""}, check_only=True)
    torch.set_num_threads(1)
    said = f"{source(COMMAND)}; {machine()}. {EPISODES} episodes from seed {Options.first_seed}."
    write_between_markers(PAGE, {NAME: f"{said}\n\n{table()}"})


if __name__ == "__main__":
    sys.exit(main())
