"""PPO in one file: plain torch on Gymnasium's interface for vector environments."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import torch
from held_out import ID, cost, report
from torch import nn
from torch.distributions import Normal


@dataclass(frozen=True)
class Settings:
    seed: int = 0
    num_envs: int = 128
    rollout: int = 50
    iterations: int = 32
    epochs: int = 4
    minibatches: int = 4
    learning_rate: float = 2e-3
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_weight: float = 0.5
    max_grad_norm: float = 0.5
    log_std: float = -2.0  # the control is 4 times the action: explore little


class Agent(nn.Module):
    def __init__(self, observations: int, actions: int, log_std: float) -> None:
        super().__init__()
        self.mean = mlp(observations, actions, last=0.01)
        self.critic = mlp(observations, 1, last=1.0)
        self.log_std = nn.Parameter(torch.full((actions,), log_std))

    def policy(self, observation: torch.Tensor) -> Normal:
        return Normal(self.mean(observation), self.log_std.exp())

    def value(self, observation: torch.Tensor) -> torch.Tensor:
        return self.critic(observation).squeeze(-1)


def mlp(inputs: int, outputs: int, last: float) -> nn.Sequential:
    layers = [nn.Linear(inputs, 64), nn.Linear(64, 64), nn.Linear(64, outputs)]
    for layer, gain in zip(layers, (2**0.5, 2**0.5, last), strict=True):
        nn.init.orthogonal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])


def last_seen(observation: np.ndarray, info: dict) -> np.ndarray:
    """What each step led to: where an episode ended, not what the next one began with."""
    seen = observation.copy()
    for row in np.flatnonzero(info.get("_final_obs", ())):
        seen[row] = info["final_obs"][row]
    return seen


@torch.no_grad()
def collect(envs: gym.vector.VectorEnv, agent: Agent, observation: np.ndarray, steps: int):
    """One rollout, each entry (steps, envs, ...), and the observation to go on from."""
    kept: dict[str, list] = {}
    for _ in range(steps):
        policy = agent.policy(torch.as_tensor(observation))
        action = policy.sample()
        following, reward, terminated, truncated, info = envs.step(action.numpy())
        step = {
            "observation": observation,
            "action": action,
            "log_prob": policy.log_prob(action).sum(-1),
            "reward": reward,
            "following": last_seen(following, info),
            "terminated": terminated,
            "ended": terminated | truncated,
        }
        for name, value in step.items():
            kept.setdefault(name, []).append(torch.as_tensor(value))
        observation = following
    return {name: torch.stack(values) for name, values in kept.items()}, observation


@torch.no_grad()
def advantages(batch: dict, agent: Agent, discount: float, gae_lambda: float) -> torch.Tensor:
    """Generalised advantage estimates; a truncated episode would have gone on, an ended one not."""
    value, following = agent.value(batch["observation"]), agent.value(batch["following"])
    error = batch["reward"].float() + discount * following * ~batch["terminated"] - value
    estimate, later = torch.zeros_like(value), torch.zeros_like(value[0])
    for t in reversed(range(len(value))):
        later = error[t] + discount * gae_lambda * later * ~batch["ended"][t]
        estimate[t] = later
    return estimate


def improve(agent: Agent, optimizer: torch.optim.Optimizer, batch: dict, s: Settings) -> None:
    """A few epochs of clipped policy gradients."""
    size = len(batch["reward"])
    for _ in range(s.epochs):
        for rows in torch.randperm(size).chunk(s.minibatches):
            part = {name: value[rows] for name, value in batch.items()}
            advantage = part["advantage"]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            log_prob = agent.policy(part["observation"]).log_prob(part["action"]).sum(-1)
            ratio = (log_prob - part["log_prob"]).exp()
            clipped = ratio.clamp(1 - s.clip, 1 + s.clip)
            policy_loss = -torch.min(ratio * advantage, clipped * advantage).mean()
            value_loss = (agent.value(part["observation"]) - part["return"]).square().mean()
            optimizer.zero_grad()
            (policy_loss + s.value_weight * value_loss).backward()
            nn.utils.clip_grad_norm_(agent.parameters(), s.max_grad_norm)
            optimizer.step()


def train(agent: Agent, s: Settings) -> None:
    envs = gym.make_vec(ID, num_envs=s.num_envs, autoreset_mode="same_step")
    discount = envs.unwrapped.discount
    optimizer = torch.optim.Adam(agent.parameters(), s.learning_rate, eps=1e-5)
    observation, _ = envs.reset(seed=s.seed)
    for _ in range(s.iterations):
        batch, observation = collect(envs, agent, observation, s.rollout)
        batch["advantage"] = advantages(batch, agent, discount, s.gae_lambda)
        batch["return"] = batch["advantage"] + agent.value(batch["observation"]).detach()
        improve(agent, optimizer, {name: x.flatten(0, 1) for name, x in batch.items()}, s)


def main() -> None:
    settings = Settings()
    torch.manual_seed(settings.seed)
    spaces = gym.make(ID)
    agent = Agent(spaces.observation_space.shape[0], spaces.action_space.shape[0], settings.log_std)

    @torch.no_grad()
    def act(observation: np.ndarray) -> np.ndarray:
        return agent.mean(torch.as_tensor(observation)).numpy()

    untrained = cost(act)
    train(agent, settings)
    report(untrained, cost(act))


if __name__ == "__main__":
    main()
