"""Indicators of quality, in two steps, so that every one of them can be bootstrapped.

Each kind of task has a module with

- ``statistics(predicted, truth, ...)``: what one image contributes, as plain numbers (counts and sums, not ratios), and
- ``summarise(columns, ...)``: the pooled metrics of a table with a row an image and a column a statistic.

``summarise`` is called thousands of times on resampled tables, so it works on numpy columns; a DataFrame serves as
well. What is not defined (the area under the curve with one class only, the recall without any bead) is nan, never an
error and never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]  # a column for each statistic, an entry for each image
Columns: TypeAlias = "Arrays | pd.DataFrame"


def column(columns: Columns, name: str) -> npt.NDArray[np.float64]:
    """One statistic of every image as float64; KeyError when the table does not have it."""
    return np.asarray(columns[name], dtype=np.float64)


def totals(columns: Columns, names: Iterable[str]) -> dict[str, float]:
    """The sum of each named statistic over the images."""
    return {name: float(column(columns, name).sum()) for name in names}


def ratio(part: float, whole: float) -> float:
    """``part / whole``, nan where ``whole`` is zero."""
    return part / whole if whole else float("nan")


def mean(values: npt.NDArray[np.float64]) -> float:
    """The mean, nan of nothing (without numpy's warning)."""
    # what numpy's own mean does, in a third of its time: a bootstrap asks for thousands
    return float(np.add.reduce(values, axis=None)) / values.size if values.size else float("nan")
