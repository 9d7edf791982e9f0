"""The start script and the CI script: usage, exit statuses, and a copy of the checkout that is really a clean one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
Load = Callable[[Path], ModuleType]
FAKE_DEV = """#!/usr/bin/env bash
echo "dev $*" >> calls
[ "$1" = check ] && exit "$CHECK"
echo "== 3 passed in 0.1s =="
exit "$TEST"
"""

pytestmark = [
    pytest.mark.skipif(not (ROOT / "dev").is_file(), reason="about the checkout, not about an installed package"),
    pytest.mark.skipif(os.name == "nt", reason="needs bash"),
]


def dev(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, cwd / "dev", *arguments], cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a space in its name, holding the start script only."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    shutil.copy2(ROOT / "dev", folder)
    return folder


@pytest.mark.parametrize("arguments", [(), ("deploy",), ("check", "--fast"), ("clean", "--all")])
def test_wrong_usage_prints_help_and_makes_nothing(checkout: Path, arguments: tuple[str, ...]) -> None:
    done = dev(*arguments, cwd=checkout)
    assert (done.returncode, done.stdout) == (2, "")
    assert "./dev test" in done.stderr
    assert [p.name for p in checkout.iterdir()] == ["dev"]


def test_help_is_no_error(checkout: Path) -> None:
    done = dev("--help", cwd=checkout)
    assert done.returncode == 0
    assert "./dev demo" in done.stdout


def test_clean_removes_what_was_built_and_nothing_else(checkout: Path) -> None:
    kept = {checkout / "dev", checkout / "ir" / "build.py", checkout / "elsewhere" / "file"}
    gone = {checkout / "build" / "lib" / "x.py", checkout / "ir" / "__pycache__" / "x.pyc", checkout / ".venv" / "link"}
    for path in (kept | gone) - {checkout / "dev"}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (checkout / ".venv" / "outside").symlink_to(checkout / "elsewhere")
    (checkout / "dist").symlink_to(checkout / "elsewhere")
    assert dev("clean", cwd=checkout).returncode == 0
    assert {p for p in checkout.rglob("*") if p.is_file()} == kept
    assert not (checkout / "dist").is_symlink()


def test_the_copy_for_a_wheel_holds_nothing_built(checkout: Path, load_dev: Load) -> None:
    for name in ("build/lib/old.py", ".venv/bin/python", "ir/new.py", "ir/__pycache__/new.pyc", "x.egg-info/SOURCES"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("")
    copy: Path = load_dev(checkout / "dev").copy_checkout(checkout.parent / "copy")
    assert sorted(p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file()) == ["dev", "ir/new.py"]


def test_a_failed_command_stops_with_its_name(checkout: Path, load_dev: Load) -> None:
    with pytest.raises(SystemExit, match="status 3"):
        load_dev(checkout / "dev").must(sys.executable, "-c", "raise SystemExit(3)")


def test_foreign_paths_do_not_reach_the_commands(
    checkout: Path, load_dev: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    monkeypatch.setenv("PIP_TARGET", str(checkout))
    monkeypatch.setenv("KEPT", "yes")
    seen = load_dev(checkout / "dev").environment()
    assert "PYTHONPATH" not in seen
    assert "PIP_TARGET" not in seen
    assert seen["KEPT"] == "yes"


@pytest.mark.parametrize(("check", "test", "status"), [(0, 0, 0), (1, 0, 1), (0, 5, 5), (2, 1, 1)])
def test_ci_runs_both_and_fails_when_either_does(tmp_path: Path, check: int, test: int, status: int) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy2(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "dev").write_text(FAKE_DEV, encoding="utf-8")
    (tmp_path / "dev").chmod(0o755)
    run = [tmp_path / ".ci" / "run"]
    env = os.environ | {"CHECK": str(check), "TEST": str(test)}
    done = subprocess.run(run, cwd=tmp_path.parent, env=env, capture_output=True, text=True)
    assert done.returncode == status
    assert (tmp_path / "calls").read_text(encoding="utf-8").splitlines() == ["dev check", "dev test"]
    assert done.stdout.splitlines()[-1] == "== 3 passed in 0.1s =="
