"""Settings that are known to train well, each departure from SB3's defaults with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

from landscape_gym.actions import Action, StepSize


@dataclass(frozen=True)
class Preset:
    """How PPO is set up and for how long it trains."""

    policy: str = "linear"
    """"linear": linear actor, critic quadratic in the observation. "mlp": SB3's MlpPolicy."""
    timesteps: int = 1_000_000
    """Environment steps to train for, over all environments."""
    num_envs: int = 128
    """Environments in the batch. Large batches: the gradient's noise, not the number of updates,
    limits how close the gains come."""
    n_steps: int = 32
    """Steps per environment and rollout."""
    batch_size: int = 1024
    """Minibatch of PPO's updates; SB3's 64 makes updates slower and noisier."""
    n_epochs: int = 5
    """Passes over each rollout."""
    learning_rate: float = 5e-3
    """Adam's step, decayed linearly to 0 so that the gains settle."""
    gae_lambda: float = 0.97
    """Trade of bias and variance in the advantage."""
    log_std_start: float = -2.0
    """Logarithm of the exploration noise, in units of the action box, at the start. Scheduled and
    not learned: a learned one collapses before the gain is right."""
    log_std_end: float = -3.0
    """The same at the end. Additive noise does not bias linear-quadratic gains."""
    episode_steps: int = 50
    """Steps of a training episode; short ones, cut by time limits with bootstrapping, keep the
    states that matter in the batch. Evaluation uses the problem's own length."""


LINEAR = Preset()

PRESETS: dict[str, Preset] = {
    "linear": LINEAR,
    "mlp": replace(
        LINEAR,
        policy="mlp",
        timesteps=3_000_000,
        num_envs=512,
        n_steps=20,
        batch_size=2048,
        learning_rate=3e-3,
    ),
    "schedule": replace(
        LINEAR,
        timesteps=400_000,
        log_std_start=-1.0,
        log_std_end=-2.0,
    ),
}
"""By name. "linear" for controls that are linear in what is seen, "mlp" where they are not,
"schedule" for actions that set step sizes, whose box is used whole."""


def default_preset(action: Action) -> str:
    """The preset for what an agent's actions mean."""
    return "schedule" if isinstance(action, StepSize) else "linear"
