"""What ``--help`` says of presets: which regimes take one, and what it sets."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from agents.presets import OF_REGIME, PRESETS


def presets_help() -> str:
    """All presets, a line each: their algorithm, regimes, and values that differ from defaults."""
    lines = ["Presets, and what they set; other settings have the defaults below:"]
    for name, preset in PRESETS.items():
        regimes = [regime for regime, of in OF_REGIME.items() if of == name]
        whose = f", of {', '.join(regimes)}" if regimes else ""
        lines.append(f"  {name} ({preset.algorithm}{whose}): {_set_by(preset)}")
    return "\n".join(lines)


def _set_by(preset: Any) -> str:
    """The fields that a preset sets, and the length of its training in any case."""
    plain = type(preset)()
    said = [
        f"{field.name} {getattr(preset, field.name)!r}"
        for field in fields(preset)
        if field.name == "timesteps" or getattr(preset, field.name) != getattr(plain, field.name)
    ]
    return ", ".join(said) or "nothing"
