"""Basins of a height map."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brightfield.tasks.segmentation.basins import basins

MAPS = st.tuples(st.integers(1, 7), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(
        arrays(np.float32, shape, elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0])), arrays(bool, shape)
    )
)


def climbed(height: np.ndarray, inside: np.ndarray, place: tuple[int, int]) -> tuple[int, int]:
    """The peak above a pixel, a step at a time."""
    rows, columns = height.shape
    while True:
        y, x = place
        around = [
            (height[v, u], v, u)
            for v in range(max(y - 1, 0), min(y + 2, rows))
            for u in range(max(x - 1, 0), min(x + 2, columns))
            if inside[v, u]
        ]
        _, *highest = max(around)
        if tuple(highest) == place:
            return place
        place = (highest[0], highest[1])


@given(MAPS)
def test_each_pixel_belongs_to_the_peak_that_it_climbs_to(given_map: tuple[np.ndarray, np.ndarray]) -> None:
    height, inside = given_map
    labels, peaks = basins(height, inside)
    assert labels.shape == height.shape
    assert ((labels > 0) == inside).all()
    expected = {place: climbed(height, inside, place) for place in zip(*np.nonzero(inside), strict=True)}
    order = {peak: number for number, peak in enumerate(sorted(set(expected.values())), start=1)}
    assert all(labels[place] == order[peak] for place, peak in expected.items())
    np.testing.assert_array_equal(peaks, [height[peak] for peak in order])


def test_two_hills_meet_in_their_valley() -> None:
    x = np.arange(41)
    row = np.maximum(np.exp(-(((x - 10) / 5) ** 2)), 0.8 * np.exp(-(((x - 28) / 5) ** 2)))
    labels, peaks = basins(np.tile(row, (3, 1)).astype(np.float32), np.ones((3, 41), dtype=np.bool_))
    np.testing.assert_allclose(peaks, [1.0, 0.8])
    assert (labels[:, : row[10:28].argmin() + 10] == 1).all()
    assert (labels[:, row[10:28].argmin() + 11 :] == 2).all()
