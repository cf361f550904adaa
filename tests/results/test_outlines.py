"""Outlines of cells, by hand."""

from __future__ import annotations

import numpy as np

from brightfield.results.outlines import outermost


def test_where_cells_touch_both_are_outlined_and_the_border_is_none() -> None:
    ids = np.array([[1, 1, 1, 2, 0], [1, 1, 1, 2, -1], [1, 1, 1, 2, 0]], np.int32)
    assert outermost(ids).astype(int).tolist() == [[0, 0, 1, 1, 0]] * 3


def test_no_cell_has_no_outline() -> None:
    assert not outermost(np.zeros((3, 4), np.int32)).any()
