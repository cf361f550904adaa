"""Differences between models: better is to the right, and what is more than chance is filled."""

from __future__ import annotations

import pandas as pd
import pytest

from figures import differences

ROWS = [
    ("net", "test", "auc", 0.05, 0.01, 0.09, True),
    ("net", "focus", "auc", -0.02, -0.06, 0.02, False),
    ("other", "test", "auc", 0.0, -0.03, 0.03, False),
]
TABLE = pd.DataFrame(ROWS, columns=["b", "part", "metric", "difference", "low", "high", "decided"])


def test_a_mark_for_each_model_and_part() -> None:
    net, other = differences.forest(TABLE, "reference", {"net": "#111111"}).data
    assert list(net.x) == [0.05, -0.02]
    assert [list(each) for each in net.y] == [["test", "focus"], ["net", "net"]]
    assert list(net.marker.symbol) == ["diamond", "diamond-open"]
    assert list(net.error_x.array) == pytest.approx([0.04, 0.04])
    assert list(net.error_x.arrayminus) == pytest.approx([0.04, 0.04])
    assert net.marker.color == "#111111"
    assert list(other.x) == [0.0]


def test_of_an_error_what_is_smaller_is_to_the_right() -> None:
    table = TABLE.assign(metric="capped_error_px")
    figure = differences.forest(table, "reference", {})
    net, _ = figure.data
    assert list(net.x) == [-0.05, 0.02]
    assert list(net.error_x.array) == pytest.approx([0.04, 0.04])
    assert net.customdata[0][1].startswith("+0.05")  # what is said is the difference itself
    assert figure.layout.xaxis.title.text == "capped error (px): how much better than reference"
