"""Metrics of quality, computed in two steps, so that all of them can be bootstrapped.

Each kind of task has a module with

- ``statistics(predicted, truth, ...)``: the contribution of one image, as plain numbers (counts and sums, not ratios), and
- ``summarise(columns, ...)``: the pooled metrics of a table with one row per image and one column per statistic.

``summarise`` is called thousands of times on resampled tables, so it works on numpy columns; a DataFrame is accepted as
well. An undefined metric (the area under the curve with one class only, the recall without any bead) is nan, never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]  # one array per statistic, with one entry per image
Columns: TypeAlias = "Arrays | pd.DataFrame"


def column(columns: Columns, name: str) -> npt.NDArray[np.float64]:
    """One statistic of every image as float64; KeyError when the table does not contain it."""
    return np.asarray(columns[name], dtype=np.float64)


def totals(columns: Columns, names: Iterable[str]) -> dict[str, float]:
    """The sum of each named statistic over the images."""
    return {name: float(column(columns, name).sum()) for name in names}


def ratio(part: float, whole: float) -> float:
    """``part / whole``, nan where ``whole`` is zero."""
    return part / whole if whole else float("nan")


def mean(values: npt.NDArray[np.float64]) -> float:
    """The mean; nan for an empty array (without numpy's warning)."""
    # equal to numpy.mean, in a third of its time: a bootstrap computes thousands of means
    return float(np.add.reduce(values, axis=None)) / values.size if values.size else float("nan")
