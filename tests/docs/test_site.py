"""The docs site builds without a warning, has every public name, and its tutorials run."""

import html
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import landscape_gym
from landscape_gym.extras import Missing
from landscape_gym.registration import ALL

pytest.importorskip("sphinx", reason="the site is built by sphinx, of the extra 'dev'")
pytest.importorskip("myst_parser", reason="its pages are read by myst-parser, of the extra 'dev'")
pytest.importorskip("furo", reason="its theme is furo, of the extra 'dev'")
nbformat = pytest.importorskip("nbformat", reason="notebooks are files of nbformat, of 'docs'")
pytest.importorskip("nbclient", reason="notebooks are run by nbclient, of the extra 'docs'")
pytest.importorskip("ipykernel", reason="notebooks run in ipykernel, of the extra 'docs'")
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.py"))


def builds_the_site(test):
    """Marks the tests of which the first builds the site."""
    return pytest.mark.slow(pytest.mark.timeout(1800)(test))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built once, where a warning is an error."""
    out = tmp_path_factory.mktemp("site")
    build = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "trees")]
    done = subprocess.run(
        [sys.executable, *build, str(DOCS), str(out / "html")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return out / "html"


@pytest.fixture(scope="module")
def entries(site) -> set[str]:
    """Names that have an entry."""
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    return {name for kind, names in inventory.data.items() if kind[:3] == "py:" for name in names}


def public_names() -> set[str]:
    """What packages say is public; of modules that do not say it, what they define.

    A module within a package that says it has no more to offer than the package does.
    """
    names = set()
    for info in [
        pkgutil.ModuleInfo(None, "landscape_gym", True),  # pyright: ignore[reportArgumentType]
        *pkgutil.iter_modules(landscape_gym.__path__, "landscape_gym."),
    ]:
        if info.name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(info.name)
        except Missing:  # an extra that is not installed
            continue
        listed = getattr(module, "__all__", None)
        if listed is None:
            listed = [
                name
                for name, value in vars(module).items()
                if not name.startswith("_")
                and (inspect.isclass(value) or inspect.isfunction(value))
                and value.__module__ == info.name
            ]
        names |= {f"{info.name}.{name}" for name in listed}
    return names


@builds_the_site
def test_every_public_name_has_an_entry(entries):
    names = public_names()
    assert len(names) > 200
    assert names - entries == set()
    assert "landscape_gym.no_such_name" not in entries


@builds_the_site
def test_pages_show_no_path_of_the_machine(site):
    for page in site.rglob("*.html"):
        assert str(ROOT) not in page.read_text(), page


@builds_the_site
def test_pages_need_no_network(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|img|link)\b[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text()
        )
        assert not loaded, page


@builds_the_site
@pytest.mark.parametrize("script", [path.stem for path in TUTORIALS])
def test_a_tutorial_runs_and_its_page_shows_all_of_it_and_what_it_prints(site, script):
    """It ran as the site was built; pages of tutorials are made of the script alone."""
    page = f"{script.replace('_', '-')}"
    source = (DOCS / "tutorials" / f"{page}.md").read_text()
    assert f"<!-- write output {script} -->" in source
    marks = re.findall(r"^# \[(\w+)\]$", (DOCS / "tutorials" / f"{script}.py").read_text(), re.M)
    assert re.findall(rf"<!-- write code {script} ?(\w*) -->", source) == ["", *marks]
    printed = (site / "tutorials" / f"{page}.html").read_text().split("It prints:")[1]
    assert len(re.findall(r"\w+", printed.split("</pre>")[0])) > 20


@builds_the_site
@pytest.mark.parametrize("script", [path.stem for path in TUTORIALS])
def test_a_tutorial_is_a_notebook_to_download_that_has_run(site, script):
    page = site / "tutorials" / f"{script.replace('_', '-')}.html"
    (target,) = re.findall(r'<a href="([^"]*\.ipynb)" download>', page.read_text())
    notebook = nbformat.read(page.parent / target, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    printed = [part for cell in cells for part in cell.outputs if part.output_type == "stream"]
    assert {part.name for part in printed} == {"stdout"}
    first = printed[0].text.split("\n")[0].strip()
    shown = re.sub(r"<[^>]*>", "", page.read_text().split("It prints:")[1].split("</pre>")[0])
    assert first
    assert first in html.unescape(shown)
    assert str(ROOT) not in (page.parent / target).read_text()


@pytest.mark.parametrize("script", [path.stem for path in TUTORIALS])
def test_a_notebook_has_the_whole_script_and_the_pages_prose(script):
    from docs.generate.notebooks import notebook

    cells = notebook(script).cells
    source = (DOCS / "tutorials" / f"{script}.py").read_text()
    parts = [cell.source for cell in cells if cell.cell_type == "code"]
    assert "\n".join(parts).split() == re.sub(r"^# \[\w+\]$", "", source, flags=re.M).split()
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert prose.startswith("# ")
    assert "<!-- write" not in prose
    assert "](/" not in prose, "a link that holds on the site alone"


@pytest.mark.slow
def test_a_notebook_whose_cell_fails_fails(monkeypatch):
    from nbclient.exceptions import CellExecutionError

    from docs.generate import notebooks

    broken = notebooks.notebook("derive_a_rule")
    code = next(cell for cell in broken.cells if cell.cell_type == "code")
    code.source = "from landscape_gym import Nothing"
    monkeypatch.setattr(notebooks, "notebook", lambda script: broken)
    with pytest.raises(CellExecutionError, match="Nothing"):
        notebooks.executed.__wrapped__("derive_a_rule")


def test_every_regime_has_a_page_and_a_figure():
    pages = {path.stem for path in (DOCS / "regimes").glob("*.md")} - {"index"}
    figures = {path.stem for path in (DOCS / "images" / "regimes").glob("*.png")}
    assert pages == figures == set(ALL)


def test_a_part_that_does_not_exist_is_refused_by_naming_those_that_do():
    from docs.generate.sections import section

    with pytest.raises(ValueError, match=r"no heading 'Sped', but landscape-gym, .*Speed"):
        section("README.md", "Sped")


def test_links_to_pages_of_the_checkout_become_links_of_the_site():
    from docs.generate.sections import linked

    text = "[a](docs/claims.md#x) [b](agents/README.md) [c](https://x.y/z.md) [d](#e) [f](LICENSE)"
    assert linked(text, Path()) == (
        "[a](/claims.md#x) [b](/results/agents.md) [c](https://x.y/z.md) [d](#e) f"
    )
    assert linked("[speed](results/speed.md)", Path("docs")) == "[speed](/results/speed.md)"
    assert linked("![p](../docs/images/a.png)", Path("agents")) == "![p](/images/a.png)"
