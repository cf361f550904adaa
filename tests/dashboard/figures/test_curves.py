"""Curves by epoch."""

from __future__ import annotations

import pandas as pd

from figures import curves

TABLE = pd.DataFrame(
    [("a", "train_loss", 0, 1.0), ("a", "train_loss", 1, 0.5), ("a", "f1", 0, 0.2), ("b", "f1", 0, 0.3)],
    columns=["run", "metric", "step", "value"],
)


def test_a_panel_a_metric_and_a_line_a_run() -> None:
    figure = curves.histories(TABLE, ["train_loss", "f1"], {"a": "#111111", "b": "#222222"})
    lines = [(line.name, line.xaxis, list(line.y), line.line.color) for line in figure.data]
    assert lines == [
        ("a", "x", [1.0, 0.5], "#111111"),
        ("a", "x2", [0.2], "#111111"),
        ("b", "x2", [0.3], "#222222"),
    ]
    assert [a.text for a in figure.layout.annotations] == ["train loss", "F1"]


def test_a_run_is_once_in_the_legend() -> None:
    figure = curves.histories(TABLE, ["train_loss", "f1"], {"a": "#111111", "b": "#222222"})
    assert [line.name for line in figure.data if line.showlegend] == ["a", "b"]
