"""The wheel holds `landscape_gym` alone, and importing it needs no extra."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NOT_SOURCE = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "dist", "runs", "venv"
)


@pytest.mark.slow
def test_the_wheel_holds_landscape_gym_alone(tmp_path: Path) -> None:
    # A copy, because setuptools would pick up what an earlier build left in build/lib.
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=NOT_SOURCE)
    # Folders that must stay out, here even when the checkout lacks them.
    for folder in ("agents", "baselines", "benchmarks", "tests"):
        (source / folder).mkdir(exist_ok=True)
        (source / folder / "__init__.py").touch()

    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    built = subprocess.run(
        [*build, "--outdir", str(tmp_path / "dist"), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    said = built.stdout + built.stderr
    assert "absent from the `packages` configuration" not in said, "a folder that is no package"

    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    version = wheel.name.split("-")[1]
    top_level = {name.split("/")[0] for name in names}
    assert top_level == {"landscape_gym", f"landscape_gym-{version}.dist-info"}
    assert "landscape_gym/py.typed" in names
    assets = {f"landscape_gym/explorer/assets/explorer.{kind}" for kind in ("css", "js")}
    assert assets <= names

    rules = {name for name in names if name.startswith("landscape_gym/learned/library/")}
    shipped = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "landscape_gym").rglob("*.safetensors")
    }
    assert "landscape_gym/learned/library/hidden-curvature.safetensors" in shipped
    assert shipped <= rules

    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("landscape_gym/**/*.py")}
    missing = modules - names
    assert not missing, f"folders without __init__.py? {sorted(missing)}"


def test_importing_the_library_imports_no_extra() -> None:
    extras = {"matplotlib", "mlxtend", "moviepy", "pandas", "pygame", "sb3_contrib", "sklearn"}
    extras |= {"stable_baselines3", "tensorboard", "tyro"}
    program = "import sys, landscape_gym; print(*sys.modules, sep='\\n')"
    imported = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert "landscape_gym" in imported
    assert extras.isdisjoint(imported), sorted(extras.intersection(imported))
