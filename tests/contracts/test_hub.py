"""Learned rules pushed to, and loaded from, a stand-in of the hub's files."""

import pickle
import shutil
from hashlib import sha256
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from landscape_gym.artifact import ArtifactError, load_rule, save_rule, shipped_rules
from landscape_gym.artifact.bounds import MAX_BYTES
from landscape_gym.configuration import plain
from landscape_gym.hub import CARD, RULE, from_hub, push_to_hub

REPO = "someone/a-rule"


class Folders:
    """A folder for each commit, and nothing more than the hub's own signatures promise."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commits: dict[str, list[str]] = {}
        self.fetched: list[tuple[str, str]] = []

    def create_repo(self, repo_id, *, private, exist_ok):
        assert exist_ok
        self.commits.setdefault(repo_id, [])

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        assert commit_message
        commits = self.commits[repo_id]
        oid = sha256(f"{repo_id} {len(commits)}".encode()).hexdigest()[:40]
        shutil.copytree(folder_path, self.root / oid)
        commits.append(oid)
        return SimpleNamespace(oid=oid)

    def model_info(self, repo_id, *, revision, files_metadata):
        assert files_metadata
        sha = revision or self.commits[repo_id][-1]
        siblings = [
            SimpleNamespace(rfilename=path.name, size=path.stat().st_size)
            for path in (self.root / sha).iterdir()
        ]
        return SimpleNamespace(sha=sha, siblings=siblings)

    def hf_hub_download(self, repo_id, filename, *, revision):
        self.fetched.append((filename, revision))
        link = self.root / "cache" / revision / filename  # the hub's cache holds links
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.root / revision / filename)
        return str(link)


@pytest.fixture
def hub(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def pushed_by_a_stranger(hub: Folders, files: dict[str, bytes]) -> None:
    folder = hub.root / "strange"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    hub.create_repo(REPO, private=False, exist_ok=True)
    hub.upload_folder(repo_id=REPO, folder_path=folder, commit_message="trust me")


@pytest.mark.parametrize("name", shipped_rules())
def test_a_rule_comes_back_as_it_was_pushed(hub: Folders, tmp_path: Path, name: str):
    rule = load_rule(name)
    oid = push_to_hub(rule, REPO, files=hub)
    again = from_hub(REPO, files=hub)
    save_rule(rule, tmp_path / "before.safetensors")
    save_rule(again, tmp_path / "after.safetensors")
    assert (tmp_path / "before.safetensors").read_bytes() == (
        tmp_path / "after.safetensors"
    ).read_bytes()
    assert hub.fetched == [(RULE, oid)]


def test_an_older_commit_is_found_by_its_name(hub: Folders):
    first, second = (load_rule(name) for name in shipped_rules()[:2])
    oid = push_to_hub(first, REPO, files=hub)
    push_to_hub(second, REPO, files=hub)
    assert plain(from_hub(REPO, files=hub).about) == plain(second.about)
    assert plain(from_hub(REPO, revision=oid, files=hub).about) == plain(first.about)


def test_the_card_says_how_the_rule_is_loaded(hub: Folders):
    rule = load_rule(shipped_rules()[0])
    oid = push_to_hub(rule, REPO, files=hub)
    card = (hub.root / oid / CARD).read_text()
    assert f'from_hub("{REPO}")' in card
    assert card.startswith("---\nlibrary_name: landscape-gym\n")
    assert all(channel in card for channel in rule.observation.channels)
    assert {path.name for path in (hub.root / oid).iterdir()} == {RULE, CARD}


class Bomb:
    """Unpickled, it would be known."""

    def __reduce__(self):
        return pytest.fail, ("a stranger's file was executed",)


def test_what_a_stranger_pushed_is_not_executed_and_no_other_file_is_fetched(hub: Folders):
    bomb = pickle.dumps(Bomb())
    pushed_by_a_stranger(hub, {RULE: bomb, "model.zip": bomb, "landscape_gym.py": b"exit()"})
    with pytest.raises(ArtifactError, match="is refused"):
        from_hub(REPO, files=hub)
    assert [name for name, _ in hub.fetched] == [RULE]


def test_a_file_that_is_too_large_is_not_fetched(hub: Folders):
    pushed_by_a_stranger(hub, {RULE: bytes(MAX_BYTES + 1)})
    with pytest.raises(ArtifactError, match=f"at most {MAX_BYTES}"):
        from_hub(REPO, files=hub)
    assert not hub.fetched


def test_a_repository_without_a_rule_is_refused(hub: Folders):
    pushed_by_a_stranger(hub, {"model.safetensors": b""})
    with pytest.raises(ArtifactError, match="push_to_hub"):
        from_hub(REPO, files=hub)


def test_a_rule_that_could_not_be_loaded_is_not_pushed(hub: Folders):
    rule = load_rule(shipped_rules()[0])
    rule.mean[...] = np.nan
    with pytest.raises(ArtifactError):
        push_to_hub(rule, REPO, files=hub)
    assert not hub.commits


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ModuleNotFoundError, match=r"landscape-gym\[hub\]"):
        from_hub(REPO)


@pytest.mark.parametrize(
    "method", ["create_repo", "upload_folder", "model_info", "hf_hub_download"]
)
def test_the_hub_takes_what_its_stand_in_takes(method: str):
    huggingface_hub = pytest.importorskip("huggingface_hub", reason="it is of the extra 'hub'")
    theirs = signature(getattr(huggingface_hub.HfApi, method))
    ours = signature(getattr(Folders, method)).parameters.values()
    by_keyword = {each.name: None for each in ours if each.kind is each.KEYWORD_ONLY}
    theirs.bind(*(None for each in ours if each.name not in by_keyword), **by_keyword)
