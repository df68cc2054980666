"""Packages that the library does without, and the extra of pip's that installs each."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

EXTRAS = {
    "filelock": "agents",
    "joblib": "agents",
    "rich": "agents",
    "sb3_contrib": "agents",
    "stable_baselines3": "agents",
    "tensorboard": "agents",
    "threadpoolctl": "agents",
    "tqdm": "agents",
    "tyro": "agents",
    "matplotlib": "plots",
    "PIL": "plots",
    "moviepy": "video",
    "pygame": "video",
    "mlxtend": "data",
    "mnist1d": "data",
    "sklearn": "data",
    "pandas": "parquet",
    "pyarrow": "parquet",
    "minari": "minari",
    "h5py": "minari",
    "ray": "ray",
    "dash": "explore",
    "plotly": "explore",
    "torchrl": "torchrl",
    "tensordict": "torchrl",
    "schedulefree": "contest",
    "prodigyopt": "contest",
    "pytorch_optimizer": "contest",
    "dog": "contest",
    "momo": "contest",
    "huggingface_hub": "hub",
}
"""Extras by the name that is imported."""


def lacking(error: ModuleNotFoundError) -> str | None:
    """What to install, if an extra brings what is missing.

    Example:
        >>> lacking(ModuleNotFoundError(name="sklearn.datasets"))
        "the package 'sklearn' is missing: pip install 'landscape-gym[data]'."
    """
    package = (error.name or "").partition(".")[0]
    return installing([package]) if package in EXTRAS else None


def installing(packages: Iterable[str]) -> str:
    """What is missing, and the one command that installs all of it.

    Example:
        >>> installing(["matplotlib", "sklearn"])
        "the packages 'matplotlib', 'sklearn' are missing: pip install 'landscape-gym[data,plots]'."
    """
    names = list(packages)
    extras = ",".join(sorted({EXTRAS[name] for name in names}))
    said = f"package {names[0]!r} is" if len(names) == 1 else f"packages {_listed(names)} are"
    return f"the {said} missing: pip install 'landscape-gym[{extras}]'."


def require(packages: Iterable[str], whose: str = "") -> None:
    """See that packages are installed, without importing them.

    Args:
        packages: Names in `EXTRAS`, as they are imported.
        whose: A sentence on what needs them.

    Raises:
        ModuleNotFoundError: for all that are missing at once, with the command that installs them.
    """
    missing = [name for name in dict.fromkeys(packages) if not _installed(name)]
    if missing:
        raise Missing(f"{installing(missing)} {whose}".strip(), name=missing[0])


class Missing(ModuleNotFoundError):
    """Packages that are missing, told with the command that installs them."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ModuleNotFoundError, ValueError):  # in sys.modules, but as nothing that is there
        return False


@contextmanager
def needed_by(module: str) -> Iterator[None]:
    """Say what to install, where imports fail for want of an extra.

    A command is ended by that one line, and by another where Ctrl-C interrupts its imports; others
    are told by the exception.

    Args:
        module: The ``__name__`` of the module that imports.

    Raises:
        ModuleNotFoundError: for the package that is missing.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not _is_command(module):
            raise
        print("interrupted. Nothing was begun.", file=sys.stderr)
        sys.exit(130)
    except ModuleNotFoundError as error:
        said = str(error) if isinstance(error, Missing) else lacking(error)
        if said is None:
            raise
        if _is_command(module):
            print(said, file=sys.stderr)
            sys.exit(2)
        raise Missing(said, name=error.name) from error


def _is_command(module: str) -> bool:
    # sys.argv[0] is "-m" while Python imports the packages around a command's module. The script
    # that pip installs, of that name, imports the module of the command by its own name.
    script = Path(sys.argv[0]).stem if sys.argv else ""
    installed = module == "landscape_gym.__main__" and script == "landscape-gym"
    return installed or module == "__main__" or sys.argv[:1] == ["-m"]
