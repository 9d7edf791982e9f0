"""What the checkout has to look like: package list, file sizes, docstrings, no path of a development machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("ir", "frontends", "compiler", "backends", "facade")
RULES = {
    "ir": ("certificates", "functions", "lift", "operators", "proof_lines", "terms"),
    "compiler": ("bounds", "drivers", "encodings", "passes", "piecewise", "weights"),
    "backends": ("solvers", "targets"),
    "frontends": ("onnx_ops", "readers"),
}
PARTS = {
    "ir": ("linear_proof", "lp_proof", "quadratic", "slope_proof", "spin_proof"),
    "compiler": ("coarsen", "lipschitz", "networks", "penalties", "rows", "search", "slopes", "spins"),
    "frontends": ("glass", "models", "networks", "vnnlib"),
}
"""Folders that hold parts of a layer, and no rules found by their name."""
MAX_LINES = 400

pytestmark = pytest.mark.skipif(not (ROOT / "ir").is_dir(), reason="about the checkout, not about an installed package")


@cache
def files() -> tuple[Path, ...]:
    """What is committed or about to be: git's word, else everything that is not obviously built."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        told = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        found = [ROOT / name for name in told if name]
    except (OSError, subprocess.CalledProcessError):
        built = re.compile(r"(^|/)(\.venv|build|dist|__pycache__|\.\w+_cache|\.hypothesis|.*\.egg-info)/")
        found = [p for p in ROOT.rglob("*") if not built.search(p.relative_to(ROOT).as_posix())]
    return tuple(sorted(p for p in found if p.is_file()))


def python_files() -> list[Path]:
    return [p for p in files() if p.suffix == ".py" or p == ROOT / "dev"]


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def setuptools_table() -> dict[str, object]:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    return dict(tool["setuptools"])


def test_packages_are_the_folders_with_a_front() -> None:
    fronts = [ROOT / "__init__.py", *(p for layer in LAYERS for p in (ROOT / layer).rglob("__init__.py"))]
    names = {".".join(("isinglass", *p.parent.relative_to(ROOT).parts)) for p in fronts}
    assert setuptools_table()["packages"] == sorted(names)


def test_every_folder_with_modules_has_a_front() -> None:
    """Without one, its modules import fine from the checkout and are missing in the wheel."""
    folders = {p.parent for layer in LAYERS for p in (ROOT / layer).rglob("*.py")}
    assert not [short(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_every_other_file_of_a_package_is_package_data() -> None:
    data = setuptools_table()["package-data"]
    assert isinstance(data, dict)
    shipped = {p for name, globs in data.items() for g in globs for p in (ROOT / Path(*name.split(".")[1:])).glob(g)}
    inside = {p for p in files() if short(p).partition("/")[0] in LAYERS and p.suffix != ".py"}
    assert inside - shipped == set()
    assert ROOT / "py.typed" in shipped


def test_no_file_is_longer_than_the_limit() -> None:
    lengths = {short(p): len(p.read_text(encoding="utf-8").splitlines()) for p in python_files()}
    assert len(lengths) > 20
    assert not {name: n for name, n in lengths.items() if n > MAX_LINES}


def test_names_that_would_shadow() -> None:
    assert not (ROOT / "compiler" / "ir.py").exists(), "would collide with isinglass.ir"
    assert not (ROOT / "conftest.py").exists(), "would put the root on sys.path"


def test_rule_folders_are_known() -> None:
    found = {layer: tuple(sorted(p.parent.name for p in (ROOT / layer).glob("*/__init__.py"))) for layer in RULES}
    assert found == {layer: tuple(sorted((*rules, *PARTS.get(layer, ())))) for layer, rules in RULES.items()}


def test_rule_files_open_with_a_docstring() -> None:
    folders = [ROOT / layer / name for layer, names in RULES.items() for name in names]
    rules = [p for folder in folders for p in folder.glob("*.py") if not p.stem.startswith("_")]
    assert not [short(p) for p in rules if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]


def test_no_path_of_a_development_machine() -> None:
    """Bytes, so that paths inside model files are seen too. The brackets keep this file from matching itself."""
    machine = re.compile(rb"/(wor[k]|far[m]|hom[e]|roo[t]|User[s])/|/tm[p]/ig\b|\.\./share[d]")
    data_folder = re.compile(rb"\.\./share[d]/data\b")  # a default argument of benchmarks and of tests that skip
    found = []
    for path in files():
        content = path.read_bytes()
        if short(path).partition("/")[0] in {"benchmarks", "tests"}:
            content = data_folder.sub(b"", content)
        if match := machine.search(content):
            line = content.count(b"\n", 0, match.start()) + 1
            found.append(f"{short(path)}:{line}: {match.group().decode()}")
    assert not found, "\n".join(found)


def test_the_start_script_needs_only_the_standard_library() -> None:
    tree = ast.parse((ROOT / "dev").read_text(encoding="utf-8"))
    used = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    used |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in used} <= sys.stdlib_module_names
