"""What recordings have to be: the very bits of the environment that they name."""

from typing import Any

import gymnasium as gym
import numpy as np


def assert_replayed(env: gym.Env, episode: Any, seed: int) -> None:
    """An environment that is reset with the seed and driven by the actions gives the same bits."""
    seen, info = env.reset(seed=seed)
    told, ends = [info], []
    np.testing.assert_array_equal(seen, episode.observations[0], strict=True)
    for t, action in enumerate(episode.actions):
        seen, reward, terminated, truncated, info = env.step(action)
        np.testing.assert_array_equal(seen, episode.observations[t + 1], strict=True)
        assert reward == episode.rewards[t]
        told.append(info)
        ends.append((terminated, truncated))
    assert not any(any(end) for end in ends[:-1])
    assert sum(ends[-1]) == 1
    for name, values in episode.infos.items():
        if name == "hidden":
            for part, hidden in values.items():
                np.testing.assert_array_equal(hidden, [i["hidden"][part] for i in told])
        else:
            np.testing.assert_array_equal(values, [i[name] for i in told])
