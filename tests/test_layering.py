"""Who may import whom, read off the syntax trees: the four packages, heavy libraries, cycles, declared dependencies."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import isinglass

PACKAGE = Path(isinglass.__file__).parent
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
LAYERS = {layer: {"ir", layer} for layer in ("ir", "frontends", "compiler", "backends")}
FACADE = {"__init__", "__main__", "api", "cli", "facade"}
HEAVY = {"onnx", "dimod", "highspy", "onnxruntime", "sympy", "matplotlib", "torch", "dwave"}
DISTRIBUTIONS = {"dwave": "dwave-samplers"}  # where the import name is not the distribution's


@dataclass(frozen=True)
class Import:
    """``target`` is absolute; ``names`` are what ``from target import ...`` takes; ``eager``: runs at import time."""

    target: str
    names: tuple[str, ...]
    eager: bool
    line: int

    @property
    def library(self) -> str:
        return self.target.partition(".")[0]


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    imports: tuple[Import, ...]

    @property
    def layer(self) -> str:
        """``ir``, ``frontends``, ``compiler``, ``backends``, ``facade``, or the name of a module at the root."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "__init__"

    def at(self, line: int) -> str:
        return f"{self.path.relative_to(PACKAGE)}:{line}"


def type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def find_imports(node: ast.AST, package: str, eager: bool = True) -> Iterator[Import]:
    """Every import below ``node``, and every string that is a dotted name of ours (a registry's or a lazy import's)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, (), eager, child.lineno) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            target = resolve_name("." * child.level + (child.module or ""), package)
            yield Import(target, tuple(alias.name for alias in child.names), eager, child.lineno)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            if child.value.startswith("isinglass.") and all(map(str.isidentifier, child.value.split("."))):
                yield Import(child.value, (), False, child.lineno)
        elif type_checking(child):
            assert isinstance(child, ast.If)
            for part in child.body:
                yield from find_imports(ast.Module([part], []), package, False)
            for part in child.orelse:
                yield from find_imports(ast.Module([part], []), package, eager)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from find_imports(child, package, eager and not inside)


def read(name: str, path: Path) -> Module:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return Module(name, path, tuple(find_imports(ast.parse(path.read_text(encoding="utf-8")), package)))


@cache
def modules() -> dict[str, Module]:
    """All modules of the package by their full name, wherever it is installed."""
    paths = [*PACKAGE.glob("*.py"), *(p for layer in (*LAYERS, "facade") for p in (PACKAGE / layer).rglob("*.py"))]
    found = {}
    for path in paths:
        parts = ("isinglass", *path.relative_to(PACKAGE).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = read(name, path)
    return found


def ours(module: Module) -> Iterator[tuple[str, Import]]:
    """(module of ours that is reached, the import): ``from .ir import problem`` reaches ``isinglass.ir.problem``."""
    for item in module.imports:
        if item.library == "isinglass":
            reached = [f"{item.target}.{name}" for name in item.names]
            submodules = [name for name in reached if name in modules()]
            yield from ((name, item) for name in submodules)
            if len(submodules) < len(reached) or not reached:
                yield item.target, item


def test_the_reader_of_imports_sees_every_form(tmp_path: Path) -> None:
    text = """
import os.path, dimod
from typing import TYPE_CHECKING
from . import lift
from ..ir.problem import Problem
if TYPE_CHECKING:
    import onnx
class A:
    import scipy
    def f(self):
        from .. import backends
        return lambda: __import__("isinglass.backends.targets")
"""
    path = tmp_path / "x.py"
    path.write_text(text, encoding="utf-8")
    seen = {(i.target, i.names, i.eager) for i in read("isinglass.compiler.x", path).imports}
    assert seen == {
        ("os.path", (), True),
        ("dimod", (), True),
        ("typing", ("TYPE_CHECKING",), True),
        ("isinglass.compiler", ("lift",), True),
        ("isinglass.ir.problem", ("Problem",), True),
        ("onnx", (), False),
        ("scipy", (), True),
        ("isinglass", ("backends",), False),
        ("isinglass.backends.targets", (), False),
    }


def test_every_module_belongs_to_a_layer_or_the_facade() -> None:
    assert {m.layer for m in modules().values()} <= LAYERS.keys() | FACADE
    assert {"ir", "frontends", "compiler", "backends"} <= {m.layer for m in modules().values()}


def test_layers_import_only_what_they_may() -> None:
    wrong = []
    for module in modules().values():
        for target, item in ours(module):
            reached = f"{target}.__init__".split(".")[1]
            if module.layer in LAYERS and reached not in LAYERS[module.layer]:
                wrong.append(f"{module.at(item.line)}: {module.layer} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_imports_inside_the_package_are_relative() -> None:
    wrong = []
    for module in modules().values():
        tree = ast.parse(module.path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            if any(name.partition(".")[0] == "isinglass" for name in names):
                wrong.append(f"{module.at(node.lineno)}: {ast.unparse(node)}")
    assert not wrong, "\n".join(wrong)


def test_heavy_libraries_stay_in_the_files_that_need_them() -> None:
    """Never in ir or compiler, in the facade and in package fronts only inside a function."""
    wrong = []
    for module in modules().values():
        front = module.layer in FACADE or module.path.name == "__init__.py"
        for item in module.imports:
            banned = module.layer in {"ir", "compiler"} or (front and item.eager)
            if item.library in HEAVY and banned:
                wrong.append(f"{module.at(item.line)}: imports {item.target}")
    assert not wrong, "\n".join(wrong)


def test_no_import_cycles() -> None:
    """Among imports that run at import time. That a package's front runs before its modules is no cycle."""
    graph: dict[str, set[str]] = {}
    for module in modules().values():
        graph[module.name] = {t for t, item in ours(module) if item.eager and t in modules() and t != module.name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_imported_modules_of_ours_exist() -> None:
    missing = [
        f"{module.at(item.line)}: {target}"
        for module in modules().values()
        for target, item in ours(module)
        if target not in modules()
    ]
    assert not missing, "\n".join(missing)


def declared(requirements: list[str]) -> set[str]:
    """Distribution names of requirement strings, in lower case."""
    return {"".join(c if c.isalnum() or c in "-_." else " " for c in r).split()[0].lower() for r in requirements}


def test_imported_libraries_are_declared() -> None:
    """At import time only dependencies, inside functions also extras."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    always = declared(project["dependencies"])
    extras = declared([r for group in project["optional-dependencies"].values() for r in group])
    undeclared = []
    for module in modules().values():
        for item in module.imports:
            name = DISTRIBUTIONS.get(item.library, item.library)
            known = always if item.eager else always | extras
            if name not in known | {"isinglass"} and name not in sys.stdlib_module_names:
                undeclared.append(f"{module.at(item.line)}: {item.target}")
    assert not undeclared, "\n".join(undeclared)


def test_the_command_line_loads_no_heavy_library() -> None:
    """What `--help` has to import; scipy and lark are not heavy but slow."""
    code = "import sys, isinglass.cli, isinglass.__main__; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    slow = (HEAVY | {"scipy", "lark"}) & set(done.stdout.split())
    assert not slow


def test_no_module_is_loaded_a_second_time_under_a_bare_name() -> None:
    homes = {name: getattr(module, "__file__", None) for name, module in sorted(sys.modules.items())}
    bare = {
        name: home
        for name, home in homes.items()
        if home and name.partition(".")[0] != "isinglass" and Path(home).is_relative_to(PACKAGE)
        if Path(home).relative_to(PACKAGE).parts[0] not in {"tests", "examples", "benchmarks", ".venv", "dev"}
    }
    assert not bare
    assert not LAYERS.keys() & sys.modules.keys()
