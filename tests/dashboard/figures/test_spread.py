"""Many runs in one figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from figures import spread

TABLE = pd.DataFrame(
    {
        "label": ["a", "b", "c", "d"],
        "role": ["member", "baseline", "trial", "member"],
        "params.rate": ["0.001", "0.01", "0.1", None],  # as MLflow keeps them
        "params.optimizer": ["sgd", "adam", "sgd", "adamw"],
        "metrics.test_auc": [0.7, 0.9, np.nan, 0.8],
    }
)


def test_text_that_is_numbers_is_numbers_and_other_text_has_places() -> None:
    assert spread.numbers(TABLE["params.rate"]).dropna().tolist() == [0.001, 0.01, 0.1]
    assert spread.numbers(TABLE["params.optimizer"]).tolist() == [2, 0, 2, 1]
    assert np.isnan(spread.numbers(pd.Series(["x", None])).iloc[1])


def test_two_numbers_against_each_other_in_one_trace() -> None:
    colours = {"member": "#111111", "baseline": "#222222"}
    figure = spread.scatter(TABLE, "params.rate", "metrics.test_auc", {"metrics.test_auc": "AUC"}, colours)
    (trace,) = figure.data
    assert list(trace.x) == [0.001, 0.01]  # the others lack one of both
    assert list(trace.y) == [0.7, 0.9]
    assert list(trace.text) == ["a", "b"]
    assert list(trace.marker.color) == ["#111111", "#222222"]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("params.rate", "AUC")
    words = spread.scatter(TABLE, "params.optimizer", "metrics.test_auc", {}, {})
    assert list(words.layout.xaxis.ticktext) == ["adam", "adamw", "sgd"]
    assert list(words.data[0].x) == [2, 0, 1]


def test_many_runs_are_one_trace() -> None:
    many = pd.DataFrame({"label": range(5000), "role": "trial", "x": np.arange(5000.0), "y": np.arange(5000.0)})
    assert len(spread.scatter(many, "x", "y", {}, {}).data) == 1


def test_side_by_side_are_the_runs_that_have_all_of_it() -> None:
    columns = ["params.rate", "params.optimizer", "metrics.test_auc"]
    (trace,) = spread.parallel(TABLE, columns, {"metrics.test_auc": "AUC"}, "metrics.test_auc").data
    assert [axis.label for axis in trace.dimensions] == ["params.rate", "params.optimizer", "AUC"]
    assert [list(axis.values) for axis in trace.dimensions] == [[0.001, 0.01], [1, 0], [0.7, 0.9]]
    assert list(trace.dimensions[1].ticktext) == ["adam", "sgd"]
    assert list(trace.line.color) == pytest.approx([0.7, 0.9])
