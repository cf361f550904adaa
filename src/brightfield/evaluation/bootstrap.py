"""Bootstrap intervals of metrics, and of the difference between two models on the same images.

The bootstrap resamples *groups* (smears, movies, specimens), not images: images of one group resemble each other, and
intervals from single images would be too narrow. Intervals are percentile intervals (Efron & Tibshirani, An Introduction to
the Bootstrap, chapter 13). With fewer than two groups there is no interval, and both bounds are nan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.errors import BrightfieldError
from brightfield.metrics import Arrays, Real, Weights, every_image_once, of_one
from brightfield.metrics.declarations import Direction
from brightfield.system import processes

Pooled = Callable[[Arrays, Weights], dict[str, Real]]  # see brightfield.metrics
Groups = Sequence[object] | npt.NDArray[Any] | pd.Series

AT_ONCE = 1_000_000  # weights of so many images are computed with at a time: 8 MB an array


@dataclass(frozen=True)
class Interval:
    """A metric of one model and its bootstrap interval; the bounds are nan where they are not defined."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """``{"value", "low", "high"}``."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """Model b minus model a in one metric, on the same images.

    Attributes:
        metric: the name of the metric.
        a: its value for model a.
        b: its value for model b.
        value: b - a.
        low: lower bound of the interval of b - a, nan where it is not defined.
        high: upper bound.
        resamples: number of bootstrap resamples behind the bounds.
        groups: number of groups that were resampled.
        above: share of the resamples in which b - a is above 0, those with 0 counted half; nan where none is defined.
        error: bootstrap standard error of b - a, nan where it is not defined.
    """

    metric: str
    a: float
    b: float
    value: float
    low: float
    high: float
    resamples: int
    groups: int
    above: float = float("nan")
    error: float = float("nan")

    def better(self, direction: Direction) -> bool:
        """Whether b is better than a on these images, by any margin."""
        return self._oriented(direction, self.value, self.value) > 0

    def favours(self, direction: Direction) -> bool:
        """Whether the whole interval favours b: by more than the random choice of groups explains."""
        return self._oriented(direction, self.low, self.high) > 0

    def probability(self, direction: Direction) -> float:
        """The share of resamples in which b is better: how sure these groups make that it is."""
        return self.above if direction == "maximize" else 1 - self.above

    def as_dict(self) -> dict[str, float | int | str]:
        """All attributes by name."""
        return asdict(self)

    @staticmethod
    def _oriented(direction: Direction, low: float, high: float) -> float:
        """The bound at which b is worse, with the sign that makes positive values good."""
        return {"maximize": low, "minimize": -high}[direction]


def intervals(
    table: pd.DataFrame, groups: Groups, pooled: Pooled, *, resamples: int, confidence: float, seed: int
) -> dict[str, Interval]:
    """The metrics of a table, each with its bootstrap interval over groups.

    Args:
        table: one row per image. ``pooled`` receives the numeric columns as arrays.
        groups: the group of each row.
        pooled: columns and weights -> metrics of each resample.
        resamples: how many times the groups are drawn with replacement.
        confidence: share of the resamples inside the interval, such as 0.95.
        seed: seed of the resampling; the same seed and groups give the same resamples.

    Raises:
        ValueError: there is not one group per row.
    """
    columns, whole = columns_of(table), _Groups(groups, len(table))
    values = of_one(pooled(columns, every_image_once(columns)))
    drawn = list(processes.threaded_map(lambda weights: pooled(columns, weights), whole.resample(resamples, seed)))
    bounds = {name: _bounds([metrics[name] for metrics in drawn], confidence) for name in values}
    return {name: Interval(value, *bounds[name]) for name, value in values.items()}


def paired_difference(
    table_a: pd.DataFrame,
    table_b: pd.DataFrame,
    groups: Groups,
    pooled: Pooled,
    metric: str,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Difference:
    """One of :func:`paired_differences`.

    Raises:
        BrightfieldError: the tables do not hold the same images in the same order.
        ValueError: there is not one group per row, or ``pooled`` does not return the metric.
    """
    found = paired_differences(table_a, table_b, groups, pooled, resamples=resamples, confidence=confidence, seed=seed)
    if metric not in found:
        raise ValueError(f"expected a metric to compare that is one of {', '.join(found)}, got {metric!r}")
    return found[metric]


def paired_differences(
    table_a: pd.DataFrame,
    table_b: pd.DataFrame,
    groups: Groups,
    pooled: Pooled,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Difference]:
    """Every metric of model b minus that of model a, both summarised on the same resamples of the same images.

    Args:
        table_a: results of model a, one row per image: column ``id`` and the statistics.
        table_b: results of model b for the same images in the same order.
        groups: the group of each row.
        pooled: columns and weights -> metrics of each resample.
        resamples: how many times the groups are drawn with replacement.
        confidence: share of the resamples inside the interval.
        seed: seed of the resampling.

    Raises:
        BrightfieldError: the tables do not hold the same images in the same order.
        ValueError: there is not one group per row.
    """
    same_images(table_a, table_b)
    a, b, whole = columns_of(table_a), columns_of(table_b), _Groups(groups, len(table_a))
    of_a, of_b = (of_one(pooled(columns, every_image_once(columns))) for columns in (a, b))
    resampled = whole.resample(resamples, seed)
    drawn = list(processes.threaded_map(lambda weights: (pooled(a, weights), pooled(b, weights)), resampled))
    return {
        metric: _difference(
            metric, value, of_b[metric], [y[metric] - x[metric] for x, y in drawn], confidence, resamples, whole
        )
        for metric, value in of_a.items()
        if metric in of_b
    }


def _difference(
    metric: str, a: float, b: float, drawn: Sequence[Real], confidence: float, resamples: int, whole: _Groups
) -> Difference:
    low, high = _bounds(drawn, confidence)
    values = np.concatenate([np.empty(0), *drawn])
    values = values[np.isfinite(values)]
    if not values.size:
        return Difference(metric, a, b, b - a, low, high, resamples, whole.count)
    above, error = float(np.mean((np.sign(values) + 1) / 2)), float(values.std())
    return Difference(metric, a, b, b - a, low, high, resamples, whole.count, above, error)


def same_images(a: pd.DataFrame, b: pd.DataFrame) -> None:
    """Refuse two tables that do not hold the same images in the same order.

    Raises:
        BrightfieldError: they do not; the message says which are in one only.
    """
    ids_a, ids_b = a["id"].astype(str).tolist(), b["id"].astype(str).tolist()
    if ids_a == ids_b:
        return
    only_a, only_b = sorted(set(ids_a) - set(ids_b)), sorted(set(ids_b) - set(ids_a))
    if only_a or only_b:
        found = f"{len(only_a)} are only in the first ({only_a[:3]}), {len(only_b)} only in the second ({only_b[:3]})"
    else:
        found = "they hold the same images in another order or number"
    raise BrightfieldError(
        f"Two models can only be compared on the same images. Of {len(ids_a)} and {len(ids_b)} images, {found}. "
        "Evaluate both models on the same version of the dataset."
    )


def columns_of(table: pd.DataFrame) -> Arrays:
    """Numeric columns as arrays."""
    numeric = [name for name in table.columns if pd.api.types.is_numeric_dtype(table[name])]
    return {str(name): table[name].to_numpy() for name in numeric}


def _bounds(drawn: Sequence[Real], confidence: float) -> tuple[float, float]:
    """Percentile interval of the finite values; the metric of a resample without one of the classes is nan."""
    values = np.concatenate([np.empty(0), *drawn])
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def numbered(groups: Groups, rows: int) -> npt.NDArray[np.intp]:
    """The number of each row's group, from 0, in the order of their names: the order of rows does not matter.

    Raises:
        ValueError: there is not one group per row.
    """
    names = np.asarray([str(group) for group in groups])
    if len(names) != rows:
        raise ValueError(f"one group per row: {rows} expected, got {len(names)}")
    return np.unique(names, return_inverse=True)[1]


class _Groups:
    """The group of each row."""

    def __init__(self, groups: Groups, rows: int) -> None:
        self._number = numbered(groups, rows)
        self.count = int(self._number.max(initial=-1)) + 1

    def resample(self, times: int, seed: int) -> Iterator[Weights]:
        """Yield how often each row is drawn, some resamples at a time: as many groups as there are, drawn with replacement.

        Nothing with fewer than two groups.
        """
        rng = np.random.default_rng(seed)
        left = times if self.count > 1 else 0
        while left:
            some = min(left, max(1, AT_ONCE // len(self._number)))
            drawn = rng.integers(0, self.count, (some, self.count)) + self.count * np.arange(some)[:, None]
            times_drawn = np.bincount(drawn.ravel(), minlength=some * self.count).reshape(some, self.count)
            yield times_drawn.astype(np.float64)[:, self._number]
            left -= some
