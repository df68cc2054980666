"""TorchRL's native face: its checker, resets of rows, and a rule learned through its rollouts."""

import numpy as np
import torch
from held_out import cost, report
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.envs.utils import check_env_specs

from landscape_gym.torchrl_env import LandscapeNavTorchRL

REGIME = "long-horizon"
ENVS, STEPS, UPDATES = 128, 20, 50


def check_specs() -> None:
    envs = LandscapeNavTorchRL(3, REGIME, episode_steps=5)
    check_env_specs(envs)
    rolled = envs.rollout(12, break_when_any_done=False)
    assert rolled["next", "truncated"].sum() == 6, "two of 12 steps end each row's episodes of 5"


def train(rule: nn.Module) -> None:
    envs = LandscapeNavTorchRL(ENVS, REGIME)
    weight = envs.discount ** torch.arange(STEPS)[:, None]
    act = TensorDictModule(rule, ["observation"], ["action"])
    optimizer = torch.optim.Adam(rule.parameters(), 0.03)
    for update in range(UPDATES):
        envs.set_seed(ENVS * update)
        reward = envs.rollout(STEPS, act, auto_cast_to_device=False)["next", "reward"]
        optimizer.zero_grad()
        (-(weight * reward).sum(1).mean()).backward()
        optimizer.step()


def main() -> None:
    torch.manual_seed(0)
    check_specs()
    envs = LandscapeNavTorchRL(1, REGIME)
    seen, acts = envs.observation_spec["observation"].shape[-1], envs.action_spec.shape[-1]
    rule = nn.Linear(seen, acts, bias=False)
    nn.init.zeros_(rule.weight)

    @torch.no_grad()
    def act(observation: np.ndarray) -> np.ndarray:
        return rule(torch.as_tensor(observation)).numpy()

    untrained = cost(act)
    train(rule)
    report(untrained, cost(act))


if __name__ == "__main__":
    main()
