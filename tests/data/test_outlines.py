"""Outlines are filled by ImageJ's rule, and tracing is its inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from brightfield.data.outlines import fill, fill_window, trace
from brightfield.errors import BrightfieldError

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(MASKS)
@settings(deadline=None, max_examples=100)
def test_filling_what_was_traced_gives_the_region_back(mask: np.ndarray) -> None:
    outlines = trace(mask)
    np.testing.assert_array_equal(fill(outlines, mask.shape), mask)
    rows, columns, inside = fill_window([o.astype(float) for o in outlines], mask.shape)
    windowed = np.zeros_like(mask)
    windowed[rows, columns] = inside
    np.testing.assert_array_equal(windowed, mask)


def test_a_pixel_is_traced_along_its_edges() -> None:
    mask = np.zeros((5, 7), bool)
    mask[2, 4] = True
    (outline,) = trace(mask)
    assert sorted(map(tuple, outline.tolist())) == [(4, 2), (4, 3), (5, 2), (5, 3)]  # x is the column


def test_a_ring_has_two_outlines() -> None:
    mask = np.ones((6, 6), bool)
    mask[2:4, 2:4] = False
    assert len(trace(mask)) == 2


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ([(1, 1), (3, 1), (3, 3), (1, 3)], {(1, 1), (1, 2), (2, 1), (2, 2)}),  # (row, column) of pixels
        (
            [(0.5, 0.5), (2.5, 0.5), (2.5, 2.4), (0.5, 2.4)],
            {(0, 0), (0, 1), (1, 0), (1, 1)},
        ),  # left and top centres count
        ([(0, 0), (4, 0), (0, 4)], {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)}),  # x + y < 4 at the centres
        ([(-9, -9), (2, -9), (2, 1), (-9, 1)], {(0, 0), (0, 1)}),  # cut off at the border
        ([(9, 9), (12, 9), (12, 12)], set()),  # beyond it
    ],
)
def test_a_pixel_is_inside_if_its_centre_is(corners: list[tuple[float, float]], expected: set[tuple[int, int]]) -> None:
    outline = np.array(corners, dtype=float)
    assert set(map(tuple, np.argwhere(fill([outline], (4, 5))).tolist())) == expected
    rows, columns, inside = fill_window([outline], (4, 5))
    whole = np.zeros((4, 5), bool)
    whole[rows, columns] = inside
    assert set(map(tuple, np.argwhere(whole).tolist())) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_coordinates_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(BrightfieldError, match="not finite"):
        fill_window([np.array([[0.0, 0.0], [value, 1.0], [2.0, 2.0]])], (4, 4))


def test_an_outline_that_would_take_forever_is_refused() -> None:
    zigzag = np.stack([np.arange(60_000) % 2, np.arange(60_000) % 2 * 9000], axis=1).astype(float)
    with pytest.raises(BrightfieldError, match="too long to be filled"):
        fill([zigzag], (9000, 3))
