"""Gymnasium's checker and wrappers, on one environment and on a batch."""

import warnings

import gymnasium as gym
import numpy as np
from gymnasium import wrappers
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import vector

import landscape_gym

ID = "LandscapeNav-v0"
STEPS, ROWS = 4, 3
SIZE = gym.make(ID).action_space.shape[0]


def single(**changes):
    return gym.make(ID, **{"episode_steps": STEPS, **changes})


def batch(mode: str = "next_step", **changes):
    return gym.make_vec(
        ID,
        num_envs=ROWS,
        vectorization_mode="vector_entry_point",
        **{"episode_steps": STEPS, "autoreset_mode": mode, **changes},
    )


def every_regime_passes_the_checker() -> None:
    regimes = landscape_gym.REGIMES.values()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for regime in regimes:
            check_env(gym.make(regime.id).unwrapped, skip_render_check=True)


def statistics_of_an_episode_are_its_rewards() -> None:
    env = wrappers.RecordEpisodeStatistics(single())
    env.reset(seed=0)
    env.action_space.seed(0)
    steps = [env.step(env.action_space.sample()) for _ in range(STEPS)]
    episode = steps[-1][-1]["episode"]
    np.testing.assert_allclose(episode["r"], sum(step[1] for step in steps), rtol=1e-6)
    np.testing.assert_equal(episode["l"], STEPS)


def statistics_of_a_batch_are_its_rewards(mode: str) -> None:
    envs = vector.RecordEpisodeStatistics(batch(mode))
    envs.reset(seed=0)
    steps = [envs.step(np.full((ROWS, SIZE), 0.1)) for _ in range(STEPS)]
    assert steps[-1][3].all(), "episodes are truncated in their last step"
    info = steps[-1][-1]
    episode = {**info, **info.get("final_info", {})}["episode"]
    np.testing.assert_allclose(episode["r"], sum(step[1] for step in steps), rtol=1e-6)
    np.testing.assert_array_equal(episode["l"], STEPS)


def normalised_observations_have_a_mean_of_zero_and_a_spread_of_one() -> None:
    env = wrappers.NormalizeObservation(single(episode_steps=400))
    env.reset(seed=0)
    seen = np.stack([env.step(np.zeros(SIZE))[0] for _ in range(400)])
    gradients = seen[200:, :SIZE]  # noisy around one value, while nothing is done
    np.testing.assert_allclose(gradients.mean(0), 0.0, atol=0.5)
    np.testing.assert_allclose(gradients.std(0), 1.0, atol=0.5)


def normalised_observations_of_a_batch_stay_in_range() -> None:
    envs = vector.NormalizeObservation(batch(episode_steps=50))
    envs.reset(seed=0)
    seen = np.stack([envs.step(np.full((ROWS, SIZE), 0.1))[0] for _ in range(120)])
    assert np.isfinite(seen).all(), "an observation is not finite"
    assert 0.5 < np.abs(seen).max() < 20, f"observations reach {np.abs(seen).max():.3g}"


def rewards_are_clipped() -> None:
    env = wrappers.ClipReward(single(), -1.0, 0.0)
    envs = vector.ClipReward(batch(), -1.0, 0.0)
    env.reset(seed=0)
    envs.reset(seed=0)
    np.testing.assert_equal(env.step(np.ones(SIZE))[1], -1.0)
    np.testing.assert_array_equal(envs.step(np.ones((ROWS, SIZE)))[1], -1.0)


def normalised_rewards_are_smaller() -> None:
    plain, scaled = single(episode_steps=50), wrappers.NormalizeReward(single(episode_steps=50))
    plain.reset(seed=0)
    scaled.reset(seed=0)
    rewards = [(plain.step(np.ones(SIZE))[1], scaled.step(np.ones(SIZE))[1]) for _ in range(50)]
    raw, normalised = np.abs(rewards[10:]).T  # by then there is a spread to divide by
    assert normalised.max() < 2 < 15 < raw.min(), "rewards of 15 and more become about 1"


def a_time_limit_truncates() -> None:
    env = wrappers.TimeLimit(single(episode_steps=50), 3)
    env.reset(seed=0)
    steps = [env.step(np.zeros(SIZE)) for _ in range(3)]
    np.testing.assert_array_equal([step[3] for step in steps], [False, False, True])
    assert not any(step[2] for step in steps), "a time limit is no terminal state"


def stacked_frames_are_the_last_observations() -> None:
    plain, stacked = single(), wrappers.FrameStackObservation(single(), 3)
    frames = [plain.reset(seed=0)[0]]
    stacked.reset(seed=0)
    for _ in range(3):
        frames.append(plain.step(np.full(SIZE, 0.1))[0])
        seen = stacked.step(np.full(SIZE, 0.1))[0]
    np.testing.assert_array_equal(seen, frames[-3:])


def single_environments_give_what_the_native_batch_gives(mode: str) -> None:
    envs = [gym.vector.SyncVectorEnv([single] * ROWS, autoreset_mode=mode), batch(mode)]
    results = [[each.reset(seed=0)[0] for each in envs]]
    for _ in range(2 * STEPS + 3):  # through two ends of episodes
        stepped = [each.step(np.full((ROWS, SIZE), 0.1, np.float32)) for each in envs]
        results += [[step[part] for step in stepped] for part in range(4)]
        infos = [step[4] for step in stepped]
        if "final_obs" in infos[0]:
            results.append([np.stack(info["final_obs"]) for info in infos])
            results.append([info["final_info"]["loss"] for info in infos])
    for ours, theirs in results:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def main() -> None:
    checks = (
        every_regime_passes_the_checker,
        statistics_of_an_episode_are_its_rewards,
        lambda: statistics_of_a_batch_are_its_rewards("next_step"),
        lambda: statistics_of_a_batch_are_its_rewards("same_step"),
        normalised_observations_have_a_mean_of_zero_and_a_spread_of_one,
        normalised_observations_of_a_batch_stay_in_range,
        rewards_are_clipped,
        normalised_rewards_are_smaller,
        a_time_limit_truncates,
        stacked_frames_are_the_last_observations,
        lambda: single_environments_give_what_the_native_batch_gives("NextStep"),
        lambda: single_environments_give_what_the_native_batch_gives("SameStep"),
    )
    for check in checks:
        check()
    print(f"{len(checks)} checks, {len(landscape_gym.REGIMES)} regimes")


if __name__ == "__main__":
    main()
