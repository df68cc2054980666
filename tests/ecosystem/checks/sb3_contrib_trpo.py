"""sb3-contrib: TRPO on the batched environment."""

from held_out import cost, report
from sb3_contrib import TRPO

from landscape_gym.sb3 import LandscapeNavVecEnv


def main() -> None:
    envs = LandscapeNavVecEnv(128, "long-horizon")
    agent = TRPO(
        "MlpPolicy",
        envs,
        gamma=envs.discount,
        gae_lambda=0.8,
        n_steps=50,
        batch_size=800,
        learning_rate=2e-3,  # of the critic
        target_kl=0.02,
        policy_kwargs={"log_std_init": -2.0},  # the control is 4 times the action: explore little
        seed=0,
        device="cpu",
    )

    def act(observation):
        return agent.predict(observation, deterministic=True)[0]

    untrained = cost(act)
    agent.learn(64_000)
    report(untrained, cost(act))


if __name__ == "__main__":
    main()
