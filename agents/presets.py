"""Settings that are known to train well, by name, and which of them each regime takes."""

from __future__ import annotations

from dataclasses import replace

from agents.algorithms import A2C, ALGORITHMS, ARS, PPO, SAC, TD3, TRPO, RecurrentPPO
from agents.dagger import Dagger
from agents.evolution import Evolution
from agents.gradient import Gradient
from agents.linear_dagger import LinearDagger
from agents.perturbation import EvolutionStrategy, PersistentEvolutionStrategy
from agents.trainer import Training
from landscape_gym.actions import StepSize, Velocity
from landscape_gym.configuration import one_of
from landscape_gym.observation import ObservationConfig
from landscape_gym.sb3 import SEEN_IN_A_FRAME

LINEAR = PPO(
    timesteps=3_000_000,
    num_envs=512,
    batch_size=4096,
    n_epochs=2,
    gae_lambda=0.9,
    critic="fitted",
)
"""A critic that is solved for does not lag, so that lambda can be lower and epochs fewer: less
noise from the same steps, in less time."""
STEADY = PPO(
    timesteps=4_000_000,
    num_envs=512,
    batch_size=4096,
    learning_rate=3e-3,
    gae_lambda=0.95,
)
"""Larger batches, for returns that are noisy whatever an agent does."""

FRAME = Dagger(observation=SEEN_IN_A_FRAME, action=Velocity(scale=10.0))
"""Moves are not explored, so that the box can be as wide as one likes."""
BELIEVER = replace(FRAME, belief=True, rounds=30)
"""Begins as the learner who takes the likeliest Hessian for the truth: fewer rounds are enough."""
WITH_PARAMETERS = ObservationConfig(
    ("gradient", "previous_update", "parameters", "averages", "lags"),
    rates=(0.5, 0.8, 0.9, 0.95),
)
"""The same for learners who know where they are, and so, more or less, where the target is."""
FINE_TUNED = PPO(
    sees="axes",
    observation=FRAME.observation,
    action=FRAME.action,
    begins="landscape-nav",
    layers=(32, 32),
    critic="privileged",
    timesteps=1_000_000,
    num_envs=256,
    episode_steps=60,
    n_steps=60,
    batch_size=2560,
    n_epochs=4,
    learning_rate=1e-4,
    gae_lambda=0.95,
    log_std_start=-4.0,
    log_std_end=-5.0,
)
"""Small steps and quiet exploration, as the rule is good already. A rollout is a whole episode:
shorter ones alternate between young and old ages, and blow up."""

PRESETS: dict[str, Training] = {
    # Controls that are linear in what is seen.
    "linear": LINEAR,
    # The same by a network. More environments and shorter rollouts, as it has more to average over.
    "mlp": PPO(
        layers=(32, 32),
        timesteps=3_000_000,
        num_envs=512,
        n_steps=20,
        batch_size=2048,
        learning_rate=3e-3,
    ),
    # Tasks are redrawn unseen.
    "steady": STEADY,
    # Tasks are redrawn: the pull to the target and that to the prior's mean are features of their
    # own. Many steps, each used once, as redraws make returns noisy; exploration is loud, to be
    # heard above them.
    "resets": replace(
        LINEAR,
        observation=ObservationConfig(("error", "parameters")),
        timesteps=12_000_000,
        num_envs=2048,
        batch_size=8192,
        n_epochs=1,
        gae_lambda=0.8,
        log_std_start=-1.3,
        log_std_end=-2.0,
    ),
    # Actions that set step sizes use their whole box. How large a step is best depends on how far
    # the training is, and less on the loss; the critic is a network, as a loss is no quadratic.
    "schedule": PPO(
        observation=ObservationConfig(("log_loss", "age")),
        critic="mlp",
        timesteps=200_000,
        n_steps=50,
        batch_size=1600,
        n_epochs=4,
        learning_rate=3e-3,
        gae_lambda=0.95,
        log_std_start=-1.5,
        log_std_end=-2.5,
    ),
    # The control is a learning rate. Without noise the best one is as the root of the loss, and so
    # it nearly is with it: linear in that root, and in the logarithm, which tells small losses
    # apart. Rollouts are whole episodes, as a critic that is fitted to late steps knows nothing of
    # early ones. Exploration is quiet, as rates multiply the gradient's noise; what it finds is
    # faint then, so that batches are whole rollouts, and steps small.
    "learning-speed": PPO(
        observation=ObservationConfig(("root_loss", "log_loss")),
        critic="fitted",
        timesteps=4_000_000,
        num_envs=1024,
        n_steps=50,
        batch_size=51_200,
        n_epochs=4,
        learning_rate=2e-3,
        gae_lambda=0.95,
        clip_range=0.5,
        log_std_start=-3.0,
        log_std_end=-4.5,
    ),
    # Basins are switched: relu, and a critic that can have an edge between them.
    "basins": PPO(
        layers=(128, 128),
        activation="relu",
        critic="mlp",
        timesteps=2_500_000,
        learning_rate=2e-3,
        log_std_start=-1.0,
        log_std_end=-2.5,
    ),
    # Curvature is hidden: one network for all coordinates sets step size and momentum, which act
    # multiplicatively, so that noise in them is a bias and has to be small.
    "per-coordinate": PPO(
        layers=(32, 32),
        critic="privileged",
        per_coordinate=True,
        action=StepSize(low=0.02, high=8.0, max_momentum=0.9),
        timesteps=2_500_000,
        n_steps=25,
        batch_size=640,
        n_epochs=4,
        learning_rate=2e-3,
        gae_lambda=0.95,
        log_std_start=-1.5,
        log_std_end=-2.0,
    ),
    # The target is hidden: a Kalman filter says where it is believed to be. Exploration is quiet:
    # louder, the flat coordinate's gain comes out too large.
    "belief": replace(
        LINEAR,
        sees="belief",
        timesteps=2_000_000,
        learning_rate=3e-3,
        gae_lambda=0.97,
    ),
    # The same from averages of gradients and of parameters: each pair tells where the gradient
    # would be zero. Starts and targets differ so much that the critic has to know them.
    "memory": replace(
        STEADY,
        observation=ObservationConfig(
            ("gradient", "averages", "lags"), rates=(0.5, 0.8, 0.9, 0.95, 0.99)
        ),
        critic="privileged",
        timesteps=6_000_000,
        num_envs=1024,
        n_steps=20,
        log_std_start=-1.5,
        log_std_end=-2.5,
        episode_steps=100,
    ),
    # Curvature is hidden and shows in the noise: the step's logarithm is linear in the logarithm of
    # the gradients' size, so that its slope is the exponent that was found. What a move does shows
    # only after dozens of steps, in noise: it is paid by what it loses to the optimum, told the
    # curvature. Rollouts are whole episodes of the problem's own length, as early steps call for
    # other sizes than later ones. A few episodes lose more than all others: a batch is a whole
    # rollout, as in a tenth of it they are all that is heard, and exploration is quiet. The rule
    # has far to go, so that clips are wide.
    "logarithms": PPO(
        per_coordinate=True,
        one_coordinate=True,
        rewards="regrets",
        critic="fitted",
        action=StepSize(low=0.05, high=20.0, max_momentum=0.0),
        timesteps=6_000_000,
        num_envs=100,
        episode_steps=1000,
        n_steps=1000,
        batch_size=100_000,
        n_epochs=4,
        learning_rate=0.02,
        gae_lambda=0.8,
        clip_range=0.7,
        log_std_start=-2.5,
        log_std_end=-3.2,
    ),
    # The same by an LSTM, which has to find out what to remember.
    "recurrent": RecurrentPPO(
        observation=ObservationConfig(("gradient", "previous_update")),
        timesteps=1_000_000,
        num_envs=128,
        n_steps=50,
        batch_size=1280,
        learning_rate=2e-3,
        gae_lambda=0.95,
        log_std_start=-1.5,
        log_std_end=-2.5,
        episode_steps=100,
    ),
    # Curvature is hidden, coordinates interact, and gradients are noisy: in the frame of gradients,
    # by regression on the optimum's moves.
    "frame": FRAME,
    # The same for any dimension. Short episodes hide that a rule becomes unstable later on; what
    # is to be done first where coordinates are many shows in the first moves of those of 300.
    # Episodes that begin near the target are rare, and are the worst: so they count for more. Small
    # minibatches, as more steps of Adam are worth more than more episodes.
    "frame-any": replace(
        FRAME,
        dims=(2, 3, 6, 20, 60),
        wide=300,
        relative=True,
        evenly=1.75,
        rounds=24,
        num_envs=192,
        batch_size=320,
        episode_steps=200,
    ),
    "frame-parameters": replace(FRAME, observation=WITH_PARAMETERS),
    # The problem is known but for Hessian and target: in the frame of the likeliest Hessian.
    "believer": BELIEVER,
    "believer-parameters": replace(BELIEVER, observation=WITH_PARAMETERS),
    # From the weights that regression has found: an agent as good as its rule. Trials with larger
    # steps lost (5e-4: 1.078 became 1.108), and none gained.
    "fine-tuned": FINE_TUNED,
    # The landscape is known, and not quadratic: a matrix for the gradient, a preconditioner, and
    # one for each average. The gradient's alone comes to 1.043 of the optimum, all to 1.015.
    "preconditioner": LinearDagger(
        observation=ObservationConfig(
            ("gradient", "previous_update", "averages"), rates=(0.5, 0.8, 0.9, 0.95)
        ),
        action=Velocity(scale=10.0),
    ),
    "a2c": A2C(),
    "trpo": TRPO(),
    "sac": SAC(),
    "td3": TD3(),
    "ars": ARS(),
    # Rules for networks: whole episodes are compared, not steps.
    "evolution": Evolution(),
    # The same by PPO: an action is the weights of a rule, for a third of a training. Exploration
    # ends quietly, as its mean is the rule.
    "weights": PPO(
        hold=100,
        critic="fitted",
        timesteps=29_184,
        num_envs=128,
        n_steps=3,
        batch_size=96,
        n_epochs=4,
        learning_rate=2.5e-2,
        gae_lambda=0.95,
        clip_range=1.0,
        max_grad_norm=10.0,
        log_std_start=-1.2,
        log_std_end=-3.0,
    ),
    # Where the model is known: the yardstick for learning.
    "gradient": Gradient(),
    # One network for all coordinates, which sees ratios of sizes and sets step size and momentum.
    # More averages to see, twice the batch and half of it end alike; windows of 75 are unstable.
    "gradient-per-coordinate": Gradient(
        action=StepSize(low=0.02, high=8.0, max_momentum=0.9),
        layers=(32, 32),
        per_coordinate=True,
        windows=250,
        window=25,
        episode_steps=200,
        learning_rate=4e-3,
    ),
    # In the frame of gradients instead, by windows of two steps: with windows of five, and with
    # steps of Adam half as large, it ends further off.
    "gradient-frame": Gradient(
        observation=FRAME.observation,
        action=FRAME.action,
        layers=(32, 32),
        framed=True,
        windows=1000,
        window=2,
        episode_steps=200,
        learning_rate=0.02,
    ),
    "es": EvolutionStrategy(),
    "pes": PersistentEvolutionStrategy(),
    # Optimizers of networks; what they come to differs by decades, so logarithms are compared.
    "gradient-networks": Gradient(
        per_coordinate=True,
        objective="log_loss",
        windows=250,
        window=20,
        episode_steps=300,
        num_envs=64,
        learning_rate=0.04,
    ),
    "pes-networks": PersistentEvolutionStrategy(
        per_coordinate=True,
        objective="log_loss",
        windows=350,
        window=20,
        episode_steps=300,
        pairs=64,
        spread=0.15,
        learning_rate=0.015,
    ),
}
"""By name: of PPO several, of the other algorithms one."""

OF_REGIME: dict[str, str] = {
    "landscape-nav": "believer",
    "short-horizon": "linear",
    "long-horizon": "linear",
    "hidden-curvature": "frame-any",
    "geometry": "linear",
    "partial-control": "linear",
    "noisy-gradient": "memory",
    "drifting-target": "logarithms",
    "task-switching": "resets",
    "hidden-task-switching": "steady",
    "learning-speed": "learning-speed",
    "logistic-regression": "preconditioner",
    "double-well": "basins",
    "small-networks": "evolution",
}
"""The best that is known of each regime."""


def preset_for(regime: str, algorithm: str | None = None, name: str | None = None) -> str:
    """The preset's name for a regime, unless it is named; of one algorithm, if that is asked for.

    Raises:
        ValueError: for a name that is not known, or a preset of another algorithm.
    """
    if name is not None:
        algo = PRESETS[one_of("preset", name, PRESETS)].algorithm
        if algorithm not in (None, algo):
            raise ValueError(
                f"the preset {name!r} trains with {algo!r}, not {algorithm!r}: name one of them."
            )
        return name
    best = OF_REGIME[one_of("regime", regime, OF_REGIME)]
    if algorithm is None or PRESETS[best].algorithm == one_of("algo", algorithm, ALGORITHMS):
        return best
    return next(name for name, each in PRESETS.items() if each.algorithm == algorithm)
