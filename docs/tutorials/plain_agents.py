"""Train with Stable-Baselines3 alone: an agent of its own, judged by what is optimal."""

import gymnasium as gym
from stable_baselines3 import PPO

from landscape_gym import REGIMES
from landscape_gym.control import optimum
from landscape_gym.evaluation import compare
from landscape_gym.policy import RulePolicy
from landscape_gym.rules import Momentum
from landscape_gym.sb3 import AgentPolicy, LandscapeNavVecEnv
from landscape_gym.testing import assert_near_optimum

# [train]
env = gym.make("LandscapeNav-v0")
agent = PPO("MlpPolicy", env, n_steps=512, seed=0, device="cpu").learn(2048)

# [judge]
regime = REGIMES["landscape-nav"]
policies = {
    "momentum": RulePolicy(Momentum.derive(regime.problem)),
    "PPO": AgentPolicy(agent, regime.observation, regime.action),
    "optimum": optimum(regime.problem).policy,
}
print(compare(regime.problem, policies, episodes=64, optimum="optimum").table())

# [batch]
env = LandscapeNavVecEnv(128, "long-horizon")
fit = {"gamma": env.discount, "n_steps": 32, "batch_size": 512, "learning_rate": 3e-3}
agent = PPO("MlpPolicy", env, **fit, policy_kwargs={"log_std_init": -2.0}, seed=0, device="cpu")
result = assert_near_optimum(agent.learn(80_000), "long-horizon", ratio=2.0)
print(f"J / J* = {result.ratio}")
