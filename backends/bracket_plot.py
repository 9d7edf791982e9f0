"""Brackets as a picture: each functional's lower and upper bound, and how they closed in over time (extra ``plot``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.answers import Answer
from ..ir.bracket_text import rounded
from ..ir.errors import InputError, Refused, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".png", ".svg", ".pdf")
WITNESSED, OPEN, EDGE = "#2f5d8a", "#c9d8e8", "#8fabc8"
"""Colours: up to the lower bound, between both, and the upper end."""
ROW = 0.27
"""Inches for each functional."""


def check_plot(path: str | Path) -> None:
    """Raises :class:`Refused` without matplotlib, :class:`UsageError` for a kind of file that is not drawn."""
    if Path(path).suffix.lower() not in FORMATS:
        raise UsageError(f"--plot {path}: unknown kind of picture", hint=f"known: {', '.join(FORMATS)}")
    if not Path(path).absolute().parent.is_dir():
        raise InputError(f"{path}: cannot write there", hint="does the folder exist?")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        hint = "pip install 'isinglass[plot]', or pip install matplotlib"
        raise Refused("a picture needs matplotlib, which is not installed", code="extra", hint=hint) from None


def plot_brackets(answer: Answer, path: str | Path) -> None:
    """Write the picture of an answer to a ``bound`` question: one bar for each functional, and the history."""
    check_plot(path)
    from matplotlib.figure import Figure

    parts = dict(answer.parts) or {str(next(iter(answer.options.get("bound", {}).get("labels", [""])))): answer}
    name, traced = history_of(answer, parts)
    both = len(parts) > 1 and len(traced) > 1
    least = 1.6 + ROW * (11 if len(traced) > 1 else 3)
    height = min(max(least, 1.6 + ROW * len(parts)), 40.0)
    figure = Figure(figsize=(11 if both else 7.5, height), layout="constrained")
    heights = [least, height - least] if height > least + 1 else [height]
    grid = figure.add_gridspec(len(heights), 2, width_ratios=(3, 2), height_ratios=heights) if both else None
    if len(parts) > 1 or not len(traced) > 1:
        bars(figure.add_subplot() if grid is None else figure.add_subplot(grid[:, 0]), parts, 6 if both else 2)
    if len(traced) > 1:
        over_time(figure.add_subplot() if grid is None else figure.add_subplot(grid[0, 1]), traced, name)
    figure.suptitle(answer.claim, fontsize=11)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InputError(f"{path}: writing failed ({error.strerror or error})") from error


def history_of(answer: Answer, parts: dict[str, Answer]) -> tuple[str, Any]:
    """The history of the whole, or that of its greatest part: its name, and rows (seconds, lower, upper)."""
    if len(parts) == 1 or answer.history:
        name = next(iter(parts)) if len(parts) == 1 else "the greatest"
        return name, np.array(answer.history, dtype=np.float64).reshape(-1, 3)
    greatest = max(parts, key=lambda label: parts[label].lower or 0.0)
    return greatest, np.array(parts[greatest].history, dtype=np.float64).reshape(-1, 3)


def bars(axes: Axes, parts: dict[str, Answer], rows: int) -> None:
    """From 0 to the lower bound, and on to the upper one; room for at least ``rows`` bars."""
    labels = list(parts)
    lower = np.array([part.lower or 0.0 for part in parts.values()], dtype=np.float64)
    upper = np.array([np.nan if part.upper is None else part.upper for part in parts.values()], dtype=np.float64)
    upper[~np.isfinite(upper)] = np.nan
    place = np.arange(len(labels))
    axes.barh(place, np.nan_to_num(upper - lower), left=lower, color=OPEN, edgecolor=EDGE, linewidth=0.6, height=0.72)
    axes.barh(place, lower, color=WITNESSED, height=0.72)
    most = float(np.nanmax(np.append(upper, lower.max(initial=0.0)), initial=0.0)) or 1.0
    for y, (low, high) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
        axes.text((low if high != high else high) + 0.012 * most, y, told(low, high), va="center", fontsize=8)
    axes.set_xlim(0, 1.3 * most)
    axes.set_ylim(max(len(labels), rows) - 0.4, -0.6)
    axes.set_yticks(place, labels, fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("constant: dark up to the lower bound (a pattern of slopes), light up to the upper one (proved)")
    axes.xaxis.label.set_fontsize(9)


def told(low: float, high: float) -> str:
    """A bracket in few words."""
    if high != high:
        return f"≥ {low:.5g}"
    if low > 0 and high - low <= 1e-6 * high:
        return f"{low:.6g}"
    part = f"  ({100 * (high - low) / low:.2g} %)" if low > 0 else ""
    return f"{rounded(low, False, 5)} to {rounded(high, True, 5)}{part}"


def over_time(axes: Axes, traced: Any, name: str) -> None:
    """Both bounds over seconds, as steps; the time on a logarithmic scale where it spans more than a factor of 20."""
    seconds, lower, upper = traced.T
    known = np.isfinite(upper)
    seconds, lower, upper = (side[known] if known.any() else side for side in (seconds, lower, upper))
    least = max(float(seconds[0]), 1e-3)
    seconds = np.maximum(seconds, least)
    if seconds[-1] > 20 * least:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    axes.fill_between(seconds, lower, upper, step="post", color=OPEN, linewidth=0)
    axes.step(seconds, upper, where="post", color=EDGE, linewidth=1.6, label="upper (proved)")
    axes.step(seconds, lower, where="post", color=WITNESSED, linewidth=1.6, label="lower (a pattern)")
    axes.plot(seconds[-1:], upper[-1:], "o", color=EDGE, markersize=4)
    axes.plot(seconds[-1:], lower[-1:], "o", color=WITNESSED, markersize=4)
    axes.set_xlabel("seconds", fontsize=9)
    axes.set_title(f"{name}: {told(float(lower[-1]), float(upper[-1]))}", fontsize=10)
    axes.grid(axis="y", color="#e8e8e8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
