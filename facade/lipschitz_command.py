"""The command ``lipschitz``: brackets of the constants of a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .terminal import progress, show

if TYPE_CHECKING:
    from ..ir.answers import Answer

LISTED = "a number, several (3,8), or all"


@click.command()
@click.argument("network", type=click.Path(path_type=Path), metavar="NET.onnx")
@click.option("--output", multiple=True, metavar="K|all", help="An output; may be repeated. All unless stated.")
@click.option("--difference", multiple=True, metavar="A,B|all", help="y[A] - y[B]; may be repeated.")
@click.option("--norm", type=click.Choice(["linf", "l2"]), default="linf", show_default=True, help="Of the inputs.")
@click.option("--quantity", type=click.Choice(["lipschitz", "inf-to-one"]), default="lipschitz", show_default=True,
              help="inf-to-one: the norm that HiQ-Lip maximises (one hidden layer).")  # fmt: skip
@click.option("--box", type=click.Path(path_type=Path),
              help="Inputs in a box only: a .vnnlib property, .npz (lower, upper) or .npy [2, n].")  # fmt: skip
@click.option("--centre", metavar="POINT", help="... or around a point: x.npy, x.csv or data.npz:x_test[3].")
@click.option("--eps", type=float, help="Radius of the box around --centre.")
@click.option("--clip", metavar="LOW,HIGH", help="Range of all inputs, which cuts the box around --centre.")
@click.option("--timeout", type=float, help="Seconds.")
@click.option("--exact", is_flag=True, help="Go on until the bracket is closed.")
@click.option("--tolerance", type=float, help="Relative gap at which to stop.")
@click.option("--solver", help="A sampler that looks for lower bounds too: neal, tabu, greedy, exact or 'cmd:...'.")
@click.option("--budget", type=int, help="Most spins of one call of --solver.")
@click.option("--estimates", is_flag=True, help="Print published estimates too, by name; they are no bounds.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw the brackets (extra: plot).")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer, for `isinglass check`.")
def lipschitz(network: Path, **options: Any) -> None:
    """How much can an output of NET change per unit of change of its inputs? A lower and a proved upper bound."""
    from . import lipschitz as constants

    if options["plot"] is not None:
        from ..backends.bracket_plot import check_plot

        check_plot(options["plot"])  # before minutes are spent
    asked = {
        "output": outputs(options["output"]), "difference": pairs(options["difference"]),
        "norm": options["norm"], "quantity": options["quantity"],
    }  # fmt: skip
    box = box_of(options)
    search = {name: options[name] for name in ("timeout", "exact", "tolerance", "solver", "budget", "seed")}
    with progress(options["as_json"]) as tell:
        answer = constants.lipschitz(network, **asked, box=box, **search, progress=tell)
    if options["plot"] is not None:
        draw(answer, options["plot"])
    more: list[str] = []
    if options["estimates"]:
        more = constants.estimates(network, **asked, box=box, seed=options["seed"])
    show(answer, options["as_json"], more)


def outputs(given: tuple[str, ...]) -> Any:
    """``--output 3 --output 8``, ``--output 3,8`` or ``--output all``; None where it is not stated."""
    if not given:
        return None
    return "all" if given == ("all",) else [k for text in given for k in numbers("--output", text)]


def pairs(given: tuple[str, ...]) -> Any:
    """``--difference 8,3`` or ``all``."""
    from ..ir.errors import UsageError

    if not given or given == ("all",):
        return "all" if given else None
    found = [numbers("--difference", text) for text in given]
    wrong = [text for text, pair in zip(given, found, strict=True) if len(pair) != 2]
    if wrong:
        raise UsageError(f"--difference {wrong[0]}: two outputs", hint="write --difference 8,3")
    return found


def numbers(option: str, text: str) -> list[int]:
    """Whole numbers between commas."""
    from ..ir.errors import UsageError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        hint = {"--output": LISTED, "--lipschitz": "write 8, or 8,3"}.get(option, "write --difference 8,3, or all")
        raise UsageError(f"{option} {text}: no number", hint=hint) from None


def constant_of(network: Path, text: str) -> Any:
    """The question about one functional of a network: ``8`` or ``8,3``."""
    from ..ir.errors import UsageError
    from .lipschitz import question

    found = numbers("--lipschitz", text)
    if len(found) > 2:
        raise UsageError(f"--lipschitz {text}: one output, or two for their difference", hint="write 8, or 8,3")
    return question({"network": str(network), **({"difference": found} if len(found) == 2 else {"output": found})})


def box_of(options: dict[str, Any]) -> Any:
    """The box that the options state; None for all inputs."""
    from ..ir.errors import UsageError
    from .lipschitz import Ball

    ball = {name: options[name] for name in ("centre", "eps", "clip") if options[name] is not None}
    if options["box"] is not None:
        if ball:
            raise UsageError(f"--box and --{next(iter(ball))}: state the box once")
        return options["box"]
    if not ball:
        return None
    if not {"centre", "eps"} <= set(ball):
        raise UsageError(f"--{next(iter(ball))}: a box around a point needs --centre and --eps")
    clip = None
    if "clip" in ball:
        try:
            low, high = map(float, ball["clip"].split(","))
        except ValueError:
            raise UsageError(f"--clip {ball['clip']}: two numbers", hint="write --clip 0,1") from None
        clip = (low, high)
    return Ball(ball["centre"], ball["eps"], clip)


def draw(answer: Answer, path: Path) -> None:
    """The picture."""
    from ..backends.bracket_plot import plot_brackets

    plot_brackets(answer, path)
    click.echo(f"{path}: drawn", err=True)
