"""PufferLib: its emulation and vectors, to the same numbers, and PPO in one file on them."""

from __future__ import annotations

from functools import partial

import gymnasium as gym
import numpy as np
import pufferlib.vector
import torch
from held_out import ID, cost, report
from pufferlib.emulation import GymnasiumPufferEnv
from single_file_ppo import Agent, Settings, advantages, improve

SETTINGS = Settings(num_envs=64)


def vector(num_envs: int, **changes) -> pufferlib.vector.Serial:
    make = partial(GymnasiumPufferEnv, env_creator=partial(gym.make, ID, **changes))
    return pufferlib.vector.make(make, backend=pufferlib.vector.Serial, num_envs=num_envs)


def check_numbers() -> None:
    """Row i is the episode of seed s + i, and the step after an episode's last begins the next."""
    envs, single = vector(2, episode_steps=3), gym.make(ID, episode_steps=3)
    for row in range(2):
        action = np.full((2, *single.action_space.shape), 0.1, np.float32)
        seen = [envs.reset(seed=5)[0][row].copy(), single.reset(seed=5 + row)[0]]
        np.testing.assert_array_equal(*seen)
        for step in range(1, 4):
            observation, reward, _, truncated, _ = envs.step(action)
            alone = single.step(action[row])
            np.testing.assert_array_equal(observation[row], alone[0])
            np.testing.assert_allclose(reward[row], alone[1], rtol=1e-6)  # kept in float32
            assert truncated[row] == alone[3] == (step == 3)
        observation, reward, *_ = envs.step(action)
        assert reward[row] == 0
        assert not np.array_equal(observation[row], alone[0])


@torch.no_grad()
def collect(envs: pufferlib.vector.Serial, agent: Agent, observation: np.ndarray, steps: int):
    """One rollout, each entry (steps, envs, ...), and the observation to go on from."""
    kept: dict[str, list] = {}
    for _ in range(steps):
        policy = agent.policy(torch.as_tensor(observation))
        action = policy.sample()
        taken = envs.step(action.clamp(-1, 1).numpy())[:4]  # written into again by the next step
        following, reward, terminated, truncated = map(np.copy, taken)
        step = {
            "observation": observation,
            "action": action,
            "log_prob": policy.log_prob(action).sum(-1),
            "reward": reward,
            "following": following,
            "terminated": terminated,
            "ended": terminated | truncated,
        }
        for name, value in step.items():
            kept.setdefault(name, []).append(torch.as_tensor(value))
        observation = following
    return {name: torch.stack(values) for name, values in kept.items()}, observation


def train(agent: Agent, discount: float, s: Settings) -> None:
    envs = vector(s.num_envs)
    optimizer = torch.optim.Adam(agent.parameters(), s.learning_rate, eps=1e-5)
    observation = envs.reset(seed=s.seed)[0].copy()
    begins = torch.zeros(1, s.num_envs, dtype=torch.bool)
    for _ in range(s.iterations):
        batch, observation = collect(envs, agent, observation, s.rollout)
        batch["advantage"] = advantages(batch, agent, discount, s.gae_lambda)
        batch["return"] = batch["advantage"] + agent.value(batch["observation"]).detach()
        follows = torch.cat([begins, batch["ended"]])  # a step that only begins an episode
        begins = follows[-1:]
        improve(agent, optimizer, {name: x[~follows[:-1]] for name, x in batch.items()}, s)


def main() -> None:
    check_numbers()
    torch.manual_seed(SETTINGS.seed)
    env = gym.make(ID)
    agent = Agent(env.observation_space.shape[0], env.action_space.shape[0], SETTINGS.log_std)

    @torch.no_grad()
    def act(observation: np.ndarray) -> np.ndarray:
        return agent.mean(torch.as_tensor(observation)).numpy()

    untrained = cost(act)
    train(agent, env.unwrapped.discount, SETTINGS)
    report(untrained, cost(act))


if __name__ == "__main__":
    main()
