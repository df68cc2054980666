"""Stable-Baselines3 policies whose optimum is known to be within reach.

`NavigationPolicy` puts an actor and a critic together; `LinearPolicy`, `QuadraticCriticPolicy`,
`PerCoordinatePolicy` and `PrivilegedCriticPolicy` are the combinations that are used here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from landscape_gym.coordinates import Coordinates
from landscape_gym.observation import ObservationConfig

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
SEEN, HIDDEN = "seen", "hidden"
"""Parts of a dict observation: for actor and critic, and for the critic alone."""


def dense(sizes: tuple[int, ...], activation: str) -> nn.Sequential:
    """Linear layers between these sizes with an activation between them.

    As Stable-Baselines3 begins: orthogonal weights of gain sqrt(2), of 0.01 in the last layer.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    for layer in linear:
        nn.init.orthogonal_(layer.weight, 0.01 if layer is linear[-1] else 2**0.5)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers[:-1])


class RowsActor(nn.Module):
    """One network for each coordinate alike; the joint action is what it says of all of them."""

    def __init__(self, net: nn.Sequential, coordinates: Coordinates, dim: int) -> None:
        super().__init__()
        self.net, self.coordinates, self.dim = net, coordinates, dim
        self.register_buffer("index", torch.as_tensor(coordinates.index(dim)), persistent=False)

    def forward(self, seen: Tensor) -> Tensor:
        """Actions (batch, a * dim) for observations (batch, size)."""
        rows = seen[:, self.index].flatten(0, 1)  # type: ignore[index]
        return self.coordinates.joined(self.net(rows), self.dim)


class QuadraticCritic(nn.Module):
    """Linear in the observation and all products of two of its entries.

    The value of a linear-quadratic problem is quadratic, so this can hold it. Where a number is
    hidden from the actor, all that is added once more, times that number.
    """

    def __init__(self, size: int, hidden: int = 0) -> None:
        super().__init__()
        rows, columns = torch.triu_indices(size, size)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        quadratic = size + len(rows)
        self.net = dense((quadratic + hidden * (1 + quadratic), 1), "tanh")

    def forward(self, seen: Tensor, hidden: Tensor) -> Tensor:
        """Values (batch, 1)."""
        return self.net(self.features(seen, hidden))

    def features(self, seen: Tensor, hidden: Tensor) -> Tensor:
        """Entries of an observation and their products, and these times what is hidden."""
        products = seen[:, self.rows] * seen[:, self.columns]  # type: ignore[index]
        parts = [seen, products]
        for number in hidden.split(1, dim=1) if hidden.shape[1] else ():
            parts += [number, number * seen, number * products]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def fit(self, seen: Tensor, returns: Tensor, hidden: Tensor | None = None) -> None:
        """Solve for the values nearest to the returns (batch,) in least squares.

        Gradient steps are slow where features are nearly collinear, and a value that lags biases
        the actor. A weak ridge keeps what a batch does not tell at zero.
        """
        features = self.features(seen, seen[:, :0] if hidden is None else hidden).double()
        mean, std = features.mean(dim=0), features.std(dim=0) + 1e-8
        scaled, target = (features - mean) / std, returns.double()
        gram = scaled.T @ scaled / len(scaled) + 1e-8 * torch.eye(features.shape[1])
        weight = torch.linalg.solve(gram, scaled.T @ (target - target.mean()) / len(scaled)) / std
        linear = cast(nn.Linear, self.net[0])
        linear.weight.copy_(weight[None])
        linear.bias.copy_(target.mean() - weight @ mean)


class MlpCritic(nn.Module):
    """A network of what is seen."""

    def __init__(self, size: int, layers: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self.net = dense((size, *layers, 1), activation)

    def forward(self, seen: Tensor, hidden: Tensor) -> Tensor:
        """Values (batch, 1)."""
        return self.net(seen)


class PrivilegedCritic(nn.Module):
    """Minus the cost of one who sees everything, times a positive factor, plus a remainder.

    A learner pays that cost, a share more, and what noise costs anyone, so there is little left to
    learn: factor and remainder are a network of what is seen.
    """

    def __init__(self, size: int, layers: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self.net = dense((size + 1, *layers, 2), activation)

    def forward(self, seen: Tensor, hidden: Tensor) -> Tensor:
        """Values (batch, 1), from the cost under full information, hidden, (batch, 1)."""
        known = torch.log(hidden + 1e-6)
        factor, remainder = self.net(torch.cat([seen, known], dim=1)).split(1, dim=1)
        return remainder - hidden * nn.functional.softplus(factor)


class ActorAndCritic(nn.Module):
    """What Stable-Baselines3 calls the MLP extractor; here it ends in mean action and value."""

    def __init__(self, actor: nn.Module, critic: nn.Module, seen: int, actions: int) -> None:
        super().__init__()
        self.actor, self.critic, self.seen = actor, critic, seen
        self.latent_dim_pi, self.latent_dim_vf = actions, 1

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean actions (batch, size) and values (batch, 1)."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """Mean actions (batch, size)."""
        return self.actor(features[:, : self.seen])

    def forward_critic(self, features: Tensor) -> Tensor:
        """Values (batch, 1)."""
        return self.critic(features[:, : self.seen], features[:, self.seen :])


class SeenThenHidden(BaseFeaturesExtractor):
    """The parts of an observation, what the actor sees first."""

    def __init__(self, observation_space: spaces.Space) -> None:
        self.parts = [SEEN, HIDDEN] if isinstance(observation_space, spaces.Dict) else []
        super().__init__(observation_space, spaces.flatdim(observation_space))

    def forward(self, observations: Any) -> Tensor:
        """One vector a row, (batch, size)."""
        if not self.parts:
            return observations
        return torch.cat([observations[part] for part in self.parts], dim=1)


class NavigationPolicy(ActorCriticPolicy):
    """Actor and critic for landscapes, for PPO, A2C and TRPO.

    Args:
        *args: As `ActorCriticPolicy`.
        layers: Widths of the hidden layers of actor and critic; () makes a linear actor.
        activation: "tanh" or "relu".
        critic: "mlp"; "quadratic": all products of two entries of what is seen; or "privileged":
            scales the hidden part of a dict observation (`PrivilegedVecEnv`), which is the cost
            under full information.
        rows: The channels of the observation, for an actor that acts on each coordinate alike;
            None for one that sees all of them together.
        **kwargs: As `ActorCriticPolicy`.
    """

    def __init__(
        self,
        *args: Any,
        layers: tuple[int, ...] = (),
        activation: str = "tanh",
        critic: str = "quadratic",
        rows: ObservationConfig | None = None,
        **kwargs: Any,
    ) -> None:
        self.layers, self.activation, self.kind, self.channels = layers, activation, critic, rows
        kwargs = {**kwargs, "net_arch": [], "features_extractor_class": SeenThenHidden}
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        space = self.observation_space
        seen = spaces.flatdim(space[SEEN] if isinstance(space, spaces.Dict) else space)
        hidden = spaces.flatdim(space) - seen
        self.mlp_extractor = ActorAndCritic(  # type: ignore[assignment]
            self._actor(seen), self._critic(seen, hidden), seen, spaces.flatdim(self.action_space)
        )

    def _actor(self, seen: int) -> nn.Module:
        actions = spaces.flatdim(self.action_space)
        if self.channels is None:
            return dense((seen, *self.layers, actions), self.activation)
        coordinates = Coordinates(self.channels)
        dim = coordinates.dim(seen)
        net = dense((coordinates.features, *self.layers, actions // dim), self.activation)
        return RowsActor(net, coordinates, dim)

    def _critic(self, seen: int, hidden: int) -> nn.Module:
        if self.kind == "quadratic":
            return QuadraticCritic(seen, hidden)
        critic = {"mlp": MlpCritic, "privileged": PrivilegedCritic}[self.kind]
        return critic(seen, self.layers or (32, 32), self.activation)

    def _build(self, lr_schedule: Any) -> None:
        ortho_init, self.ortho_init = self.ortho_init, False  # `dense` has done it
        super()._build(lr_schedule)
        self.ortho_init = ortho_init
        self.action_net, self.value_net = nn.Identity(), nn.Identity()  # type: ignore[assignment]
        optimizer = cast(Any, self.optimizer_class)
        self.optimizer = optimizer(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        made = {"layers": self.layers, "activation": self.activation}
        made |= {"critic": self.kind, "rows": self.channels}
        return {**super()._get_constructor_parameters(), **made}


class LinearPolicy(NavigationPolicy):
    """A linear actor without hidden layer, and a critic that is quadratic in the observation.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import LandscapeNavVecEnv
        >>> env = LandscapeNavVecEnv(4, "long-horizon")
        >>> agent = PPO(LinearPolicy, env, gamma=env.discount, n_steps=8, batch_size=32)
        >>> agent.policy.mlp_extractor.actor
        Sequential(
          (0): Linear(in_features=2, out_features=2, bias=True)
        )
    """


class QuadraticCriticPolicy(NavigationPolicy):
    """A network of two hidden layers as the actor, and a critic quadratic in the observation.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import LandscapeNavVecEnv
        >>> env = LandscapeNavVecEnv(4, "long-horizon")
        >>> agent = PPO(QuadraticCriticPolicy, env, gamma=env.discount, n_steps=8, batch_size=32)
        >>> agent.learn(32).num_timesteps
        32
    """

    def __init__(self, *args: Any, layers: tuple[int, ...] = (32, 32), **kwargs: Any) -> None:
        super().__init__(*args, layers=layers, **kwargs)


class PerCoordinatePolicy(NavigationPolicy):
    """One small network, shared by all coordinates; exported, it serves any dimension.

    Args:
        *args: As `ActorCriticPolicy`.
        rows: The channels of the environment's observation.
        **kwargs: As `NavigationPolicy`.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import LandscapeNavVecEnv
        >>> env = LandscapeNavVecEnv(4, "hidden-curvature", action="step_size")
        >>> rows = env.envs.simulation.layout.config
        >>> agent = PPO(
        ...     PerCoordinatePolicy, env, policy_kwargs={"rows": rows}, n_steps=8, batch_size=32
        ... )
        >>> agent.policy.mlp_extractor.actor.net[0]  # gradient, two memories, secant and its flag
        Linear(in_features=5, out_features=32, bias=True)
    """

    def __init__(
        self,
        *args: Any,
        rows: ObservationConfig,
        layers: tuple[int, ...] = (32, 32),
        critic: str = "mlp",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, rows=rows, layers=layers, critic=critic, **kwargs)


class PrivilegedCriticPolicy(NavigationPolicy):
    """The critic sees, in training only, what one who sees everything would still have to pay.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import LandscapeNavVecEnv, PrivilegedVecEnv
        >>> env = PrivilegedVecEnv(4, "hidden-curvature")
        >>> agent = PPO(PrivilegedCriticPolicy, env, n_steps=8, batch_size=32)
        >>> agent.learn(32).num_timesteps
        32
    """

    def __init__(
        self,
        *args: Any,
        layers: tuple[int, ...] = (32, 32),
        critic: str = "privileged",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, layers=layers, critic=critic, **kwargs)
