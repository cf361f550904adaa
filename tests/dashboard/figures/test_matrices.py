"""Confusion matrices: rows are the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from figures import matrices
from wording import DASH

CLASSES = ["bad", "good"]
TABLE = pd.DataFrame(
    [
        ("net", "bad", "bad", 30, 0.75),
        ("net", "bad", "good", 10, 0.25),
        ("net", "good", "bad", 5, 0.05),
        ("net", "good", "good", 95, 0.95),
    ],
    columns=["model", "truth", "answer", "count", "share"],
)


def test_rows_are_the_truth() -> None:
    heat, _ = matrices.confusions(TABLE, ["net"], CLASSES, counts=False).data
    assert np.array_equal(heat.z, [[0.75, 0.25], [0.05, 0.95]])
    assert heat.text.tolist() == [["75.0 %", "25.0 %"], ["5.0 %", "95.0 %"]]
    assert heat.x == heat.y == ("bad", "good")


def test_what_is_clicked_in_a_cell_knows_which_one_it_is() -> None:
    _, points = matrices.confusions(TABLE.iloc[[0, 1, 3]], ["net"], CLASSES, counts=False).data
    assert list(points.x) == ["bad", "good", "good"]
    assert list(points.y) == ["bad", "bad", "good"]
    assert points.customdata.tolist()[1] == ["net", "bad", "good", 10, 0.25]
    assert points.marker.color == "rgba(0,0,0,0)"  # the number in the cell is seen


def test_names_of_classes_are_broken_alike_for_what_is_seen_and_what_is_clicked() -> None:
    classes = ["background", "E. coli body", "E. coli contour", "dirt"]
    rows = [("net", truth, answer, 1, 0.25) for truth in classes for answer in classes]
    heat, points = matrices.confusions(pd.DataFrame(rows, columns=TABLE.columns), ["net"], classes, counts=False).data
    assert set(points.x) == set(heat.x) == {"background", "E. coli<br>body", "E. coli<br>contour", "dirt"}
    assert points.customdata[5].tolist()[:3] == ["net", "E. coli body", "E. coli body"]


def test_the_first_class_is_on_top_and_the_scale_is_shared() -> None:
    other = TABLE.assign(model="other")
    figure = matrices.confusions(pd.concat([TABLE, other]), ["net", "other"], CLASSES, counts=True)
    assert [heat.coloraxis for heat in figure.data[::2]] == ["coloraxis", "coloraxis"]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    assert figure.layout.yaxis.range == figure.layout.yaxis2.range == (1.5, -0.5)
    assert figure.data[2].text.tolist() == [["30", "10"], ["5", "95"]]


def test_more_than_a_row_of_matrices() -> None:
    names = [str(i) for i in range(4)]
    table = pd.concat([TABLE.assign(model=name) for name in names])
    figure = matrices.confusions(table, names, CLASSES, counts=False)
    assert len(figure.data) == 2 * 4
    assert figure.layout.height > matrices.confusions(table, names[:3], CLASSES, counts=False).layout.height


def test_recalls() -> None:
    (bars,) = matrices.recalls(TABLE, ["net"], CLASSES, {"net": "#111111"}).data
    assert list(bars.y) == [0.75, 0.95]
    assert bars.marker.color == "#111111"


def test_shares_of_kinds_with_their_intervals() -> None:
    rows = [
        ("net", "out_of_focus", 20, 0.9, 0.8, 0.95),
        ("net", "good", 60, 0.7, 0.6, 0.8),
        ("other", "good", 60, 0.5, 0.4, 0.6),
    ]
    table = pd.DataFrame(rows, columns=["model", "kind", "images", "value", "low", "high"])
    net, other = matrices.shares(table, ["net", "other"], {"net": "#111111"}).data
    assert list(net.x) == ["out of focus (20)", "good (60)"]
    assert list(net.y) == [0.9, 0.7]
    assert list(net.error_y.array) == pytest.approx([0.05, 0.1])
    assert list(net.error_y.arrayminus) == pytest.approx([0.1, 0.1])
    assert np.isnan(other.y[0])
    assert other.y[1] == 0.5


def test_a_class_that_never_occurs_has_no_recall() -> None:
    table = TABLE.assign(share=TABLE["share"].where(TABLE["truth"] == "good"))
    (bars,) = matrices.recalls(table, ["net"], CLASSES, {}).data
    assert bars.text[0] == DASH
    assert bars.text[1] == "95.0 %"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (12_345, "12.3 k"),
        (999_400, "999 k"),
        (999_600, "1.00 M"),
        (4_560_000, "4.56 M"),
        (123_456_789, "123 M"),
    ],
)
def test_compact(count: int, text: str) -> None:
    assert matrices.compact(count) == text


def test_matrices_of_many_classes_are_larger_with_names_on_two_lines() -> None:
    classes = ["background", "a body", "a contour", "E. coli body", "E. coli contour"]
    rows = [("net", truth, answer, 1, 0.2) for truth in classes for answer in classes]
    table = pd.concat(
        [pd.DataFrame(rows, columns=list(TABLE)).assign(model=name) for name in ("net", "other", "third")]
    )
    figure = matrices.confusions(table, ["net", "other", "third"], classes, counts=False)
    assert figure.data[0].x == ("background", "a<br>body", "a<br>contour", "E. coli<br>body", "E. coli<br>contour")
    assert figure.layout.height == 2 * matrices.LARGE_PX + 40  # two in a row


def test_differences_to_another_model_are_blue_where_they_are_better() -> None:
    """Model b has 10 points more of the first class right, and 20 fewer of the second."""
    shares = {"a": [[0.8, 0.2], [0.3, 0.7]], "b": [[0.9, 0.1], [0.5, 0.5]]}
    table = pd.DataFrame(
        [
            {"model": model, "truth": t, "answer": a, "count": 100 * matrix[i][j], "share": matrix[i][j]}
            for model, matrix in shares.items()
            for i, t in enumerate("xy")
            for j, a in enumerate("xy")
        ]
    )
    figure = matrices.confusions(table, ["b"], ["x", "y"], counts=False, reference="a")
    heat = figure.data[0]
    assert heat.text.tolist() == [["+10.0", "-10.0"], ["+20.0", "-20.0"]]
    np.testing.assert_allclose(heat.z, [[0.1, 0.1], [-0.2, -0.2]])  # better is above 0
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == pytest.approx((-0.2, 0.2))
    assert figure.layout.coloraxis.colorbar.title.text == "better than a"
