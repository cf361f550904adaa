"""Metrics of quality, computed in two steps, so that all of them can be bootstrapped.

Each kind of task has a module with

- ``statistics(predicted, truth, ...)``: the contribution of one image, as plain numbers (counts and sums, not ratios),
- ``pooled(columns, weights, ...)``: the pooled metrics of a table with one row per image and one column per statistic, of many
  resamples of its images at once: ``weights`` says how often each resample has each image, and
- ``summarise(columns, ...)``: the same of every image once.

They work on numpy columns; a DataFrame is accepted as well. An undefined metric (the area under the curve with one class only, the
recall without any bead) is nan, never an error.
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
Real: TypeAlias = npt.NDArray[np.float64]
Weights: TypeAlias = Real  # (resamples, images)


def column(columns: Columns, name: str) -> npt.NDArray[np.float64]:
    """One statistic of every image as float64; KeyError when the table does not contain it."""
    return np.asarray(columns[name], dtype=np.float64)


def every_image_once(columns: Columns) -> Weights:
    """The weights (1, images) of the table as it is."""
    return np.ones((1, len(next(iter(columns.values()), ()) if isinstance(columns, Mapping) else columns)))


def of_one(pooled: Mapping[str, Real]) -> dict[str, float]:
    """The metrics of the one resample that was pooled."""
    return {name: float(value[0]) for name, value in pooled.items()}


def total(values: npt.NDArray[Any], weights: Weights) -> Real:
    """The sum over the images of each resample; nan where a value that is not finite is among them."""
    values = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(values)
    # not by a product of matrices, whose last digit depends on the number of threads
    sums = np.einsum("ri,i->r", weights, np.where(finite, values, 0.0))
    if finite.all():
        return np.asarray(sums)
    sums[weights[:, ~finite].any(axis=1)] = np.nan
    return np.asarray(sums)


def totals(columns: Columns, names: Iterable[str], weights: Weights) -> dict[str, Real]:
    """The sum of each named statistic over the images of each resample."""
    return {name: total(column(columns, name), weights) for name in names}


def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Real:
    """``part / whole`` element by element, nan where ``whole`` is zero."""
    result: Real = np.full(np.broadcast_shapes(np.shape(part), np.shape(whole)), np.nan)
    np.divide(part, whole, out=result, where=np.asarray(whole) != 0)
    return result


def mean(values: npt.NDArray[Any], weights: Weights) -> Real:
    """The mean over the images of each resample; nan where it has none."""
    return ratio(total(values, weights), weights.sum(axis=1))
