"""The libraries that are checked, one `Row` each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A library, where it is installed, and what is checked there."""

    name: str
    """After ``--only``."""
    library: str
    """As its users call it."""
    distribution: str
    """Whose version the table shows."""
    script: str
    """The check, a file of checks/: it works if it exits with status 0, and its last line of
    output is what it found."""
    checked: str
    """What the script asserts, in a sentence."""
    requirements: tuple[str, ...] = ()
    """What is installed beside landscape-gym; with a version where constraints.txt has none."""
    extras: tuple[str, ...] = ()
    """Extras of landscape-gym that are installed."""
    freed: tuple[str, ...] = ()
    """Packages of which the library wants another release than constraints.txt pins."""
    alone: tuple[str, ...] = ()
    """What is installed after all else, without what it asks for."""


_LEARNS = "comes to cost less than half of what it did, and of doing nothing, on held-out episodes"

_ALL = (
    Row(
        "gymnasium",
        "Gymnasium's wrappers",
        "gymnasium",
        "wrappers.py",
        "`check_env` without a warning; statistics, normalisation, clipping, time limits and "
        "stacked frames, single and batched, give the numbers that they should; the native batch "
        "is that of single environments.",
        extras=("data",),
    ),
    Row(
        "oldest-gymnasium",
        "Gymnasium's wrappers, oldest release",
        "gymnasium",
        "wrappers.py",
        "The same with the oldest release that landscape-gym accepts.",
        requirements=("gymnasium==1.2.0",),
        extras=("data",),
        freed=("gymnasium",),
    ),
    Row(
        "record-video",
        "Gymnasium's RecordVideo",
        "moviepy",
        "record_video.py",
        "The video of an episode has a frame for each step and one for the start, and they differ.",
        extras=("plots", "video"),
    ),
    Row(
        "stable-baselines3",
        "Stable-Baselines3",
        "stable-baselines3",
        "stable_baselines3_ppo.py",
        f"`check_env` without a warning; PPO on `LandscapeNavVecEnv` {_LEARNS}.",
        extras=("agents",),
    ),
    Row(
        "sb3-contrib",
        "sb3-contrib",
        "sb3-contrib",
        "sb3_contrib_trpo.py",
        f"TRPO on `LandscapeNavVecEnv` {_LEARNS}.",
        extras=("agents",),
    ),
    Row(
        "cleanrl",
        "PPO in one file, in CleanRL's manner",
        "torch",
        "single_file_ppo.py",
        f"PPO in plain torch on `gym.make_vec` {_LEARNS}.",
    ),
    Row(
        "torchrl",
        "TorchRL",
        "torchrl",
        "torchrl_ppo.py",
        "`check_env_specs` of `GymEnv`; PPO by collector, GAE and ClipPPOLoss on a batch "
        f"{_LEARNS}.",
        requirements=("torchrl==0.14.1",),
    ),
    Row(
        "torchrl-native",
        "TorchRL, native",
        "torchrl",
        "torchrl_native.py",
        "`check_env_specs` of `LandscapeNavTorchRL`; rows are reset by themselves; a linear rule, "
        f"by gradients through `rollout`, {_LEARNS}.",
        extras=("torchrl",),
    ),
    Row(
        "rllib",
        "RLlib",
        "ray",
        "rllib_ppo.py",
        f"PPO in the new API stack, on a batch made by its id, {_LEARNS}.",
        requirements=("ray[rllib]==2.60.0",),
        freed=("gymnasium", "ray"),
    ),
    Row(
        "tianshou",
        "Tianshou",
        "tianshou",
        "tianshou_ppo.py",
        f"PPO by collector and trainer, on single environments side by side, {_LEARNS}.",
        requirements=("tianshou==2.0.1",),
        freed=("filelock", "pandas", "virtualenv"),
    ),
    Row(
        "pufferlib",
        "PufferLib's core",
        "pufferlib-core",
        "pufferlib_ppo.py",
        "`GymnasiumPufferEnv` in `pufferlib.vector` gives the numbers of single environments; PPO "
        f"in plain torch on it {_LEARNS}.",
        requirements=("psutil",),
        alone=("pufferlib-core==3.0.23",),
    ),
    Row(
        "minari",
        "Minari",
        "minari",
        "minari_dataset.py",
        "`DataCollector` records episodes; the data set, read back, has their steps and recovers "
        "an environment that replays them.",
        requirements=("minari[create]",),
        extras=("minari",),
    ),
    Row(
        "lightning",
        "Lightning",
        "lightning",
        "lightning_loops.py",
        "`SelfScaledSOAP`, `SelfScaledAdam` and `FilterBank` come to the losses of a bare loop in "
        "the automatic loop, which gives them a closure, and in a manual one.",
        requirements=("lightning==2.6.6",),
    ),
    Row(
        "transformers",
        "Hugging Face's Trainer",
        "transformers",
        "transformers_trainer.py",
        "The same optimizers, told the loss in `compute_loss`, halve it.",
        requirements=("transformers==5.24.0", "accelerate==1.15.0"),
    ),
)

ROWS: dict[str, Row] = {row.name: row for row in _ALL}
"""By name, in the table's order."""
