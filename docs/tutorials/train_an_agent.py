"""Train an agent and read its rule: what PPO learns is a law that can be written down."""

from pathlib import Path

from agents import RunConfig, run
from landscape_gym import REGIMES, load_rule
from landscape_gym.control import optimum
from landscape_gym.readout import read_rule, side_by_side

# [train]
config = RunConfig(
    regime="long-horizon",
    settings='{"timesteps": 100000}',  # the preset takes 3 million
    episodes=64,
    out=Path("run"),
    progress=False,
)
print(run(config).report)

# [read]
problem = REGIMES["long-horizon"].problem
learned = read_rule(problem, load_rule("run/rule.safetensors"), ["gradient"])
theory = read_rule(problem, optimum(problem).policy, ["gradient"])
print(side_by_side(learned, theory))
