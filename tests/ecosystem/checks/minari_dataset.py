"""Minari: episodes are recorded, read back, and replayed in the environment of the data set."""

import gymnasium as gym
import minari
import numpy as np

import landscape_gym  # noqa: F401  (registers the ids)

ID = "LandscapeNav/LongHorizon-v0"
STEPS, EPISODES = 20, 3
CHANGES = {"gamma": 0.5, "episode_steps": STEPS}


def record() -> None:
    env = minari.DataCollector(gym.make(f"landscape_gym:{ID}", **CHANGES), record_infos=True)
    for seed in range(EPISODES):
        observation, _ = env.reset(seed=seed)
        for _ in range(STEPS):
            observation, *_ = env.step(np.clip(-0.1 * observation, -1, 1))
    env.create_dataset("landscape/gradient-descent-v0", ref_min_score=-10.0)


def check_data(dataset: minari.MinariDataset) -> None:
    np.testing.assert_equal(dataset.total_episodes, EPISODES)
    np.testing.assert_equal(dataset.total_steps, EPISODES * STEPS)
    for episode in dataset:
        np.testing.assert_equal(len(episode.observations), STEPS + 1)
        np.testing.assert_allclose(episode.actions, -0.1 * episode.observations[:-1], rtol=1e-6)
        np.testing.assert_array_equal(episode.truncations, [False] * (STEPS - 1) + [True])
        assert not episode.terminations.any(), "episodes are ended by time alone"
        np.testing.assert_equal(len(episode.infos["excess_loss"]), STEPS + 1)


def check_replay(dataset: minari.MinariDataset) -> None:
    env = dataset.recover_environment()
    np.testing.assert_equal(env.unwrapped.problem.gamma, CHANGES["gamma"])
    for seed, episode in enumerate(dataset):
        observation, _ = env.reset(seed=seed)
        for step, action in enumerate(episode.actions):
            np.testing.assert_array_equal(observation, episode.observations[step])
            observation, reward, *_ = env.step(action)
            np.testing.assert_allclose(reward, episode.rewards[step], rtol=1e-12)


def main() -> None:
    record()
    dataset = minari.load_dataset("landscape/gradient-descent-v0")
    check_data(dataset)
    check_replay(dataset)
    print(f"{dataset.total_episodes} episodes, {dataset.total_steps} steps")


if __name__ == "__main__":
    main()
