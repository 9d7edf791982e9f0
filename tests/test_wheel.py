"""sdist -> wheel -> a new environment, used outside the checkout. Slow; run with `pytest -m wheel`.

`./dev test --wheel` runs the whole suite that way.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("ir", "frontends", "compiler", "backends", "facade")
IMPORT_ALL = """
import importlib, isinglass, pathlib, pkgutil, sys
root = pathlib.Path(isinglass.__file__).parent
names = [m.name for part in sys.argv[1:] for m in pkgutil.walk_packages([str(root / part)], f"isinglass.{part}.")]
for name in ["isinglass.cli", "isinglass.api", *names]:
    home = pathlib.Path(importlib.import_module(name).__file__)
    assert home.is_relative_to(sys.prefix), home
print(len(names))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.wheel,
    pytest.mark.skipif(not (ROOT / "dev").is_file(), reason="about the checkout, not about an installed package"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a wheel")


@pytest.fixture(scope="module")
def python(folder: Path, load_dev: Callable[[Path], ModuleType]) -> Path:
    """The python of a new environment that holds the wheel."""
    made: Path = load_dev(ROOT / "dev").wheel_python(folder, Path(sys.executable))
    return made


def outside(*command: object, cwd: Path) -> str:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("python")
def test_the_wheel_holds_the_package_and_nothing_else(folder: Path) -> None:
    (wheel,) = folder.glob("*.whl")
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    modules = [*ROOT.glob("*.py"), *(p for layer in LAYERS for p in (ROOT / layer).rglob("*.py"))]
    expected = [*modules, ROOT / "py.typed", *(ROOT / "frontends" / "glass").glob("*.lark")]
    assert names == {f"isinglass/{p.relative_to(ROOT).as_posix()}" for p in expected}


def test_every_module_is_imported_from_the_wheel(python: Path, folder: Path) -> None:
    count = outside(python, "-P", "-c", IMPORT_ALL, *LAYERS, cwd=folder)
    assert int(count) == sum(1 for layer in LAYERS for _ in (ROOT / layer).rglob("*.py")) - len(LAYERS)


def test_metadata(python: Path, folder: Path) -> None:
    code = """
import isinglass, importlib.metadata
about = importlib.metadata.metadata("isinglass")
print(isinglass.__version__, about["Version"], about["License-Expression"])
"""
    installed, declared, licence = outside(python, "-P", "-c", code, cwd=folder).split()
    assert installed == declared
    assert licence == "Apache-2.0"


def test_both_ways_to_start_it_answer_a_spec(python: Path, folder: Path) -> None:
    spec = ROOT / "examples" / "knapsack.glass"
    script = outside(python.parent / "isinglass", "run", spec, cwd=folder)
    module = outside(python, "-P", "-m", "isinglass", "run", spec, cwd=folder)
    assert "optimal" in script
    assert "optimal" in module


def test_rules_are_found_in_the_wheel(python: Path, folder: Path) -> None:
    listed = outside(python, "-P", "-m", "isinglass", "list", "passes", cwd=folder)
    rules = [p.stem for p in (ROOT / "compiler" / "passes").glob("*.py") if not p.stem.startswith("_")]
    assert [name for name in rules if name.replace("_", "-") not in listed] == []


def test_tests_pass_outside_the_checkout(python: Path, folder: Path) -> None:
    for name in ("conftest.py", "test_layering.py"):
        (folder / "tests").mkdir(exist_ok=True)
        (folder / "tests" / name).write_text((ROOT / "tests" / name).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert " passed" in outside(python, "-P", "-m", "pytest", "-q", cwd=folder)
