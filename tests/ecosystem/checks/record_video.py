"""Gymnasium's RecordVideo: the film of an episode, read back."""

from itertools import pairwise
from pathlib import Path

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import RecordVideo
from moviepy import VideoFileClip

import landscape_gym  # noqa: F401  (registers the ids)

STEPS = 12


def main() -> None:
    env = gym.make("LandscapeNav/LongHorizon-v0", render_mode="rgb_array", episode_steps=STEPS)
    env = RecordVideo(env, "videos", episode_trigger=lambda episode: True, disable_logger=True)
    observation, _ = env.reset(seed=0)
    ended = False
    while not ended:
        observation, _, terminated, truncated, _ = env.step(-0.1 * observation)
        ended = terminated or truncated
    shape = env.render().shape
    env.close()

    (film,) = Path("videos").glob("*.mp4")
    with VideoFileClip(str(film)) as clip:
        frames = [frame.astype(int) for frame in clip.iter_frames()]
    assert len(frames) == STEPS + 1, f"{len(frames)} frames of {STEPS} steps"
    assert frames[0].shape == shape, f"frames of {frames[0].shape}, pictures of {shape}"
    changed = [np.abs(a - b).max() for a, b in pairwise(frames)]
    assert min(changed) > 50, "a frame shows what the one before showed"
    print(f"{len(frames)} frames of {shape[1]} x {shape[0]}")


if __name__ == "__main__":
    main()
