"""Stable-Baselines3: its checker, and PPO on the batched environment."""

import warnings

import gymnasium as gym
from held_out import ID, cost, report
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import VecMonitor

from landscape_gym.sb3 import LandscapeNavVecEnv


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(ID).unwrapped)
    envs = VecMonitor(LandscapeNavVecEnv(128, "long-horizon"))
    agent = PPO(
        "MlpPolicy",
        envs,
        gamma=envs.get_attr("discount")[0],
        n_steps=50,
        batch_size=1600,
        n_epochs=4,
        learning_rate=2e-3,
        policy_kwargs={"log_std_init": -2.0},  # the control is 4 times the action: explore little
        seed=0,
        device="cpu",
    )

    def act(observation):
        return agent.predict(observation, deterministic=True)[0]

    untrained = cost(act)
    agent.learn(200_000)
    report(untrained, cost(act))


if __name__ == "__main__":
    main()
