"""RLlib: PPO in its new API stack, on the batched environment."""

import numpy as np
import ray
import torch
from held_out import ID, cost, report
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

from landscape_gym import LandscapeNavVectorEnv

CHANGES = {"action": {"scale": 1.0}}
"""RLlib's exploration begins with standard deviation 1, of which 4 times would be very costly."""


def main() -> None:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    discount = LandscapeNavVectorEnv(1, "long-horizon").discount
    config = (
        PPOConfig()
        .environment(f"landscape_gym:{ID}", env_config=CHANGES)
        .env_runners(
            num_env_runners=0,
            num_envs_per_env_runner=128,
            rollout_fragment_length=50,
            gym_env_vectorize_mode="vector_entry_point",
        )
        .training(
            gamma=discount,
            lambda_=0.95,
            lr=2e-3,
            train_batch_size_per_learner=6400,
            minibatch_size=1600,
            num_epochs=4,
            vf_clip_param=float("inf"),
            use_kl_loss=False,
        )
        .rl_module(
            model_config=DefaultModelConfig(
                fcnet_hiddens=[64, 64], free_log_std=True, vf_share_layers=False
            )
        )
        .debugging(seed=0, log_level="ERROR")
    )
    algorithm = config.build_algo()

    @torch.no_grad()
    def act(observation: np.ndarray) -> np.ndarray:
        module = algorithm.get_module()
        parameters = module.forward_inference({"obs": torch.as_tensor(observation)})
        distribution = module.get_inference_action_dist_cls().from_logits(
            parameters["action_dist_inputs"]
        )
        return distribution.to_deterministic().sample().numpy()

    untrained = cost(act, **CHANGES)
    for _ in range(32):
        algorithm.train()
    trained = cost(act, **CHANGES)
    algorithm.stop()
    ray.shutdown()
    report(untrained, trained, **CHANGES)


if __name__ == "__main__":
    main()
