"""Tiles: together they are the image, at each size; outlines go on from tile to tile."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightfield.results.outlines import outermost
from microscope import tiles
from microscope.tiles import TILE_PX, Cells, Photograph, last_level


def whole(picture: tiles.Picture, level: int, *options: Any) -> npt.NDArray[np.uint8]:
    """All tiles of a level in one."""
    height, width = (-(-size // 2 ** (last_level(picture.shape) - level)) for size in picture.shape)
    rows = []
    for y in range(-(-height // TILE_PX)):
        of_row = [picture.tile(level, x, y, *options) for x in range(-(-width // TILE_PX))]
        rows.append(np.concatenate(of_row, axis=1))
    return np.concatenate(rows, axis=0)


@pytest.mark.parametrize(
    ("shape", "last"), [((1, 1), 0), ((2, 1), 1), ((64, 64), 6), ((65, 64), 7), ((2048, 2000, 3), 11)]
)
def test_the_first_level_is_one_pixel(shape: tuple[int, ...], last: int) -> None:
    assert last_level(shape) == last
    picture = Photograph(np.ones(shape, np.uint8))
    assert picture.tile(0, 0, 0, 0, 1).shape[:2] == (1, 1)


@pytest.mark.parametrize("shape", [(700, 1100), (513, 30), (1024, 512), (20, 33, 3)])
def test_tiles_of_the_last_level_are_the_image(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture = Photograph(pixels)
    assert np.array_equal(whole(picture, last_level(shape), 0, 255), pixels)


def test_contrast_is_that_of_the_image_and_not_of_bytes() -> None:
    """A camera of 16 bits whose light lies within 100 counts: none of them is lost."""
    pixels = np.arange(1000, 1101, dtype=np.uint16)[None].repeat(3, axis=0)
    row = Photograph(pixels).tile(last_level(pixels.shape), 0, 0, 1000, 1100)[0]
    assert (row[0], row[100]) == (0, 255)
    assert row[50] in (127, 128)
    assert len(np.unique(row)) == 101
    darker = Photograph(pixels).tile(last_level(pixels.shape), 0, 0, 1050, 1100)[0]
    assert (darker[:51] == 0).all()


def test_smaller_levels_are_means() -> None:
    """By hand: an odd side ends with the means of what there is."""
    pixels = np.array([[0, 4, 8], [2, 2, 8], [10, 20, 30]], np.float32)
    picture = Photograph(pixels)
    assert picture.tile(1, 0, 0, 0, 255).tolist() == [[2, 8], [15, 30]]
    assert picture.tile(0, 0, 0, 0, 255).tolist() == [[14]]  # (2 + 8 + 15 + 30) / 4, rounded


def test_what_is_black_and_white_at_first() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(500, 10, (600, 600)).astype(np.float32)
    pixels[5, 5], pixels[6, 6] = 60_000, np.nan  # a hot pixel, and one that is unknown
    black, white = Photograph(pixels).black_and_white
    assert 460 < black < 480
    assert 520 < white < 540
    assert Photograph(pixels).tile(0, 0, 0, black, white).shape == (1, 1)
    assert Photograph(np.full((9, 9), 7.0)).black_and_white == (7.0, 8.0)  # of an image without contrast
    assert Photograph(np.zeros((4, 4, 3), np.uint8)).black_and_white == (0.0, 255.0)


@pytest.mark.parametrize(("level", "x", "y"), [(99, 0, 0), (-1, 0, 0), (10, 2, 0), (10, 0, 1), (10, -1, 0), (0, 1, 0)])
def test_what_is_not_there_is_refused(level: int, x: int, y: int) -> None:
    pixels = np.zeros((500, 1000), np.uint8)
    with pytest.raises(ValueError, match="expected a"):
        Photograph(pixels).tile(level, x, y, 0, 1)
    with pytest.raises(ValueError, match="expected a"):
        Cells(pixels.astype(np.int32), []).tile(level, x, y, False)


def test_cells_are_outlined_in_their_colours_and_filled_if_asked() -> None:
    instances = np.zeros((8, 8), np.int32)
    instances[1:6, 1:4], instances[1:6, 4:7] = 1, 3  # side by side; 2 does not occur
    cells = Cells(instances, [(0, 0, 0), (255, 0, 0), (9, 9, 9), (0, 0, 255)])
    outlines = cells.tile(3, 0, 0, False)
    assert outlines[1, 1].tolist() == [255, 0, 0, 255]
    assert outlines[3, 3].tolist() == [255, 0, 0, 255]  # where the two touch, both are outlined
    assert outlines[3, 4].tolist() == [0, 0, 255, 255]
    assert outlines[3, 2, 3] == 0  # within
    assert (outlines[instances == 0, 3] == 0).all()
    fills = cells.tile(3, 0, 0, True)
    assert 0 < fills[3, 2, 3] < 255
    assert (fills[instances == 0, 3] == 0).all()


def test_a_cell_without_a_colour_is_white() -> None:
    cells = Cells(np.full((4, 4), 5, np.int32), [])
    assert cells.tile(2, 0, 0, True)[1, 1, :3].tolist() == [255, 255, 255]


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_outlines_do_not_depend_on_where_tiles_end(seed: int, smaller: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(TILE_PX - 3, TILE_PX + 40, 2) * 2**smaller)
    blocks = rng.integers(-1, 6, (40, 40), dtype=np.int32)
    instances = np.kron(blocks, np.ones((-(-shape[0] // 40), -(-shape[1] // 40)), np.int32))[: shape[0], : shape[1]]
    level = last_level(shape) - smaller
    found = whole(Cells(instances, [(1, 1, 1)] * 6), level, False)
    seen = np.maximum(instances[:: 2**smaller, :: 2**smaller], 0)
    assert np.array_equal(found[..., 3] > 0, outermost(seen))


def test_a_profile_runs_from_centre_to_centre() -> None:
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4)  # rises by 1 along x, by 4 along y
    picture = Photograph(pixels)
    assert picture.profile((0, 0), (3, 0)).tolist() == [0, 1, 2, 3]
    assert picture.profile((0, 0), (0, 2)).tolist() == [0, 4, 8]
    assert picture.profile((0.5, 0), (2.5, 0)).tolist() == [0.5, 1.5, 2.5]
    assert picture.profile((1, 1), (1, 1)).tolist() == [5, 5]
    assert picture.profile((-50, 0), (0, 0))[-1] == 0  # outside: what is nearest
    colours = Photograph(np.stack([pixels, 2 * pixels, 3 * pixels], axis=2)).profile((0, 1), (3, 1))
    assert colours.tolist() == [[4, 8, 12], [5, 10, 15], [6, 12, 18], [7, 14, 21]]


def test_a_line_that_is_much_too_long_costs_no_memory() -> None:
    assert len(Photograph(np.zeros((30, 40))).profile((0, 0), (1e12, 0))) <= 2 * 70 + 1


def test_a_tile_is_a_png_of_the_same_pixels() -> None:
    tile = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    with PIL.Image.open(io.BytesIO(tiles.as_png(tile)), formats=("PNG",)) as picture:
        assert np.array_equal(np.asarray(picture), tile)


def test_channels_of_a_colour_image_are_shown_alone_and_together() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = 10, 20, 30
    picture = tiles.Photograph(pixels)
    last = tiles.last_level((4, 4))

    def shown(channels: str) -> npt.NDArray[np.uint8]:
        return picture.tile(last, 0, 0, 0, 255, channels)

    assert shown("rgb")[0, 0].tolist() == [10, 20, 30]
    assert shown("rb")[0, 0].tolist() == [10, 0, 30]
    assert shown("g").tolist() == np.full((4, 4), 20).tolist()  # one alone is grey
    for wrong in ("", "x", "rgbx"):
        with pytest.raises(ValueError, match="expected channels of rgb"):
            shown(wrong)
    grey = tiles.Photograph(pixels[..., 0])
    assert grey.tile(last, 0, 0, 0, 255, "g").tolist() == np.full((4, 4), 10).tolist()
