"""How long a training takes, in words: before it has begun, and as it goes."""

from __future__ import annotations

MICROSECONDS = {
    "linear": 12.0,
    "mlp": 35.0,
    "steady": 15.0,
    "resets": 9.0,
    "learning-speed": 11.0,
    "schedule": 50.0,
    "basins": 130.0,
    "per-coordinate": 120.0,
    "belief": 10.0,
    "memory": 25.0,
    "logarithms": 45.0,
    "recurrent": 380.0,
    "frame": 85.0,
    "frame-parameters": 85.0,
    "frame-any": 160.0,
    "gradient-frame": 230.0,
    "preconditioner": 45.0,
    "weights": 45.0,
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


LEAST = 60.0
"""Seconds; of less nothing is said, as much of a run is not training."""


def usual(preset: str, steps: int) -> str:
    """How long a training of so many environment steps takes, about, in words.

    Example:
        >>> usual("linear", 1_000), usual("sac", 80_000)
        ('a minute or less', '5 minutes')
    """
    seconds = 1e-6 * MICROSECONDS.get(preset, USUAL) * steps
    return in_words(seconds) if seconds > LEAST else "a minute or less"


def in_words(seconds: float) -> str:
    """A duration as one would say it.

    Example:
        >>> in_words(50.0), in_words(100.0), in_words(9_000.0)
        ('50 seconds', '2 minutes', '2.5 hours')
    """
    minutes = seconds / 60
    if minutes < 1.5:
        return f"{seconds:.0f} seconds"
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{minutes / 60:.1f} hours"
