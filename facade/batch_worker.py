"""A process that answers the orders of ``batch``: JSON lines in, JSON lines out. Part of the facade."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any


def main() -> None:
    """Answer orders from stdin. What libraries print goes to stderr."""
    orders: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=listen, args=(orders,), daemon=True).start()
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    memory = float(sys.argv[1])
    if memory:
        from .verification import limit_memory

        limit_memory(memory)
    while True:
        results.write(json.dumps(answered(json.loads(orders.get()), memory or None), allow_nan=False).encode() + b"\n")
        results.flush()


def listen(orders: SimpleQueue[bytes]) -> None:
    """Pass orders on; when stdin ends, the batch is gone, and this process goes with it."""
    with os.fdopen(os.dup(0), "rb") as source:
        for text in source:
            orders.put(text)
    os._exit(0)


def answered(order: dict[str, Any], memory: float | None = None) -> dict[str, Any]:
    """The fields of a result line. Nothing that one instance does wrong ends the process."""
    from ..ir.errors import IsinglassError

    start = perf_counter()
    try:
        found = question(order, memory)
    except IsinglassError as error:
        found = {"verdict": "error", "error": str(error)}
    except MemoryError:
        found = {"verdict": "error", "error": "not enough memory"}
    except Exception as error:  # a defect of ours: told in the line, so that the batch goes on
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace else ""
        found = {"verdict": "error", "error": f"{type(error).__name__}: {error}{place}"}
    return {"seconds": perf_counter() - start, **found}


def question(order: dict[str, Any], memory: float | None) -> dict[str, Any]:
    """Verify one instance and save its answer where the order wants that."""
    from ..backends.files import write_chunks
    from .verification import verify

    files = order["files"]
    answer = verify(
        files["network"], files["property"], timeout=order["timeout"], seed=order["seed"], method=order["method"],
        memory=memory,
    )  # fmt: skip
    if order["certificate"]:
        write_chunks(order["certificate"], [answer.to_json().encode()])
    data = answer.to_dict()
    kept = ("basis", "arithmetic", "witness", "solver", "timings", "detail", "time_limited")
    return {
        "verdict": answer.status,
        "certificate": order["certificate"],
        **{key: data[key] for key in kept},
    }


if __name__ == "__main__":
    main()
