"""How long a training takes, in words: before it has begun, and as it goes."""

from __future__ import annotations

MICROSECONDS = {
    "linear": 12.0,
    "mlp": 35.0,
    "steady": 15.0,
    "resets": 9.0,
    "schedule": 50.0,
    "basins": 130.0,
    "per-coordinate": 120.0,
    "belief": 10.0,
    "memory": 25.0,
    "recurrent": 380.0,
    "frame": 85.0,
    "frame-parameters": 85.0,
    "a2c": 15.0,
    "trpo": 35.0,
    "sac": 4_000.0,
    "td3": 2_500.0,
    "ars": 18.0,
    "evolution": 60.0,
}
"""Of a core for an environment step in training, about, by preset. Machines and problems differ:
what is left is measured as soon as there is something to measure (`agents.bar`)."""
USUAL = 30.0
"""Of other presets."""


def usual_seconds(preset: str, steps: int) -> float:
    """Of a training of so many environment steps, about."""
    return 1e-6 * MICROSECONDS.get(preset, USUAL) * steps


def in_words(seconds: float) -> str:
    """A duration as one would say it.

    Example:
        >>> in_words(50.0), in_words(100.0), in_words(9_000.0)
        ('a minute or less', '2 minutes', '2.5 hours')
    """
    minutes = seconds / 60
    if minutes < 1.5:
        return "a minute or less"
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{minutes / 60:.1f} hours"
