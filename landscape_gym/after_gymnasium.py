"""Environments are registered as soon as Gymnasium is imported, which they do not ask for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

GYMNASIUM = "gymnasium"
REGISTRATION = "landscape_gym.registration"
"""The module that registers the environments as it is imported."""


def register_environments() -> None:
    """Register them now, if Gymnasium is imported, or else right after it is."""
    if GYMNASIUM in sys.modules:
        import_module(REGISTRATION)
    elif not any(isinstance(finder, _AfterGymnasium) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterGymnasium())


class _AfterGymnasium:
    """Finds nothing itself; asked for Gymnasium, once, it lets the registration follow."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != GYMNASIUM:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(GYMNASIUM)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_register(module: ModuleType) -> None:
            execute(module)
            import_module(REGISTRATION)

        spec.loader.exec_module = execute_and_register
        return spec
