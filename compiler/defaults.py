"""Which passes bring a problem to the level that a target needs: one readable string per level.

Passes with nothing to do return the problem as it is, so the strings don't depend on the problem.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..ir.errors import Refused, UsageError, nearest

NETWORK = "activations-to-relu,bound-intervals,encode-activations"
RELAXED = f"{NETWORK},encode-activations{{form=jumps}},encode-activations{{form=lines}}"
"""Every function as rows, the feasible set growing where no rows say exactly what it does."""
MODEL = (
    "normalize-rows{{mode={mode}}},tighten-bounds,spin-to-binary,encode-integers{{which={which}}},"
    "linearize-constraints{linearize},split-products,guards-to-big-m,tighten-bounds,drop-rows"
)
"""Bounds are tightened twice: integers in products become bits before guards and products become rows."""
PREPARE = {
    "NET": "",
    "MIP": f"{NETWORK},{MODEL.format(mode='keep', which='terms', linearize='{objective=true}')},encode-products",
    "BQM": f"{MODEL.format(mode='{mode}', which='products', linearize='')},range-slacks,fix-variables",
}
FINISH = {
    "NET": "",
    "MIP": "",
    # what no pass could fix before, because a product or a guard read it, is fixed at the end
    "BQM": "{encode}penalize{penalize},encode-integers{code},quadratize{quadratize},fix-variables",
}
SPIN = ",binary-to-spin"
LARGEST = 2**20
"""Greatest coefficient of a row that becomes a penalty: squares must stay exact in float64 energies."""


OPTIONS = ("code", "limit", "rounding", "largest", "slack", "weight", "quadratize", "bits", "tight", "cutoff")
SWITCHES = ("tight", "cutoff")


def known_options(options: Mapping[str, object], *more: str) -> dict[str, object]:
    """The options that are given (not None); raises :class:`UsageError` for unknown ones and for switches that are no
    bool. ``more``: further names that the caller takes."""
    for name, value in options.items():
        if name not in (*OPTIONS, *more):
            raise UsageError(f"unknown option {name!r}", hint=nearest(name, (*OPTIONS, *more)))
        if name in SWITCHES and not isinstance(value, (bool, type(None))):
            raise UsageError(f"option {name!r} is True or False, not {value!r}")
    return {name: value for name, value in options.items() if value is not None}


def pipeline_parts(level: str, options: Mapping[str, object]) -> tuple[str, str]:
    """The passes before and after the point where a driver may hand over an incumbent and multipliers.

    Options: ``code`` and ``limit`` (bit encoding), ``rounding`` (exact, outward, inward) with ``largest``, ``slack``,
    ``weight``,
    ``quadratize``, ``bits`` (grid of real variables). Raises :class:`UsageError` for a level without a default.
    """
    if level == "MIP":
        return PREPARE["MIP"], ""
    if level not in ("BQM", "SPIN"):
        raise UsageError(f"no default pipeline for level {level}", hint=nearest(level, ("BQM", "SPIN", "MIP")))
    code, limit = str(options.get("code", "log")), options.get("limit", 8)
    onto = code in ("log", "unary", "bounded")
    chosen = {"log": "", "bounded": f"{{code=bounded,limit={limit}}}"}.get(code, f"{{code={code}}}")
    rounding = settings({"mode": options.get("rounding"), "largest": options.get("largest", LARGEST)})
    prepare = PREPARE["BQM"].replace("{mode={mode}}", rounding)
    if options.get("bits"):
        prepare = f"normalize-rows{{mode=keep}},grid-reals{{bits={options['bits']}}}," + prepare
    finish = (
        FINISH["BQM"]
        # codes with validity rows come before penalize, so that these rows get proved weights too
        .replace("{encode}", "" if onto else f"encode-integers{chosen},")
        .replace("{penalize}", settings({"slack": options.get("slack"), "weight": options.get("weight")}))
        .replace("{code}", chosen if onto else "")
        .replace("{quadratize}", settings({"method": options.get("quadratize")}))
    )
    return prepare, finish + (SPIN if level == "SPIN" else "")


def settings(values: Mapping[str, object]) -> str:
    """``{a=1,b=2}`` of the options that are given, or nothing."""
    given = [f"{key}={value}" for key, value in values.items() if value is not None]
    return "{" + ",".join(given) + "}" if given else ""


def default_pipeline(level: str, options: Mapping[str, object] | None = None) -> str:
    """Both parts joined."""
    return ",".join(part for part in pipeline_parts(level, options or {}) if part)


def add_option(text: str, name: str, setting: str) -> str:
    """A pipeline text with one more option for the pass ``name``; the pass must be in it."""
    if name not in text:
        raise Refused(f"the pipeline has no {name}")
    head, _, tail = text.partition(name)
    return f"{head}{name}{{{setting}{',' + tail[1:] if tail.startswith('{') else '}' + tail}"
