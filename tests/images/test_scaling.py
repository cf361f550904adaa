"""Images at another magnification."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield import images
from brightfield.errors import BrightfieldError


@pytest.mark.parametrize(("factor", "shape"), [(2.0, (60, 82)), (0.5, (15, 20)), (1.3, (39, 53))])
@pytest.mark.parametrize("channels", [(), (2,)])
def test_an_image_is_as_many_times_larger(factor: float, shape: tuple[int, int], channels: tuple[int, ...]) -> None:
    image = np.full((30, 41, *channels), 700, np.uint16)
    found = images.magnified(image, factor)
    assert found.shape == (*shape, *channels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 700, rtol=1e-5)  # in the same units


@pytest.mark.parametrize("factor", [2.0, 0.5, 1.5])
def test_what_lies_at_a_place_lies_at_as_many_times_its_distance_from_the_corner(factor: float) -> None:
    """Half a pixel: the corner of the image, not the centre of its first pixel, stays where it is."""
    y, x = np.mgrid[:64, :80]
    image = np.exp(-((x - 40.3) ** 2 + (y - 22.8) ** 2) / (2 * 4.0**2)).astype(np.float32)
    found = images.magnified(image, factor)
    rows, columns = np.mgrid[: found.shape[0], : found.shape[1]]
    centre = (columns * found).sum() / found.sum(), (rows * found).sum() / found.sum()
    np.testing.assert_allclose(centre, ((40.3 + 0.5) * factor - 0.5, (22.8 + 0.5) * factor - 0.5), atol=0.02)


def test_detail_that_a_smaller_image_cannot_hold_is_averaged_away() -> None:
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 100).astype(np.uint8)
    np.testing.assert_allclose(images.magnified(checkers, 0.25)[2:-2, 2:-2], 50, atol=3)


def test_labels_take_the_nearest() -> None:
    labels = np.array([[1, 1, 2, 2], [3, 3, 4, 4]], np.int32)
    np.testing.assert_array_equal(images.nearest(labels, (1, 2)), [[3, 4]])
    np.testing.assert_array_equal(images.nearest(labels, (4, 8)), labels.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_array_equal(images.nearest(labels, (2, 4)), labels)


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.01, 100.0, float("nan"), float("inf")])
def test_a_factor_that_nobody_means_is_refused(factor: float) -> None:
    with pytest.raises(BrightfieldError, match="Expected to magnify 0.1 to 10 times"):
        images.magnified(np.zeros((20, 20), np.uint8), factor)


def test_what_would_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(BrightfieldError, match=r"magnified 10 times has 500000x40000 px"):
        images.magnified(np.zeros((4000, 50_000), np.bool_), 10)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (9, 9), (3, 8), (6, 6)])
def test_the_middle_is_framed_in_a_square_of_the_border_s_colour(height: int, width: int) -> None:
    image = np.full((height, width, 3), (200, 10, 90), np.uint8)
    image[height // 2, width // 2] = (1, 2, 3)
    framed = images.framed(image, 6)
    assert framed.shape == (6, 6, 3)
    assert framed.dtype == np.uint8
    colours, counts = np.unique(framed.reshape(-1, 3), axis=0, return_counts=True)
    assert colours.tolist() == [[1, 2, 3], [200, 10, 90]]
    assert counts.tolist() == [1, 35]
    ((row, column),) = np.argwhere(framed[..., 0] == 1)
    assert abs(row - 3) <= 1
    assert abs(column - 3) <= 1


def test_a_square_of_the_same_size_is_left_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 255, (7, 7), np.uint8)
    assert np.array_equal(images.framed(image, 7), image)
