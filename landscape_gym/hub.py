"""Learned rules on the Hugging Face Hub: push one, or load what a stranger has pushed.

A repository of the hub holds the rule's file, `RULE`, and a card. Loading takes that one file, of
the commit that was looked at, after its size is known to be one that is read; nothing in it is
executed (`landscape_gym.artifact`), and no other file of the repository is opened.
"""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from landscape_gym.artifact.bounds import MAX_BYTES
from landscape_gym.artifact.store import ArtifactError, load_rule, save_rule
from landscape_gym.configuration import plain
from landscape_gym.extras import require
from landscape_gym.learned import LearnedRule

RULE = "rule.safetensors"
"""Name of the rule's file."""
CARD = "README.md"


class Files(Protocol):
    """What is asked of the hub, of which `huggingface_hub.HfApi` is one."""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> Any:
        """Make a repository, unless it is there."""
        ...

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> Any:
        """Add the files of a folder in one commit; what it gives has the commit's ``oid``."""
        ...

    def model_info(self, repo_id: str, *, revision: str | None, files_metadata: bool) -> Any:
        """``sha`` of the commit and ``siblings``, which have ``rfilename`` and ``size``."""
        ...

    def hf_hub_download(self, repo_id: str, filename: str, *, revision: str) -> str:
        """Path of a file, fetched unless it was before."""
        ...


def push_to_hub(
    rule: LearnedRule, repo: str, *, private: bool = False, files: Files | None = None
) -> str:
    """Push a learned rule and its card in one commit.

    Args:
        rule: Such as `load_rule` of a run's ``rule.safetensors`` gives.
        repo: ``"owner/name"``, which is made if it is not there.
        private: Whether a repository that is made is private.
        files: The hub; by default the one that `huggingface_hub` is logged in to.

    Returns:
        The commit, by which `from_hub` finds this very rule.

    Raises:
        ArtifactError: for a rule that could not be loaded again; nothing is pushed.
    """
    hub = files or _hub()
    with tempfile.TemporaryDirectory() as folder:
        save_rule(rule, Path(folder, RULE))
        Path(folder, CARD).write_text(card(rule, repo))
        hub.create_repo(repo, private=private, exist_ok=True)
        pushed = hub.upload_folder(
            repo_id=repo, folder_path=folder, commit_message="A learned rule of landscape-gym"
        )
    return pushed.oid


def from_hub(repo: str, *, revision: str | None = None, files: Files | None = None) -> LearnedRule:
    """A learned rule from the hub; nothing that a stranger has pushed is executed.

    Args:
        repo: ``"owner/name"``.
        revision: A commit, branch or tag; the latest commit if none is named.
        files: The hub; by default the public one.

    Raises:
        ArtifactError: if the repository has no rule, or one that `load_rule` refuses.
    """
    hub = files or _hub()
    found = hub.model_info(repo, revision=revision, files_metadata=True)
    sizes = {each.rfilename: each.size for each in found.siblings or ()}
    if RULE not in sizes:
        raise ArtifactError(
            f"{repo!r} has no file {RULE!r}. Name a repository that push_to_hub wrote to."
        )
    size = sizes[RULE]
    if size is None or size > MAX_BYTES:
        raise ArtifactError(
            f"{RULE!r} of {repo!r} has {size} bytes and is not fetched: accepted are at most "
            f"{MAX_BYTES}."
        )
    return load_rule(Path(hub.hf_hub_download(repo, RULE, revision=found.sha)))


def card(rule: LearnedRule, repo: str) -> str:
    """The repository's front page: what the rule sees and does, and how it is loaded."""
    about = json.dumps(plain(rule.about), indent=2)
    widths = [rule.network.inputs, *(len(layer.bias) for layer in rule.network.layers)]
    return f"""---
library_name: landscape-gym
tags: [landscape-gym, learned-optimizer, reinforcement-learning]
---

# A learned rule

A learning rule that was learned with landscape-gym.

```python
from landscape_gym.hub import from_hub

rule = from_hub("{repo}")
```

- sees: {", ".join(rule.observation.channels)}
- does: `{json.dumps(plain(rule.action))}`
- network: {" -> ".join(map(str, widths))}, {rule.network.activation}

Where it comes from:

```json
{about}
```
"""


def _hub() -> Files:
    """The public hub, or whichever `huggingface_hub` is set up for."""
    require(["huggingface_hub"], "Learned rules are pushed and fetched by it.")
    hub: Any = import_module("huggingface_hub")
    return hub.HfApi()
