"""The policies and VecEnvs for training: what they show, and that what is learned leaves them."""

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize

from agents.algorithms import PPO as PPOTraining
from agents.training import train
from landscape_gym import REGIMES
from landscape_gym.actions import StepSize
from landscape_gym.control import LQGPolicy, optimum
from landscape_gym.evaluation import rollout
from landscape_gym.observation import Layout
from landscape_gym.sb3 import (
    BeliefVecEnv,
    CoordinateVecEnv,
    FitCritic,
    LandscapeNavVecEnv,
    LinearPolicy,
    PerCoordinatePolicy,
    PrivilegedCriticPolicy,
    PrivilegedVecEnv,
    QuadraticCriticPolicy,
    learned_rule,
)
from landscape_gym.sb3.policies import PrivilegedCritic, QuadraticCritic

HIDDEN = REGIMES["hidden-curvature"]
NOISY = REGIMES["noisy-gradient"]


def actions(env: Any, seed: int = 0) -> np.ndarray:
    size = (env.num_envs, *env.action_space.shape)
    return np.random.default_rng(seed).uniform(-0.3, 0.3, size).astype(np.float32)


def test_the_hidden_part_is_the_cost_under_full_information_at_the_last_state_too():
    problem = HIDDEN.problem.replace(episode_steps=3)
    env = PrivilegedVecEnv(3, "hidden-curvature", problem=problem)
    best = optimum(problem)
    env.seed(5)
    seen = env.reset()
    state = env.venv.envs.simulation.state
    layout = Layout(best.policy.observation, problem)
    for step in range(3):
        expected = best.value(layout.observe(state).astype(float))
        np.testing.assert_allclose(seen["hidden"][:, 0] * best.cost, expected, rtol=1e-4)
        assert seen["seen"].shape == (3, Layout(HIDDEN.observation, problem).size)
        theta = state.theta.copy()
        seen, _, dones, infos = env.step(actions(env, step))
        state = env.venv.envs.simulation.state
    assert dones.all()
    last = np.array([info["terminal_observation"]["hidden"][0] for info in infos]) * best.cost
    assert (state.theta != theta).all()  # a new episode
    fresh = best.value(layout.observe(state).astype(float))
    np.testing.assert_allclose(seen["hidden"][:, 0] * best.cost, fresh, rtol=1e-4)
    assert (np.abs(last / fresh - 1) > 1e-3).all()
    assert (last > 0).all()


def test_an_actor_does_not_see_what_is_hidden_and_the_critic_does():
    env = PrivilegedVecEnv(4, "hidden-curvature")
    agent = PPO(PrivilegedCriticPolicy, env, n_steps=8, batch_size=32, seed=0, device="cpu")
    seen = env.reset()
    other = {**seen, "hidden": 2 * seen["hidden"]}
    np.testing.assert_array_equal(*(agent.predict(x, deterministic=True)[0] for x in (seen, other)))
    values = [agent.policy.predict_values(agent.policy.obs_to_tensor(x)[0]) for x in (seen, other)]
    assert (values[0] != values[1]).all()


def test_a_privileged_critic_is_minus_the_known_cost_times_a_factor_and_a_remainder():
    critic = PrivilegedCritic(3, (4,), "tanh")
    factor, remainder = np.log(np.e - 1), 0.25  # softplus(factor) = 1
    with torch.no_grad():
        critic.net[-1].weight.zero_()
        critic.net[-1].bias.copy_(torch.tensor([factor, remainder]))
    hidden = torch.tensor([[0.5], [2.0]])
    values = critic(torch.ones(2, 3), hidden)
    np.testing.assert_allclose(values.detach(), remainder - hidden, rtol=1e-6)


def test_a_quadratic_critic_that_is_fitted_holds_a_quadratic():
    seen = torch.randn(256, 3, generator=torch.Generator().manual_seed(0))
    seen[:, 2] = seen[:, 0] + 0.1 * seen[:, 2]  # nearly collinear
    values = 2 - seen[:, 1] + 3 * seen[:, 0] * seen[:, 2]
    critic = QuadraticCritic(3)
    critic.fit(seen, values)
    fitted = critic(seen, torch.zeros(256, 0))[:, 0]
    np.testing.assert_allclose(fitted.detach(), values, atol=1e-3)
    seen[:, 2] = 1.0  # tells nothing
    critic.fit(seen, values)
    assert all(parameter.isfinite().all() for parameter in critic.parameters())


def test_a_critic_is_fitted_to_the_last_rollout_and_left_alone_by_gradients():
    env = LandscapeNavVecEnv(16, "long-horizon")
    agent = PPO(LinearPolicy, env, n_steps=8, batch_size=32, vf_coef=0.0, seed=0, device="cpu")
    agent.learn(256, callback=FitCritic())
    buffer, again = agent.rollout_buffer, QuadraticCritic(2)
    # Training has flattened what was collected.
    again.fit(torch.as_tensor(buffer.observations), torch.as_tensor(buffer.returns).flatten())
    fitted = agent.policy.mlp_extractor.critic.net[0]
    np.testing.assert_allclose(again.net[0].weight.detach(), fitted.weight.detach(), rtol=1e-4)


def test_only_a_quadratic_critic_is_fitted():
    agent = PPO("MlpPolicy", LandscapeNavVecEnv(4, "long-horizon"), n_steps=8, batch_size=32)
    with pytest.raises(TypeError, match="only a quadratic critic"):
        agent.learn(32, callback=FitCritic())


def test_a_belief_is_that_of_the_filter_across_episodes():
    env = BeliefVecEnv(4, "noisy-gradient", episode_steps=5)
    plain = LandscapeNavVecEnv(
        4,
        problem=NOISY.problem.replace(episode_steps=5),
        observation=env.venv.envs.simulation.layout.config,
        action=NOISY.action,
    )
    belief = optimum(NOISY.problem, NOISY.observation).policy
    assert isinstance(belief, LQGPolicy)
    env.seed(3)
    plain.seed(3)
    error, observation = env.reset(), plain.reset()
    state = None
    start = np.ones(4, bool)
    for step in range(12):
        expected, state = belief.displacement(observation, state, start)
        np.testing.assert_allclose(error, expected, rtol=1e-5, atol=1e-6)
        before = state
        error, _, dones, infos = env.step(actions(env, step))
        observation, _, start, others = plain.step(actions(env, step))
        for row in np.flatnonzero(dones):
            last = np.stack([others[i].get("terminal_observation") for i in range(4)])
            at_end, _ = belief.displacement(last, before)
            np.testing.assert_allclose(infos[row]["terminal_observation"], at_end[row], rtol=1e-5)


@pytest.mark.parametrize("regime", ["task-switching", "double-well", "landscape-nav"])
def test_what_cannot_be_believed_is_refused(regime: str):
    with pytest.raises(ValueError, match="nothing to believe"):
        BeliefVecEnv(2, regime)


def test_coordinates_as_rows_are_the_environment_taken_apart():
    changes: dict[str, Any] = {"action": StepSize(), "episode_steps": 4}
    rows = CoordinateVecEnv(3, "hidden-curvature", **changes)
    whole = LandscapeNavVecEnv(3, "hidden-curvature", **changes)
    assert rows.num_envs == 18
    rows.seed(7)
    whole.seed(7)
    split, together = rows.reset(), whole.reset()
    for step in range(5):
        slices = whole.envs.simulation.layout.slices
        np.testing.assert_array_equal(
            split.reshape(3, 6, -1)[:, :, 0], together[:, slices["gradient"]]
        )
        action = actions(rows, step)
        joint = action.reshape(3, 6, 2).swapaxes(1, 2).reshape(3, 12)
        split, reward, dones, infos = rows.step(action)
        together, joint_reward, ends, others = whole.step(joint)
        np.testing.assert_array_equal(reward, joint_reward.repeat(6))
        np.testing.assert_array_equal(dones, ends.repeat(6))
        if ends.any():
            last = others[1]["terminal_observation"][slices["gradient"]]
            ours = [infos[6 + j]["terminal_observation"][0] for j in range(6)]
            np.testing.assert_array_equal(ours, last)
    with pytest.raises(ValueError, match="cannot be split among 6 coordinates"):
        CoordinateVecEnv(3, "hidden-curvature", action="global_step_size")


def per_coordinate_agent(env: VecEnv) -> PPO:
    rows = {"rows": HIDDEN.observation}
    return PPO(
        PerCoordinatePolicy, env, policy_kwargs=rows, n_steps=8, batch_size=32, seed=0, device="cpu"
    )


def test_a_rule_for_each_coordinate_treats_them_alike_and_serves_any_dimension():
    env = LandscapeNavVecEnv(4, "hidden-curvature", action=StepSize())
    agent = per_coordinate_agent(env)
    agent.learn(32)
    rule = learned_rule(agent.policy, HIDDEN.problem, HIDDEN.observation, StepSize())
    assert rule.per_coordinate
    observation = env.reset()
    ours, _ = rule.predict(observation)
    theirs, _ = agent.predict(observation, deterministic=True)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    swapped = observation.reshape(4, 5, 6)[:, :, ::-1].reshape(4, 30)
    np.testing.assert_allclose(
        rule.predict(swapped)[0].reshape(4, 2, 6)[:, :, ::-1].reshape(4, 12), ours, rtol=1e-5
    )
    wide = HIDDEN.problem.replace(landscape={"dim": 40}, episode_steps=5)
    assert np.isfinite(rollout(wide, rule, episodes=3, seed=0).cost).all()
    assert rule.observation.clip == pytest.approx(6**0.5)  # as in training, not 40 ** 0.5


def test_scaling_coordinates_apart_is_refused_where_one_rule_serves_all():
    env = VecNormalize(LandscapeNavVecEnv(4, "hidden-curvature", action=StepSize()))
    policy = per_coordinate_agent(env).policy
    with pytest.raises(ValueError, match="normalised before they were split"):
        learned_rule(policy, HIDDEN.problem, HIDDEN.observation, StepSize(), env)


def test_a_quadratic_critic_can_hold_the_value_of_a_linear_quadratic_problem():
    env = LandscapeNavVecEnv(256, "long-horizon")
    agent = PPO(QuadraticCriticPolicy, env, n_steps=8, batch_size=256, seed=0, device="cpu")
    seen = torch.as_tensor(env.reset())
    problem = REGIMES["long-horizon"].problem
    best = optimum(problem)
    state = env.envs.simulation.state
    shown = Layout(best.policy.observation, problem).observe(state)
    value = -torch.as_tensor(best.value(shown.astype(float)))
    critic = agent.policy.mlp_extractor.critic
    products = seen[:, critic.rows] * seen[:, critic.columns]
    design = torch.cat([seen, products, torch.ones(256, 1)], dim=1).double()
    solved = torch.linalg.lstsq(design, value[:, None]).solution
    with torch.no_grad():
        critic.net[0].weight.copy_(solved[:-1].T)
        critic.net[0].bias.copy_(solved[-1])
        ours = agent.policy.predict_values(seen)[:, 0]
    np.testing.assert_allclose(ours.numpy(), value.numpy(), rtol=1e-3, atol=1e-4)


def test_policies_are_saved_and_loaded_by_stable_baselines3(tmp_path):
    env = PrivilegedVecEnv(4, "hidden-curvature", action=StepSize())
    rows = HIDDEN.observation
    agent = PPO(
        PrivilegedCriticPolicy,
        env,
        policy_kwargs={"rows": rows, "layers": (8,)},
        n_steps=8,
        batch_size=32,
        device="cpu",
    )
    agent.save(tmp_path / "agent.zip")
    again = PPO.load(tmp_path / "agent.zip", env=env, device="cpu")
    seen = env.reset()
    np.testing.assert_array_equal(
        *(each.predict(seen, deterministic=True)[0] for each in (agent, again))
    )
    again.learn(32)


@pytest.mark.parametrize(
    ("regime", "training"),
    [
        ("long-horizon", PPOTraining(num_envs=16, timesteps=2048, batch_size=128)),
        (
            "hidden-curvature",
            PPOTraining(
                num_envs=16,
                timesteps=2048,
                batch_size=128,
                layers=(8,),
                critic="mlp",
                per_coordinate=True,
                action=StepSize(high=0.5),
            ),
        ),
    ],
    ids=["linear", "per coordinate"],
)
def test_stable_baselines3_evaluates_an_agent_as_our_comparison_does(regime: str, training: Any):
    setup = REGIMES[regime].configured(episode_steps=12, gamma=0.0)  # returns have no discount
    training = type(training)(**{**vars(training), "episode_steps": 12})
    trained = train(training.trainer(setup, 0))
    # In float64, as our comparison: the type of numbers decides which are drawn.
    changes = {"observation": setup.observation, "action": trained.regime.action}
    plain = LandscapeNavVecEnv(16, problem=setup.problem, **changes, dtype="float64")
    env = VecNormalize(VecMonitor(plain), norm_obs=trained.normalizer.norm_obs, norm_reward=False)
    env.training = False
    if env.norm_obs:
        env.obs_rms = trained.normalizer.obs_rms
    env.seed(1000)
    returns, lengths = evaluate_policy(
        trained.agent, env, n_eval_episodes=16, return_episode_rewards=True
    )
    cost = rollout(setup.problem, trained.rule(), episodes=16, seed=1000).cost
    assert set(lengths) == {12}
    np.testing.assert_allclose(np.sort(returns), np.sort(-cost), rtol=2e-3)
