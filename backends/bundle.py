"""A compilation as a directory, so that samples can be decoded in another process, days later.

    source.igir, compiled.igir, lift.igir (with .npz beside them), the target's files, copied networks,
    manifest.json: format and version, sha256 of every file, labels by index, what a format drops, target, pipeline,
    guarantee, ledger

Written into a temporary directory and renamed: a bundle is there as a whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..ir.answers import plain
from ..ir.errors import InputError
from ..ir.guarantee import Guarantee
from ..ir.ledger import Ledger
from ..ir.lifting import Lift
from ..ir.problem import Problem
from ..ir.samples import Samples
from ..ir.text import parse_ir, parse_value, print_ir, print_value
from .files import file_sha256, read_text, sha256, umask
from .ir_files import packed, unpacked
from .sample_files import read_samples
from .target import Written

FORMAT, VERSION, MANIFEST = "isinglass-bundle", 1, "manifest.json"
DAMAGED = "compile again; a bundle must be copied as a whole and not be edited"
Content = bytes | Callable[[Path], Any]
"""A file's bytes, or what writes it to a given path (and may return :class:`Written`, as ``Target.write`` does)."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """What a bundle holds. ``manifest`` as stored; ``extra``: what was saved with it, unchanged."""

    directory: Path
    source: Problem
    compiled: Problem
    lift: Lift
    guarantee: Guarantee
    ledger: Ledger
    pipeline: str
    target: str
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def extra(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.manifest["extra"]
        return found

    def file(self, name: str) -> Path:
        """Path of one of its files. Raises :class:`InputError` for others."""
        if name not in self.manifest["files"]:
            raise InputError(f"{self.directory}: the bundle has no file {name!r}")
        return self.directory / name

    def read_samples(self, path: str | Path) -> Samples:
        """Samples of the compiled problem from a file, by whatever names and offset the target's file had."""
        dropped: dict[str, Any] = {}
        for settings in self.manifest["formats"].values():
            dropped |= settings
        offset, scale = float(dropped.get("offset", 0.0)), float(dropped.get("scale", 1.0))
        return read_samples(path, self.compiled, names=dropped.get("names"), offset=offset, scale=scale)


def save_bundle(
    directory: str | Path,
    source: Problem,
    compiled: Problem,
    lift: Lift,
    guarantee: Guarantee,
    ledger: Ledger,
    pipeline: str,
    files: Mapping[str, Content],
    extra: Mapping[str, Any] | None = None,
    target: str = "",
) -> Path:
    """Write a bundle, in place of an older one. ``files``: target files and copied networks by relative name;
    ``extra``: plain data (options, digests of what was read, ...); ``target``: its text, such as ``ising{bits=8}``.

    Raises :class:`InputError` where the directory holds anything that is not of an older bundle.
    """
    path = Path(directory).absolute()
    _check_free(path)
    temporary = _temporary(path)
    try:
        formats, notes = _write_files(temporary, source, compiled, lift, files)
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "target": target,
            "pipeline": pipeline,
            "labels": compiled.labels(),
            "formats": formats,
            "guarantee": print_value(guarantee)[0],
            "promise": str(guarantee),
            "ledger": print_value(ledger + notes)[0],
            "extra": plain(dict(extra or {})),
            "files": {name: file_sha256(temporary / name) for name in _names(temporary)},
        }
        manifest["digest"] = _digest(manifest)
        text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
        (temporary / MANIFEST).write_text(text + "\n", encoding="utf-8")
        temporary.chmod(0o777 & ~umask())
        _move_into_place(temporary, path)
    except OSError as error:
        raise InputError(f"{directory}: the bundle can't be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Path(directory)


def load_bundle(directory: str | Path) -> Bundle:
    """Read a bundle; every file is compared with its digest first. Raises :class:`InputError` for anything damaged."""
    path = Path(directory)
    manifest = _manifest(path)
    for name, digest in manifest["files"].items():
        _check_name(name)
        if not (path / name).is_file():
            raise InputError(f"{path / name}: missing from the bundle", code="bundle", hint=DAMAGED)
        if file_sha256(path / name) != digest:
            raise InputError(f"{path / name}: not the file that was saved", code="bundle", hint=DAMAGED)
    source, compiled = (parse_ir(*unpacked(path / stem), str(path / stem)) for stem in ("source", "compiled"))
    return Bundle(
        path,
        source,
        compiled,
        parse_value(*unpacked(path / "lift"), str(path / "lift")),
        parse_value(manifest["guarantee"], file=str(path / MANIFEST)),
        tuple(parse_value(manifest["ledger"], file=str(path / MANIFEST))),
        manifest["pipeline"],
        manifest["target"],
        manifest,
    )


def _write_files(
    folder: Path, source: Problem, compiled: Problem, lift: Lift, files: Mapping[str, Content]
) -> tuple[dict[str, Any], Ledger]:
    """Everything but the manifest; what the target files drop, by file, and what writing them rounded."""
    own: dict[str, Content] = {}
    for stem, (text, arrays) in (
        ("source", print_ir(source)),
        ("compiled", print_ir(compiled)),
        ("lift", print_value(lift)),
    ):
        own |= packed(stem, text, arrays)
    formats: dict[str, Any] = {}
    notes: Ledger = ()
    for name, content in {**files, **own}.items():
        if name in files and (name in own or name == MANIFEST):
            raise InputError(f"a bundle's file can't be called {name!r}", hint="that name is its own")
        _check_name(name)
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
            continue
        written = content(place)
        if isinstance(written, Written):
            formats[name] = plain(dict(written.manifest))
            notes += written.ledger
    return formats, notes


def _check_name(name: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or any(part in ("..", ".") for part in parts):
        raise InputError(f"{name!r} can't be a file of a bundle", code="bundle", hint="give a plain relative name")


def _check_free(path: Path) -> None:
    """Raise unless the place is free, empty, or taken by a bundle and nothing else."""
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path}: is a file", hint="give a directory")
    if not any(path.iterdir()):
        return
    if not (path / MANIFEST).is_file():
        raise InputError(f"{path}: not empty, and not a bundle", hint="give another directory, or empty it")
    known = {*_manifest(path)["files"], MANIFEST}
    others = sorted(set(_names(path)) - known)
    if others:
        message = f"{path}: also holds {', '.join(others[:3])}, which replacing the bundle would delete"
        raise InputError(message, hint="move them away, or give another directory")


def _names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _temporary(path: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial"))
    except OSError as error:
        raise InputError(f"{path}: cannot write there ({error.strerror})", hint="does the folder exist?") from error


def _move_into_place(temporary: Path, path: Path) -> None:
    """Renames only; an older bundle is put back should the last one fail."""
    old = temporary.with_suffix(".old")
    if path.exists():
        os.rename(path, old)
    try:
        os.rename(temporary, path)
    except OSError:
        if old.exists():
            os.rename(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _digest(manifest: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in manifest.items() if key != "digest"}
    return sha256(json.dumps(kept, sort_keys=True, ensure_ascii=True).encode())


def _manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    if not file.is_file():
        raise InputError(
            f"{path}: no bundle ({MANIFEST} is missing)", code="bundle", hint="written by isinglass compile?"
        )
    try:
        manifest = json.loads(read_text(file))
    except ValueError as error:
        raise InputError(f"{file}: damaged ({error})", code="bundle", hint=DAMAGED) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{file}: not the manifest of a bundle", code="bundle", hint="written by isinglass compile?")
    if manifest.get("version") != VERSION:
        message = f"{file}: bundle version {manifest.get('version')!r} is not known"
        raise InputError(message, code="bundle", hint=f"this program reads version {VERSION}")
    if manifest.get("digest") != _digest(manifest):
        raise InputError(f"{file}: edited or damaged since it was saved", code="bundle", hint=DAMAGED)
    return manifest
