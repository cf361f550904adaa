"""Images one by one against what they are like."""

from __future__ import annotations

import pandas as pd
import pytest

from figures import conditions

COLOURS = {"net": "#111111", "base": "#222222"}


def table(count: int = 12) -> pd.DataFrame:
    at = [0.05 * i for i in range(count)]
    rows = {"image": [f"i{i}" for i in range(count)], "split": "test", "condition": at, "value": [1 - x for x in at]}
    return pd.concat([pd.DataFrame({"model": name, **rows}) for name in COLOURS], ignore_index=True)


def test_medians_of_neighbours_by_hand() -> None:
    """Twelve images make four bins of three; the middle one of each is its median."""
    shuffled = table()[:12].sample(frac=1, random_state=0)
    found = conditions.medians(shuffled)
    assert found["condition"].tolist() == pytest.approx([0.05, 0.2, 0.35, 0.5])
    assert found["value"].tolist() == pytest.approx([0.95, 0.8, 0.65, 0.5])


@pytest.mark.parametrize(("count", "bins"), [(1, 1), (2, 1), (7, 2), (200, 5)])
def test_there_are_no_more_bins_than_images_fill(count: int, bins: int) -> None:
    assert len(conditions.medians(table(count)[:count])) == bins


def test_a_dot_an_image_and_a_line_a_model() -> None:
    figure = conditions.scatter(table(), COLOURS, "focus_um", "ap50")
    assert [(trace.name, trace.mode, len(trace.x)) for trace in figure.data] == [
        ("net", "markers", 12),
        ("net", "lines", 4),
        ("base", "markers", 12),
        ("base", "lines", 4),
    ]
    assert figure.data[0].marker.color == COLOURS["net"]
    assert [trace.showlegend for trace in figure.data] == [False, None, False, None]
    assert figure.layout.xaxis.title.text == "focus (\u00b5m)"
    assert figure.layout.yaxis.title.text == "AP50 of an image"
