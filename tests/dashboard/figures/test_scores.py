"""Scores, gains, weights: what is drawn."""

from __future__ import annotations

from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    drawn = ElementTree.fromstring(scores.dots(table, COLOURS, "capped_error_px", "minimize", champion="net"))
    plot = drawn.find("svg")
    assert plot is not None
    net, base = plot.findall("g")
    dot, bar = net.find("circle"), net.find("line")
    assert dot is not None
    assert bar is not None
    assert (dot.get("cx"), dot.get("fill"), dot.get("stroke")) == ("33.33%", "#111111", "#111111")  # from 0 to 0.6
    assert (bar.get("x1"), bar.get("x2")) == ("16.67%", "66.67%")
    hollow = base.find("circle")
    assert hollow is not None
    assert (hollow.get("cx"), hollow.get("fill")) == ("83.33%", "none")
    assert base.find("line") is None  # its interval is not known
    assert [each.text for each in net.findall("title")] == ["net (member): 0.200 (0.100 to 0.400)"]
    words = [(each.text, each.get("font-weight")) for each in drawn.findall("text")]
    assert words[:2] == [("net", "600"), ("0.200", "600")]
    assert words[2:4] == [("base", None), ("0.500", None)]
    assert words[4][0] == "capped error (px), lower is better"
    assert [each.text for each in plot.findall("text")] == ["0", "0.2", "0.4", "0.6"]


def test_names_are_text_and_values_that_are_not_known_are_left_out() -> None:
    table = pd.DataFrame(
        {"model": ["<b>&"], "role": ["member"], "value": [float("nan")], "low": [None], "high": [None]}
    )
    drawn = scores.dots(table, {"<b>&": "#111111"}, "auc", "maximize")
    assert "&lt;b&gt;&amp;" in drawn
    assert "<circle" not in drawn


@given(st.floats(-1e4, 1e4), st.floats(1e-6, 1e4))
def test_round_numbers_hold_what_is_between(low: float, span: float) -> None:
    high = low + span
    found = scores.round_numbers(low, high)
    assert 2 <= len(found) <= 7
    tolerance = 1e-6 * max(abs(low), abs(high), span)
    assert found[0] <= low + tolerance
    assert found[-1] >= high - tolerance
    assert found == sorted(set(found))


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
