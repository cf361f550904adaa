"""How models hold up: what is drawn and what it costs."""

from __future__ import annotations

import pandas as pd
import pytest

from figures import shifts

PARTS = ["test", "camera", "focus"]
NAN = float("nan")
TABLE = pd.DataFrame(
    [
        ("net", "member", "test", 0.9, 0.8, 0.95),
        ("net", "member", "camera", 0.7, NAN, NAN),
        ("net", "member", "focus", 0.85, 0.8, 0.9),
        ("base", "baseline", "test", 0.6, 0.5, 0.7),
        ("base", "baseline", "focus", 0.65, 0.6, 0.7),
    ],
    columns=["model", "role", "part", "value", "low", "high"],
)


def test_a_mark_a_model_and_part() -> None:
    figure = shifts.lines(TABLE, PARTS, {"net": "#111111", "base": "#222222"}, "auc", "maximize")
    assert [(mark.name, round(mark.x[0]), mark.y[0]) for mark in figure.data] == [
        ("net", 0, 0.9),
        ("net", 1, 0.7),
        ("net", 2, 0.85),
        ("base", 0, 0.6),
        ("base", 2, 0.65),
    ]
    assert [mark.showlegend for mark in figure.data] == [True, False, False, True, False]
    assert figure.data[0].error_y.arrayminus[0] == pytest.approx(0.1)
    assert figure.data[1].error_y.array[0] == 0
    assert figure.layout.xaxis.ticktext == tuple(PARTS)
    assert figure.layout.yaxis.title.text == "AUC"


def test_only_the_test_split_is_parted_from_the_others() -> None:
    colours = {"net": "#111111", "base": "#222222"}
    suites, kinds = (
        shifts.lines(TABLE, PARTS, colours, "auc", "maximize", first_apart=apart) for apart in (True, False)
    )
    assert (len(suites.layout.shapes), len(kinds.layout.shapes)) == (1, 0)


def test_ceilings_are_dashes_with_one_entry_in_the_legend() -> None:
    figure = shifts.lines(
        TABLE, PARTS, {"net": "#111111", "base": "#222222"}, "auc", "maximize", {"test": 0.97, "focus": 0.96}
    )
    dashes = [mark for mark in figure.data if mark.name == shifts.CEILING]
    assert [(mark.x[0], mark.x[1], mark.y) for mark in dashes] == [
        (-0.45, 0.45, (0.97, 0.97)),
        (1.55, 2.45, (0.96, 0.96)),
    ]
    assert [mark.showlegend for mark in dashes] == [True, False]


def test_gaps_are_differences_to_the_test_split() -> None:
    wide = shifts.gaps(TABLE, PARTS)
    assert list(wide.columns) == ["model", *PARTS]
    assert list(wide["model"]) == ["net", "base"]
    assert wide.loc[0, PARTS].tolist() == pytest.approx([0.9, -0.2, -0.05])
    assert wide.loc[1, PARTS].tolist() == pytest.approx([0.6, NAN, 0.05], nan_ok=True)


def test_coverage_is_a_row_a_model_beside_what_is_promised() -> None:
    rows = [
        ("net", 0.9, "test", 0.91, 0.4),
        ("net", 0.9, "focus", 0.7, 0.4),
        ("base", 0.9, "test", 0.95, 1.2),
        ("base", 0.9, "focus", NAN, NAN),
    ]
    table = pd.DataFrame(rows, columns=["model", "promised", "part", "coverage", "size"])
    found = shifts.coverages(table, "radius (px) on test")
    assert list(found) == ["model", "promised", "test", "focus", "radius (px) on test"]
    assert found["model"].tolist() == ["net", "base"]
    assert found["test"].tolist() == [0.91, 0.95]
    assert found["radius (px) on test"].tolist() == [0.4, 1.2]
