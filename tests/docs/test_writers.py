"""Everything generated that is kept in the checkout has a writer, and every writer its place."""

from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import pytest

from agents.networks import NAME as FOUND
from baselines.networks.contest.__main__ import BLOCKS as CONTEST
from baselines.networks.contest.lasting import NAME as LASTING
from baselines.networks.page import TABLES
from baselines.pages import ROOT, between_markers, marker_names
from benchmarks.__main__ import NAME as SPEED
from docs.generate import pages
from docs.generate.__main__ import TABLES as OPTIMAL_CONTROL
from docs.generate.flagship import BLOCKS as FLAGSHIP
from docs.generate.plain import NAME as PLAIN
from docs.generate.recipe import NAME as RECIPE
from docs.generate.train import NAME as TRAIN
from docs.generate.writers import WRITERS
from tests.ecosystem.page import MARKERS as COMPATIBILITY

PAGES = [
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("docs/*/*.md"))
    if path.parts[len(ROOT.parts)] in ("agents", "baselines", "docs") or path.parent == ROOT
]


def registered() -> dict[str, list[str]]:
    """Names of blocks by page."""
    blocks = defaultdict(list)
    for writer in WRITERS.values():
        blocks[writer.page] += writer.blocks
    return blocks


def test_every_generated_block_of_every_page_has_a_writer_and_every_writer_a_block():
    found = {str(path.relative_to(ROOT)): marker_names(path.read_text()) for path in PAGES}
    assert {page: sorted(names) for page, names in found.items() if names} == {
        page: sorted(names) for page, names in registered().items() if names
    }


@pytest.mark.parametrize("page", registered())
def test_markers_of_blocks_are_pairs_and_pages_that_are_written_whole_are_there(page):
    text = (ROOT / page).read_text()
    for name in registered()[page]:
        between_markers(text, "", name)


def test_writers_are_registered_with_the_blocks_that_they_write():
    written = {
        "train": {TRAIN},
        "plain": {PLAIN},
        "recipe": {RECIPE},
        "speed": {SPEED},
        "optimal-control": set(OPTIMAL_CONTROL),
        "flagship": set(FLAGSHIP),
        "learning": {"learning"},
        "which-optimizer": {"forms"},
        "elsewhere": {"elsewhere"},
        "optimizers": {"optimizers"},
        "networks": {*TABLES, "costs", "figure-2e", "provenance"},
        "found": {FOUND},
        "contest": set(CONTEST),
        "lasting": {LASTING},
        "compatibility": {COMPATIBILITY},
    }
    assert written == {name: set(w.blocks) for name, w in WRITERS.items() if w.blocks}


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_is_a_command_that_there_is(name):
    m, module, *_words = WRITERS[name].command
    assert m == "-m"
    spec = find_spec(module)
    assert spec is not None
    if spec.submodule_search_locations is not None:
        spec = find_spec(f"{module}.__main__")
    assert spec is not None
    assert 'if __name__ == "__main__":' in Path(str(spec.origin)).read_text()


def test_without_a_name_all_writers_are_listed(capsys):
    assert pages.main([]) == 0
    listed = capsys.readouterr().out
    for name, writer in WRITERS.items():
        assert name in listed
        assert " ".join(writer.command) in listed


def test_a_writer_that_fails_stops_those_after_it(monkeypatch):
    ran = []
    monkeypatch.setattr(pages, "write", lambda name: ran.append(name) or int(name == "speed"))
    assert pages.main(["train", "speed", "agents"]) == 1
    assert ran == ["train", "speed"]
    ran.clear()
    pages.main(["all"])
    assert ran == ["train", "speed"]
