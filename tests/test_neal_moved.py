"""Where dwave-samplers keeps its annealer elsewhere, small Ising problems still find their way to it."""

from __future__ import annotations

import numpy as np
import pytest

from isinglass.backends.solvers import neal
from isinglass.ir.protocols import Limits
from isinglass.ir.quadratic.ising_form import IsingForm


def test_the_way_through_dimod_serves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    couplings = np.triu(np.ones((6, 6)), 1) * -1.0
    form = IsingForm(0.0, np.array([-0.5, 0, 0, 0, 0, 0]), couplings)
    direct = neal.Neal(sweeps=50).sample_ising(form, Limits(reads=5))
    monkeypatch.setattr(neal, "annealer", lambda: None)
    around = neal.Neal(sweeps=50).sample_ising(form, Limits(reads=5))
    assert (direct[0] == 1).all()
    assert (around[0] == 1).all()
