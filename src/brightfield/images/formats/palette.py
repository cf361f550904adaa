"""Lookup tables: the colours in which numbers are shown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.unsignedinteger]


def is_grey(table: Table) -> bool:
    """Whether all colours (N, 3) are grey."""
    return bool((table == table[:, :1]).all())


def is_ramp(table: Table) -> bool:
    """Whether each colour (N, 3) is at least as bright as the one before, so that a larger number is shown brighter."""
    return bool((np.diff(table.astype(np.float64) @ np.array([0.299, 0.587, 0.114])) >= 0).all())
