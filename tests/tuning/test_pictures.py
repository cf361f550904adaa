"""Our own figures of a study."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from brightfield.tuning import pictures
from brightfield.tuning.pictures import GOOD, INK, Comparison

SPLITS = pd.DataFrame(
    [[0.80, 0.82, 0.84], [0.85, 0.86, 0.90], [0.70, float("nan"), float("nan")]],
    index=["0", "4", "2"],
    columns=["split 1", "split 2", "split 3"],
)


def result(**other: Any) -> dict[str, Any]:
    gains = [{"name": "4", "value": 0.05, "low": 0.01, "high": 0.09, "trainings": 3}]
    test = {"a": 0.81, "b": 0.83, "value": 0.02, "low": -0.01, "high": 0.05}
    known = {"best": "4", "standard": 0.82, "value": 0.87, "promised": 0.1, "promised_value": 0.9}
    return {**known, "gains": gains, "test": test, **other}


def test_places_are_compared_in_the_order_of_the_study() -> None:
    rows = pictures.comparisons(result(), SPLITS)
    assert [row.place for row in rows] == ["search", "split 1", "split 2", "split 3", "all splits", "test"]
    assert [round(row.gain, 3) for row in rows] == [0.1, 0.05, 0.04, 0.06, 0.05, 0.02]
    assert (rows[0].standard, rows[0].best) == pytest.approx((0.8, 0.9))
    assert [(row.low, row.high) for row in rows] == [(None, None)] * 4 + [(0.01, 0.09), (-0.01, 0.05)]


def test_an_interval_of_too_few_trainings_is_none() -> None:
    gains = [{"name": "4", "value": 0.05, "low": float("nan"), "high": float("nan"), "trainings": 3}]
    rows = pictures.comparisons(result(gains=gains, test=None), SPLITS)
    assert (rows[-1].place, rows[-1].low) == ("all splits", None)


@pytest.mark.parametrize(
    "found", [{}, {"best": None, "gains": []}, {"best": "7", "gains": [{"name": "7", "value": 1.0}]}]
)
def test_without_a_best_nothing_is_compared(found: dict[str, Any]) -> None:
    assert pictures.comparisons(found, SPLITS) == []


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1), ("minimize", -1)])
def test_right_of_zero_the_best_is_better(direction: Any, sign: int) -> None:
    rows = [
        Comparison("search", 0.5, 0.5 + sign * 0.2, sign * 0.2),
        Comparison("all splits", 0.5, 0.5 + sign * 0.1, sign * 0.1, *sorted((sign * 0.04, sign * 0.16))),
        Comparison("test", 0.5, 0.5 + sign * 0.1, sign * 0.1, *sorted((sign * -0.02, sign * 0.22))),
    ]
    figure = pictures.best_against_standard(rows, "auc", direction)
    gains = {trace.y[0]: trace for trace in figure.data if len(trace.y) == 1}
    assert [gains[row.place].x[0] for row in rows] == pytest.approx([0.2, 0.1, 0.1])
    assert gains["search"].error_x.array is None
    bars = gains["all splits"].error_x
    assert (bars.array[0], bars.arrayminus[0]) == pytest.approx((0.06, 0.06))
    assert [gains[name].marker.color for name in ("all splits", "test")] == [GOOD, INK]  # only the first is sure


def test_a_bar_for_each_trial_in_the_row_of_its_worker() -> None:
    zero = datetime(2026, 1, 1, tzinfo=UTC)
    table = pd.DataFrame(
        {
            "number": [0, 1, 2],
            "state": ["complete", "pruned", "complete"],
            "started": [zero, zero + timedelta(seconds=1), zero + timedelta(seconds=60)],
            "ended": [zero + timedelta(seconds=60), zero + timedelta(seconds=5), zero + timedelta(seconds=90)],
            "worker": [1, 2, 1],
        }
    )
    figure = pictures.timeline_of_workers(table)
    bars = {trace.name: trace for trace in figure.data}
    assert list(bars) == ["complete", "given up"]
    assert list(bars["complete"].y) == ["worker 1", "worker 1"]
    assert list(bars["complete"].x) == [60_000, 30_000]  # milliseconds
    assert bars["given up"].customdata[0] == [1, "4 s"]
    assert list(figure.layout.yaxis.categoryarray) == ["worker 2", "worker 1"]  # the first on top
