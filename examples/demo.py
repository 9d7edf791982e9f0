"""The demo: a model compiled and solved three ways; a network's robustness proved and refuted; a constant of it."""

from __future__ import annotations

from pathlib import Path

import isinglass

HERE = Path(__file__).parent


def title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def model() -> None:
    """examples/scheduling.glass, solved by enumeration of its QUBO, by annealing and by HiGHS."""
    title("1. A model with guarded, alternative and soft rows, compiled to a QUBO")
    spec = HERE / "knapsack.glass"
    print(spec.read_text())
    print(isinglass.explain(spec))
    for solver, words in (("exact", "every point visited"), ("neal", "simulated annealing"), ("highs", "MILP")):
        answer = isinglass.run(spec, solver=solver, seed=1)
        print(f"\n{solver} ({words}):\n{isinglass.answer_text(answer)}")


def network() -> None:
    """examples/robust.glass: a digits network on a box around one image."""
    title("2. Is a digits network robust around one image?")
    spec = HERE / "robust.glass"
    print(spec.read_text())
    for eps in ("0.03", "0.15"):
        answer = isinglass.run(spec, {"eps": eps}, timeout=60)
        words = {"unsat": "no pixel change up to it flips the label", "sat": "a counterexample exists"}
        print(f"eps = {eps}: {answer.status}: {words.get(answer.status, 'not decided')}")
        print(isinglass.answer_text(answer.with_fields(witness=None)))


def constant() -> None:
    """examples/lipschitz.glass: a Lipschitz constant, from below and from above."""
    title("3. By how much can a digit's score change when pixels do?")
    spec = HERE / "lipschitz.glass"
    print(spec.read_text())
    print(isinglass.answer_text(isinglass.run(spec)))


if __name__ == "__main__":
    model()
    network()
    constant()
