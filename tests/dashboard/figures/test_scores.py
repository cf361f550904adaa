"""Scores, gains, weights: what is drawn."""

from __future__ import annotations

import pandas as pd
import pytest

from figures import scores

COLOURS = {"net": "#111111", "base": "#222222"}


COLUMNS = ["name", "role", "value", "gain", "gain_low", "gain_high"]


def test_dots() -> None:
    table = pd.DataFrame(
        {
            "model": ["net", "base"],
            "role": ["member", "baseline"],
            "value": [0.2, 0.5],
            "low": [0.1, float("nan")],
            "high": [0.4, float("nan")],
        }
    )
    figure = scores.dots(table, COLOURS, "capped_error_px", "minimize", champion="net")
    below, above = figure.data  # plotly counts from the bottom
    assert (above.name, above.x, above.marker.color, above.marker.symbol) == ("net", (0.2,), "#111111", "circle")
    assert above.error_x.array[0] == pytest.approx(0.2)
    assert above.error_x.arrayminus[0] == pytest.approx(0.1)
    assert (below.name, below.error_x.array[0], below.marker.symbol) == ("base", 0, "circle-open")
    assert figure.layout.yaxis.ticktext == ("base", "<b>net</b>")
    assert figure.layout.xaxis.title.text == "capped error (px), lower is better"
    assert [a.text for a in figure.layout.annotations] == ["0.500", "0.200"]


ROWS = pd.DataFrame(
    {
        "name": ["base", "net"],
        "role": ["baseline", "member"],
        "value": [0.8, 0.9],
        "gain": [0.12, 0.02],
        "gain_low": [0.10, -0.01],
        "gain_high": [0.15, 0.05],
    }
)


def test_gains_are_filled_where_the_interval_leaves_out_zero() -> None:
    figure = scores.gains(ROWS, COLOURS, "auc", "maximize")
    net, base = figure.data
    assert (net.x, net.marker.symbol) == ((0.02,), "diamond-open")
    assert (base.x, base.marker.symbol) == ((0.12,), "diamond")
    assert base.error_x.array[0] == pytest.approx(0.03)
    assert base.error_x.arrayminus[0] == pytest.approx(0.02)
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == 0


def test_less_error_is_a_gain() -> None:
    table = scores.oriented(ROWS, "minimize")
    assert list(table["gain"]) == [-0.12, -0.02]
    assert list(table["low"]) == [-0.15, -0.05]
    assert list(table["high"]) == [-0.10, 0.01]
    assert "reduction of" in scores.gains(ROWS, COLOURS, "capped_error_px", "minimize").layout.xaxis.title.text


@pytest.mark.parametrize(
    ("gains", "direction", "expected"),
    [
        ({"a": (0.10, 0.05, 0.15), "b": (0.02, 0.01, 0.03)}, "maximize", ("better", "b")),
        ({"a": (0.10, 0.05, 0.15), "b": (0.02, -0.01, 0.05)}, "maximize", ("unsure", "b")),
        ({"a": (-0.10, -0.15, -0.05), "b": (-0.02, -0.03, -0.01)}, "minimize", ("better", "b")),
        ({"a": (0.04, 0.02, 0.06), "b": (-0.02, -0.03, -0.01)}, "minimize", ("worse", "a")),
        ({"a": (0.0, 0.0, 0.0)}, "maximize", ("alone", "a")),
    ],
)
def test_the_verdict_is_on_the_best_of_the_members(
    gains: dict[str, tuple[float, float, float]], direction: str, expected: tuple[str, str]
) -> None:
    rows = pd.DataFrame([(name, "member", 0.5, *gain) for name, gain in gains.items()], columns=COLUMNS)
    left_out = pd.DataFrame([("c", "member", 0.9, -0.4, -0.5, -0.3)], columns=COLUMNS)  # is no member
    weights = pd.DataFrame({"name": list(gains), "weight": 1 / len(gains)})
    assert scores.verdict(pd.concat([rows, left_out]), weights, direction) == expected


def test_without_a_member_in_the_table_there_is_no_verdict() -> None:
    weights = pd.DataFrame({"name": ["a"], "weight": [1.0]})
    assert scores.verdict(pd.DataFrame(columns=COLUMNS), weights, "maximize") == ("unsure", None)


def test_weights_have_the_heaviest_on_top() -> None:
    (bars,) = scores.weights(pd.DataFrame({"name": ["net", "base"], "weight": [0.75, 0.25]}), COLOURS).data
    assert list(bars.y) == ["base", "net"]
    assert list(bars.x) == [0.25, 0.75]
    assert list(bars.text) == ["25%", "75%"]
    assert list(bars.marker.color) == ["#222222", "#111111"]


def test_bars() -> None:
    table = pd.DataFrame({"parameter": ["rate", "depth"], "importance": [0.9, 0.1]})
    (bars,) = scores.bars(table, "parameter", "importance").data
    assert list(bars.y) == ["depth", "rate"]
    assert list(bars.text) == ["10%", "90%"]
    assert bars.marker.color[1] != bars.marker.color[0]
