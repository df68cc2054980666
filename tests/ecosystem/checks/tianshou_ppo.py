"""Tianshou: PPO by its collector and trainer, on single environments side by side."""

import logging

import gymnasium as gym
import numpy as np
import torch
from held_out import ID, cost, report
from tianshou.algorithm import PPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OnPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorProbabilistic, ContinuousCritic
from torch import nn
from torch.distributions import Independent, Normal

ENVS, ROLLOUT, ITERATIONS = 64, 50, 32
EPOCHS, MINIBATCHES = 4, 4


def networks(env: gym.Env) -> tuple[ContinuousActorProbabilistic, ContinuousCritic]:
    """An actor that begins by doing next to nothing, and explores little; a critic."""

    def body() -> Net:
        size = env.observation_space.shape
        return Net(state_shape=size, hidden_sizes=[64, 64], activation=nn.Tanh)

    actor = ContinuousActorProbabilistic(
        preprocess_net=body(), action_shape=env.action_space.shape, unbounded=True
    )
    nn.init.constant_(actor.sigma_param, -2.0)  # the control is 4 times the action
    nn.init.orthogonal_(actor.mu.model[-1].weight, gain=0.01)
    nn.init.zeros_(actor.mu.model[-1].bias)
    return actor, ContinuousCritic(preprocess_net=body())


def train(algorithm: PPO) -> None:
    envs = DummyVectorEnv([lambda: gym.make(ID)] * ENVS)
    envs.seed(0)
    collector = Collector(algorithm, envs, VectorReplayBuffer(ENVS * ROLLOUT, ENVS))
    algorithm.run_training(
        OnPolicyTrainerParams(
            training_collector=collector,
            max_epochs=1,
            epoch_num_steps=ENVS * ROLLOUT * ITERATIONS,
            collection_step_num_env_steps=ENVS * ROLLOUT,
            batch_size=ENVS * ROLLOUT // MINIBATCHES,
            update_step_num_repetitions=EPOCHS,
            show_progress=False,
            verbose=False,
        )
    )


def main() -> None:
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    env = gym.make(ID)
    actor, critic = networks(env)
    policy = ProbabilisticActorPolicy(
        actor=actor,
        dist_fn=lambda mean_and_std: Independent(Normal(*mean_and_std), 1),
        action_space=env.action_space,
        observation_space=env.observation_space,
        deterministic_eval=True,
        action_scaling=False,  # actions are within [-1, 1] as they are
    )
    algorithm = PPO(
        policy=policy,
        critic=critic,
        optim=AdamOptimizerFactory(lr=2e-3),
        gamma=env.unwrapped.discount,
        ent_coef=0.0,
        max_grad_norm=0.5,
    )

    @torch.no_grad()
    def act(observation: np.ndarray) -> np.ndarray:
        actions = policy(Batch(obs=observation, info=Batch())).act
        return policy.map_action(actions.numpy())

    untrained = cost(act)
    train(algorithm)
    report(untrained, cost(act))


if __name__ == "__main__":
    main()
