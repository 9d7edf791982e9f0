"""Any external program, by file: ``cmd:program {input} {output}``.

The model is written to a temporary folder, the program run there, its samples read back and checked against the
problem. ``{input.SUFFIX}`` says in which format (``{input.lp}``, ``{input.ising}``, ...; plain ``{input}``: option
``input``); ``{output.SUFFIX}`` the name of the file that the program writes, else its standard output is read.
Samples are dimod's JSON, CSV by label, index or written name, or bit strings. ``{seed}``, ``{reads}`` and
``{seconds}`` stand for the limits. *needs*: the level of the input format. Proves nothing. No shell is involved.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...ir.errors import InputError, Refused, UsageError
from ...ir.problem import Problem
from ...ir.protocols import Limits
from ...ir.samples import Samples
from ..sample_files import read_samples
from ..sampling import with_info
from ..solver import Solver, best_first
from ..target import TARGETS, Target, make_target

PLACE = re.compile(r"\{(input|output|seed|reads|seconds)(?:\.([\w.-]+))?\}")
TAIL = 400
"""Characters of the program's messages that an error shows."""


@dataclass(frozen=True)
class Cmd(Solver):
    """``command``: the program and its arguments as in a shell. ``input``: target of plain ``{input}``, with options
    (``ising{bits=8}``). ``grace``: seconds the program may take beyond the time limit before it is ended."""

    command: str = ""
    input: str = "coo"
    grace: float = 2.0

    def __post_init__(self) -> None:
        if not self.command.strip():
            raise UsageError("cmd needs a command", hint="write cmd:program {input} {output}")
        names = {found[1] for found in PLACE.finditer(self.command)}
        if "input" not in names:
            raise UsageError(
                f"the command {self.command!r} has no {{input}}", hint="write cmd:program {input} {output}"
            )
        unknown = re.findall(r"\{\w*[^{}]*\}", PLACE.sub("", self.command))
        if unknown:
            hint = "known: {input}, {input.SUFFIX}, {output}, {output.SUFFIX}, {seed}, {reads}, {seconds}"
            raise UsageError(f"the command has an unknown place {unknown[0]}", hint=hint)
        object.__setattr__(self, "level", self.target().level)

    def target(self) -> Target:
        """The format of the input file."""
        suffixes = {found[2] for found in PLACE.finditer(self.command) if found[1] == "input" and found[2]}
        if not suffixes:
            return make_target(self.input)[0]
        if len(suffixes) > 1:
            raise UsageError(f"the command asks for inputs in {len(suffixes)} formats: {', '.join(sorted(suffixes))}")
        (suffix,) = suffixes
        keys = [key for key in TARGETS if TARGETS[key].suffix == f".{suffix}"]
        if not keys:
            known = sorted({TARGETS[key].suffix for key in TARGETS})
            raise UsageError(f"no target writes .{suffix} files", hint=f"known: {', '.join(known)}")
        return make_target(keys[0])[0]

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        target = self.target()
        with tempfile.TemporaryDirectory(prefix="isinglass-") as folder:
            model = Path(folder) / f"model{target.suffix}"
            written = target.write(problem, model)
            output = Path(folder) / f"samples{self._output_suffix()}"
            self._run(model, output, limits)
            samples = self._read(output, problem, written.manifest)
        info = {"status": "sampled", "time_limited": limits.over, "command": self.command}
        return best_first(with_info(samples, **info))

    def _output_suffix(self) -> str:
        found = [place[2] for place in PLACE.finditer(self.command) if place[1] == "output"]
        return f".{found[0]}" if found and found[0] else ""

    def _run(self, model: Path, output: Path, limits: Limits) -> None:
        left = limits.left()
        values = {
            "input": str(model), "output": str(output), "seed": str(limits.seed), "reads": str(limits.reads),
            "seconds": "0" if left is None else f"{left:.3f}",
        }  # fmt: skip
        try:
            words = [PLACE.sub(lambda found: values[found[1]], word) for word in shlex.split(self.command)]
        except ValueError as error:
            raise UsageError(
                f"the command {self.command!r} can't be split ({error})", hint="close the quotes"
            ) from error
        program = shutil.which(words[0])
        if program is None:
            raise UsageError(f"program {words[0]!r} not found", hint="give its full path, or put it on the PATH")
        timeout = None if left is None else left + self.grace
        try:
            done = subprocess.run([program, *words[1:]], capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            message = f"{words[0]} did not end within {timeout:.1f} s"
            raise Refused(message, code="timeout", hint="give it {seconds}, or a longer --timeout") from error
        except OSError as error:
            raise UsageError(f"{words[0]} can't be run ({error.strerror})", hint="is it executable?") from error
        if done.returncode != 0:
            tail = (done.stderr or done.stdout).decode(errors="replace").strip()[-TAIL:]
            raise Refused(f"{words[0]} ended with exit code {done.returncode}: {tail or 'no message'}", code="solver")
        if not any(place[1] == "output" for place in PLACE.finditer(self.command)):
            output.write_bytes(done.stdout)

    def _read(self, output: Path, problem: Problem, manifest: Mapping[str, Any]) -> Samples:
        if not output.exists():
            message = f"the command wrote no {output.name}"
            raise InputError(
                message, code="solver", hint="it must write its samples to {output}, or to standard output"
            )
        offset, scale = float(manifest.get("offset", 0.0)), float(manifest.get("scale", 1.0))
        try:
            return read_samples(output, problem, names=manifest.get("names"), offset=offset, scale=scale)
        except InputError as error:
            error.add_note(f"in the samples that {self.command.split()[0]} returned")
            raise
