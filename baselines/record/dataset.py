"""A transcript as a Minari data set, which knows the environment that it comes from."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec

from baselines.record.transcript import Episode
from landscape_gym.files import hidden_beside

NAMESPACE = "landscape-nav"
"""Where data sets lie that are given no name."""
NAMESPACE_FILE = "namespace_metadata.json"
"""What makes a folder a namespace of Minari's."""
ROOT = "MINARI_DATASETS_PATH"
"""The variable that tells Minari where data sets lie."""


def check(name: str, root: Path | None) -> Path:
    """Where a new data set will lie.

    Args:
        name: ``NAMESPACE/NAME-vVERSION``.
        root: Folder of data sets; None is Minari's own.

    Raises:
        ImportError: without minari.
        ValueError: for a name of another form.
        FileExistsError: if there is one of that name.
    """
    try:
        import h5py  # noqa: F401  (minari imports it only as it writes)
        from minari.dataset.minari_dataset import parse_dataset_id
        from minari.storage.datasets_root_dir import get_dataset_path
    except ImportError as error:
        raise ImportError("needs minari: pip install 'landscape-gym[minari]'") from error
    try:
        parse_dataset_id(name)
    except (ValueError, TypeError) as error:  # Minari stumbles where the version is missing
        raise ValueError(
            f"the data set's name is NAMESPACE/NAME-vVERSION, such as {NAMESPACE}/momentum-v0; "
            f"got --name {name!r}."
        ) from error
    folder = get_dataset_path(name) if root is None else root / name
    if folder.exists():
        raise FileExistsError(f"there is a data set {name} already: give another --name.")
    return folder


def default_name(regime: str, policy: str) -> str:
    """The data set's name, if none is given.

    Example:
        >>> default_name("long-horizon", "gradient_descent")
        'landscape-nav/long-horizon-gradient-descent-v0'
    """
    words = re.sub(r"[^-\w]+|_", "-", policy)
    stem = words if words.startswith(regime) else f"{regime}-{words}"
    return f"{NAMESPACE}/{stem}-v0"


def write_dataset(
    folder: Path,
    name: str,
    spec: EnvSpec,
    blocks: Iterable[list[Episode]],
    about: Mapping[str, Any],
) -> None:
    """Write a data set; it appears when it is complete.

    Its metadata have `about` under "landscape_gym", each episode's have its discounted ``cost`` and
    its ``return``. Where `about` has scores, they are Minari's reference scores.

    Args:
        folder: What `check` returned.
        name: Its name.
        spec: Of the environment.
        blocks: The episodes.
        about: Where they come from, in JSON's types.

    Raises:
        OSError: if there is such a data set by now, or the folder cannot be written.
    """
    root = folder.parents[name.count("/")]
    with hidden_beside(root / folder.name) as partial:
        with _minari_root(partial):
            _write(name, spec, blocks, about)
        for above in reversed(Path(name).parents[:-1]):  # namespaces, the outermost first
            (root / above).mkdir(exist_ok=True)
            if not (root / above / NAMESPACE_FILE).exists():
                shutil.copy(partial / above / NAMESPACE_FILE, root / above)
        os.rename(partial / name, folder)


@contextmanager
def _minari_root(folder: Path) -> Iterator[None]:
    """Let Minari write its data sets into a folder."""
    before = os.environ.get(ROOT)
    os.environ[ROOT] = str(folder.absolute())  # Minari puts a relative one before itself
    try:
        yield
    finally:
        del os.environ[ROOT]
        if before is not None:
            os.environ[ROOT] = before


def _write(
    name: str, spec: EnvSpec, blocks: Iterable[list[Episode]], about: Mapping[str, Any]
) -> None:
    """Write the data set where Minari puts it."""
    from minari import create_dataset_from_buffers

    scores = about["scores"]
    references = scores and {
        "ref_min_score": scores["nothing"],
        "ref_max_score": scores["optimum"],
        "num_episodes_average_score": scores["episodes"],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that no author and no link are named
        dataset = create_dataset_from_buffers(
            name,
            [],
            env=spec,
            algorithm_name=about["policy"],
            description=_description(about),
            requirements=[f"landscape-gym>={about['versions']['landscape-gym']}"],
            data_format="hdf5",
            **(references or {}),
        )
    dataset.storage.update_metadata({"landscape_gym": about})
    begun = 0
    for block in blocks:
        dataset.storage.update_episodes(map(_buffer, block))
        dataset.storage.update_episode_metadata(
            [{"cost": e.cost(about["discount"]), "return": float(e.rewards.sum())} for e in block],
            range(begun, begun + len(block)),
        )
        begun += len(block)


def _buffer(episode: Episode) -> Any:
    """An episode in Minari's form."""
    from minari.data_collector import EpisodeBuffer

    last = np.arange(len(episode.rewards)) == len(episode.rewards) - 1
    return EpisodeBuffer(
        seed=episode.seed,
        observations=episode.observations,  # type: ignore[arg-type]  (arrays serve as lists do)
        actions=episode.actions,  # type: ignore[arg-type]
        rewards=episode.rewards,  # type: ignore[arg-type]
        terminations=last & episode.terminated,  # type: ignore[arg-type]
        truncations=last & (not episode.terminated),  # type: ignore[arg-type]
        infos=episode.infos,
    )


def _description(about: Mapping[str, Any]) -> str:
    """What the data set is, in some sentences."""
    first = about["first_seed"]
    scores = "Score 0 is doing nothing, 1 the optimum (mean returns). " if about["scores"] else ""
    return (
        f"{about['policy']} in {about['environment']}, episodes seeded {first} to "
        f"{first + about['episodes'] - 1}. {about['sentence']} {scores}Made by: {about['command']}"
    )
