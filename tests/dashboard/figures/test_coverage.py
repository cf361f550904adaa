"""A panel a number, a box a split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from figures import coverage


def table() -> pd.DataFrame:
    """Eleven images a split; those of the suite have ten times the light."""
    splits = np.repeat(["light", "test", "train", "validation"], 11)
    light = np.tile(np.linspace(0.1, 0.2, 11), 4) * np.where(splits == "light", 10, 1)
    return pd.DataFrame({"split": splits, "light": light, "focus": 0.5, "red": np.nan})


def test_each_number_has_a_panel_and_each_split_a_box_with_training_on_top() -> None:
    figure = coverage.distributions(table(), ["light", "focus", "red", "blue"])
    assert [note.text for note in figure.layout.annotations] == ["light", "focus"]
    assert [box.name for box in figure.data] == ["light", "test", "validation", "train"] * 2
    assert [box.xaxis for box in figure.data] == ["x"] * 4 + ["x2"] * 4
    suite, test = figure.data[0], figure.data[1]
    np.testing.assert_allclose(suite.x, 10 * np.array(test.x))
    assert len({box.marker.color for box in figure.data}) == 4


def test_the_band_is_what_training_covered() -> None:
    band, _ = coverage.distributions(table(), ["light", "focus"]).layout.shapes
    assert band.x0 == pytest.approx(0.101)
    assert band.x1 == pytest.approx(0.199)


def test_without_training_there_is_no_band() -> None:
    rest = table()[table()["split"] != "train"]
    figure = coverage.distributions(rest, ["light"])
    assert not figure.layout.shapes
    assert [box.name for box in figure.data] == ["light", "test", "validation"]
