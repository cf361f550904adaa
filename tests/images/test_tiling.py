"""Tiles and padding undo themselves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightfield import images


@given(st.integers(1, 150), st.integers(1, 150), st.integers(1, 64), st.integers(1, 8), st.data())
@settings(deadline=None, max_examples=100)
def test_stitching_the_tiles_of_an_image_gives_the_image(
    height: int, width: int, tile: int, multiple: int, data: st.DataObject
) -> None:
    height, width, tile = height * multiple, width * multiple, (tile + 1) * multiple
    overlap = data.draw(st.integers(1, tile - multiple))
    margin = data.draw(st.integers(0, (overlap - 1) // 2))
    if height * width / max(1, tile - overlap) ** 2 > 3000 or height * width > 10_000:
        return
    image = np.random.default_rng(height).normal(size=(2, height, width)).astype(np.float32)
    stitcher = images.Stitcher((height, width), 2, margin)
    for where in images.tiles((height, width), tile, overlap, multiple):
        part = image[(slice(None), *where)].copy()
        assert all(span.start % multiple == span.stop % multiple == 0 for span in where)
        assert all(side <= min(tile, whole) for side, whole in zip(part.shape[1:], (height, width), strict=True))
        for axis, (span, whole) in enumerate(zip(where, (height, width), strict=True), start=1):
            inside = np.moveaxis(part, axis, 1)  # what lies in a margin must not count
            if span.start > 0:
                inside[:, :margin] = 1e9
            if span.stop < whole:
                inside[:, inside.shape[1] - margin :] = 1e9
        stitcher.add(where, part)
    np.testing.assert_allclose(stitcher.result(), image, rtol=1e-4, atol=1e-5)


def test_neighbouring_tiles_share_the_overlap_and_are_no_larger_than_need_be() -> None:
    columns = sorted({(where[1].start, where[1].stop) for where in images.tiles((64, 200), 64, 16)})
    assert columns == [(0, 62), (46, 108), (92, 154), (138, 200)]
    assert sorted({where[1].start for where in images.tiles((64, 200), 72, 9, multiple=8)}) == [0, 40, 88, 136]
    assert all(b[0] - a[0] <= 62 - 16 for a, b in itertools.pairwise(columns))


@pytest.mark.parametrize(
    ("shape", "tile", "overlap", "multiple", "message"),
    [((64, 64), 32, 32, 1, "overlap 32"), ((60, 64), 48, 8, 8, "multiples of 8"), ((64, 64), 31, 8, 16, "units of 16")],
)
def test_tiles_that_cannot_be_laid_are_refused(
    shape: tuple[int, int], tile: int, overlap: int, multiple: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        images.tiles(shape, tile, overlap, multiple)


def test_blending_is_smooth_where_tiles_disagree() -> None:
    stitcher = images.Stitcher((32, 96), 1)
    first, second = (slice(0, 32), slice(0, 64)), (slice(0, 32), slice(32, 96))
    stitcher.add(first, np.zeros((1, 32, 64)))
    stitcher.add(second, np.ones((1, 32, 64)))
    row = stitcher.result()[0, 16]
    assert (row[:32] == 0).all()
    assert (row[64:] == 1).all()
    assert (np.diff(row) >= 0).all()
    assert np.diff(row).max() < 0.1  # a cut would jump by 1


def test_a_pixel_without_tile_is_an_error() -> None:
    stitcher = images.Stitcher((8, 8), 1)
    stitcher.add((slice(0, 4), slice(0, 8)), np.zeros((1, 4, 8)))
    with pytest.raises(ValueError, match="in no tile"):
        stitcher.result()


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 2, 8, 16, 32]))
@settings(deadline=None, max_examples=60)
def test_padding_is_undone_by_its_crop(height: int, width: int, multiple: int) -> None:
    image = np.random.default_rng(height).normal(size=(3, height, width))
    padded, crop = images.pad_to_multiple(image, multiple)
    assert padded.shape[1] % multiple == 0
    assert padded.shape[2] % multiple == 0
    assert padded.shape[1] < height + multiple
    np.testing.assert_array_equal(padded[(slice(None), *crop)], image)
    assert set(np.unique(padded)) == set(np.unique(image))  # reflected, nothing invented


def test_padding_reflects_without_repeating_the_edge() -> None:
    padded, _ = images.pad_to_multiple(np.array([[1, 2, 3]]), 4)
    assert padded[0].tolist() == [1, 2, 3, 2]
