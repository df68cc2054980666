"""TorchRL: its checker, and PPO by its collector, estimator and loss."""

import gymnasium as gym
import numpy as np
import torch
from held_out import ID, cost, report
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import GymEnv, GymWrapper
from torchrl.envs.utils import check_env_specs
from torchrl.modules import MLP, IndependentNormal, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

ENVS, ROLLOUT, ITERATIONS = 128, 50, 32
EPOCHS, MINIBATCHES = 4, 4


class FixedSpread(nn.Module):
    """Standard deviations beside the means, the same for every observation."""

    def __init__(self, size: int, log_std: float) -> None:
        super().__init__()
        self.log_std = nn.Parameter(torch.full((size,), log_std))

    def forward(self, mean: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return mean, self.log_std.exp().expand_as(mean)


def check_specs() -> None:
    env = GymEnv(ID, episode_steps=5)
    check_env_specs(env)
    env.set_seed(0)
    rolled = env.rollout(12, break_when_any_done=False)
    assert rolled["next", "truncated"].sum() == 2, "two of 12 steps end episodes of 5"
    assert not rolled["next", "terminated"].any(), "which are ended by time alone"
    env.close()


def train(actor: ProbabilisticActor, critic: ValueOperator) -> None:
    batched = gym.make_vec(ID, num_envs=ENVS, autoreset_mode="disabled")  # TorchRL resets by itself
    envs = GymWrapper(batched)
    envs.set_seed(0)
    collector = Collector(
        envs,
        actor,
        frames_per_batch=ENVS * ROLLOUT,
        total_frames=ENVS * ROLLOUT * ITERATIONS,
        auto_register_policy_transforms=False,
    )
    estimate = GAE(gamma=batched.unwrapped.discount, lmbda=0.95, value_network=critic)
    loss = ClipPPOLoss(
        actor, critic, entropy_bonus=False, loss_critic_type="l2", normalize_advantage=True
    )
    optimizer = torch.optim.Adam(loss.parameters(), 2e-3)
    for batch in collector:
        with torch.no_grad():
            estimate(batch)
        steps = batch.flatten()
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(steps)).chunk(MINIBATCHES):
                losses = loss(steps[rows])
                optimizer.zero_grad()
                (losses["loss_objective"] + 0.5 * losses["loss_critic"]).backward()
                nn.utils.clip_grad_norm_(loss.parameters(), 0.5)
                optimizer.step()
    collector.shutdown()


def network(inputs: int, outputs: int) -> MLP:
    return MLP(inputs, outputs, num_cells=[64, 64], activation_class=nn.Tanh)


def main() -> None:
    torch.manual_seed(0)
    check_specs()
    env = GymEnv(ID)
    observations, actions = (space.shape[-1] for space in (env.observation_space, env.action_space))
    mean = network(observations, actions)
    nn.init.orthogonal_(mean[-1].weight, gain=0.01)  # begin by doing next to nothing
    nn.init.zeros_(mean[-1].bias)
    distribution = nn.Sequential(mean, FixedSpread(actions, -2.0))
    actor = ProbabilisticActor(
        TensorDictModule(distribution, ["observation"], ["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=IndependentNormal,
        spec=env.action_spec,
        return_log_prob=True,
    )
    critic = ValueOperator(network(observations, 1), in_keys=["observation"])

    @torch.no_grad()
    def act(observation: np.ndarray) -> np.ndarray:
        return mean(torch.as_tensor(observation)).numpy()

    untrained = cost(act)
    train(actor, critic)
    report(untrained, cost(act))


if __name__ == "__main__":
    main()
