"""What a trained agent has learned, as a `LearnedRule` that needs no Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from landscape_gym.actions import Action
from landscape_gym.channels import BOUND
from landscape_gym.learned import Cell, Dense, LearnedRule, Network
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.sb3.gated import CLIP, GatedActor
from landscape_gym.sb3.policies import SEEN, NavigationPolicy


def learned_rule(
    policy: BasePolicy,
    problem: NavigationProblem,
    observation: ObservationConfig,
    action: Action,
    normalizer: VecNormalize | None = None,
    *,
    per_coordinate: bool = False,
    believes: bool = False,
    about: Mapping[str, Any] | None = None,
) -> LearnedRule:
    """The deterministic part of an agent's policy, with the scaling of its observations.

    Args:
        policy: Of PPO, A2C, TRPO, RecurrentPPO, SAC, TD3 or ARS: ``agent.policy``.
        problem: What it was trained on.
        observation: The channels it reads.
        action: What its actions mean.
        normalizer: What scaled its observations, if anything did.
        per_coordinate: Whether it saw rows, one per coordinate; a `PerCoordinatePolicy` needs no
            telling.
        believes: Whether it saw the Kalman filter's errors (`BeliefVecEnv`).
        about: Where it comes from, in JSON's types.

    Raises:
        ValueError: for a network that is not made of dense layers behind at most one LSTM, or a
            normaliser that treats coordinates differently where the rule treats them alike.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import LandscapeNavVecEnv, LinearPolicy
        >>> env = LandscapeNavVecEnv(4, "long-horizon")
        >>> agent = PPO(LinearPolicy, env, n_steps=8, batch_size=32)
        >>> setup = env.envs.simulation
        >>> rule = learned_rule(agent.policy, setup.problem, setup.layout.config, setup.action)
        >>> rule.network.layers[0].weight.shape
        (2, 2)
    """
    if isinstance(policy, NavigationPolicy):
        if isinstance(actor := policy.mlp_extractor.actor, GatedActor):
            return framed_rule(actor, action, about)
        per_coordinate = per_coordinate or policy.channels is not None
    network = network_of(policy)
    mean, std, clip = _scaling(normalizer, network.inputs)
    if len(mean) != network.inputs:
        raise ValueError(
            "observations were normalised before they were split into coordinates: one rule for "
            "all coordinates needs VecNormalize(norm_obs=False), or a CoordinateVecEnv."
        )
    if observation.scaled and observation.clip is None:
        # Where features were clipped in training, whatever the dimension they will be used in.
        observation = replace(observation, clip=float(np.sqrt(problem.dim)))
    return LearnedRule(
        observation=observation,
        action=action,
        network=network,
        mean=mean,
        std=std,
        clip=clip,
        per_coordinate=per_coordinate,
        believes=problem if believes else None,
        about=about or {},
    )


def framed_rule(
    actor: GatedActor, action: Action, about: Mapping[str, Any] | None = None
) -> LearnedRule:
    """What a gated actor does, in its frame.

    Args:
        actor: As it is.
        action: What its actions mean: velocities.
        about: Where it comes from, in JSON's types.

    Raises:
        ValueError: for other actions.
    """
    layers, activation = _layers([actor.net])
    mean, std = (part.cpu().numpy().copy() for part in (actor.mean, actor.std))
    return LearnedRule(
        observation=actor.frame.config,
        action=action,
        network=Network(layers, activation),
        mean=mean,
        std=std,
        clip=CLIP,
        believes=actor.frame.believes,
        framed=True,
        relative=actor.frame.relative,
        about=about or {},
    )


def network_of(policy: BasePolicy) -> Network:
    """The network from scaled observations to deterministic actions.

    Raises:
        ValueError: if it has other parts than dense layers behind at most one LSTM.
    """
    cell, squashed = None, False
    if isinstance(policy, NavigationPolicy):
        actor = policy.mlp_extractor.actor
        parts = [getattr(actor, "net", actor)]
    elif isinstance(policy, ActorCriticPolicy):
        parts = [policy.mlp_extractor.policy_net, policy.action_net]
        if hasattr(policy, "lstm_actor"):
            cell = _cell(policy.lstm_actor)  # type: ignore[arg-type]
    elif hasattr(policy, "actor"):
        actor = policy.actor
        squashed = True
        parts = [actor.latent_pi, actor.mu] if hasattr(actor, "latent_pi") else [actor.mu]  # type: ignore[union-attr]
    else:
        parts, squashed = [policy.action_net], policy.squash_output
    layers, activation = _layers(parts)
    return Network(layers, activation, squashed, cell)


def _layers(parts: list[Any]) -> tuple[tuple[Dense, ...], str]:
    """Dense layers, and the activation between them."""
    modules = [m for part in parts for m in part.modules() if not list(m.children())]
    dense, names = [], set()
    for position, module in enumerate(modules):
        if isinstance(module, nn.Linear):
            dense.append(_dense(module.weight, module.bias))
        elif position < len(modules) - 1:  # the last one squashes outputs, which `squashed` says
            names.add(type(module).__name__.lower())
    names.discard("identity")
    if len(names) > 1 or not names <= {"tanh", "relu"}:
        raise ValueError(
            f"a learned rule has tanh or relu between its layers, not {', '.join(sorted(names))}."
        )
    return tuple(dense), names.pop() if names else "tanh"


def _cell(lstm: nn.LSTM) -> Cell:
    if lstm.num_layers != 1:
        raise ValueError(f"a learned rule has one LSTM layer, not {lstm.num_layers}.")
    return Cell(
        _dense(lstm.weight_ih_l0, lstm.bias_ih_l0), _dense(lstm.weight_hh_l0, lstm.bias_hh_l0)
    )


def _dense(weight: Any, bias: Any) -> Dense:
    weight = weight.detach().cpu().numpy().copy()
    if bias is None:
        return Dense(weight, np.zeros(len(weight), weight.dtype))
    return Dense(weight, bias.detach().cpu().numpy().copy())


def _scaling(normalizer: VecNormalize | None, inputs: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean, standard deviation and clip of what the actor sees."""
    if normalizer is None or not normalizer.norm_obs:
        return np.zeros(inputs), np.ones(inputs), BOUND
    running: Any = normalizer.obs_rms
    if isinstance(running, dict):
        running = running[SEEN]
    return running.mean.copy(), np.sqrt(running.var + normalizer.epsilon), normalizer.clip_obs
