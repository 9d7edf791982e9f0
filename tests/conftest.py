"""For all tests: hypothesis draws the same cases in every run, and pytest leaves the package's root alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

settings.register_profile("suite", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("suite")


class RootIsNoTestPackage:
    """Keeps pytest from importing the checkout's `__init__.py` once more, under the name of the checkout's folder."""

    @pytest.hookimpl
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        return pytest.Dir.from_parent(parent, path=path) if path == ROOT else None


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(RootIsNoTestPackage())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden texts from what the passes give")


@pytest.fixture(scope="session")
def load_dev() -> Callable[[Path], ModuleType]:
    """Loads a copy of the start script as a module."""

    def load(path: Path) -> ModuleType:
        loader = SourceFileLoader("isinglass_dev", str(path))
        spec = spec_from_loader(loader.name, loader)
        assert spec is not None
        module = module_from_spec(spec)
        loader.exec_module(module)
        return module

    return load
