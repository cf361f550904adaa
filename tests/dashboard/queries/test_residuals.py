"""Residuals of positions, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from queries import residuals


def table(**columns: list[float]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    return pd.DataFrame({name: columns.get(name, [0.0] * count) for name in residuals.COLUMNS})


def test_errors_over_the_stated_ones() -> None:
    found = residuals.summary(table(dx=[0.3, -0.4], dy=[0.0, 0.0], error_x=[0.1, np.nan], error_y=[0.1, np.nan]))
    assert found["beads"] == 2
    assert found["rms"] == pytest.approx(0.25)
    assert found["stated"] == pytest.approx(0.1)
    assert found["ratio"] == pytest.approx(np.sqrt((3**2 + 0) / 2))
    nothing = residuals.summary(table(dx=[0.3], dy=[0.4], error_x=[np.nan], error_y=[np.nan]))
    assert np.isnan(nothing["ratio"])


def test_the_bias_by_the_place_within_a_pixel() -> None:
    """Two beads a quarter right of the centre of a pixel, one a quarter left of it."""
    found = residuals.bias(table(x=[3.25, 7.25, 4.75], y=[1, 1, 1], dx=[0.1, 0.3, -0.2], dy=[0, 0, 0]), bins=4)
    of_x = found[found["coordinate"] == "x"].set_index("phase")
    assert of_x.index.tolist() == [-0.125, 0.375]
    assert of_x.loc[0.375, "mean"] == pytest.approx(0.2)
    assert of_x.loc[0.375, "error"] == pytest.approx(0.1)
    assert of_x.loc[0.375, "beads"] == 2
    assert of_x.loc[-0.125, "mean"] == pytest.approx(-0.2)
    assert np.isnan(of_x.loc[-0.125, "error"])
