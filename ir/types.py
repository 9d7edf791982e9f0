"""Array type aliases used all over the project. Shapes and units are given where the arrays are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
SpinArray = NDArray[np.int8]
"""-1 and +1."""
AnyArray = NDArray[Any]

Values = Mapping[str, FloatArray]
"""Values of many samples at once: variable block name -> array [B, size of the block]."""
