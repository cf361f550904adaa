"""Two looks are as far apart as their images are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from brightfield.simulate.matching.statistics import contour_share, distance, image_statistics, tiles, without_contour


def images(seed: int = 0, sigma: float = 2.0, level: float = 100.0, scale: float = 10.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    noise = [gaussian_filter(rng.normal(size=(128, 128)), sigma) for _ in range(6)]
    return [level + scale * each / each.std() for each in noise]


def test_images_of_one_kind_are_near_and_others_far() -> None:
    reference = image_statistics(images(0))
    assert distance(reference, reference).total == 0
    same, brighter, blurred = (
        distance(image_statistics(i), reference) for i in (images(1), images(1, level=130), images(1, sigma=4))
    )
    assert same.histogram < 0.05
    assert brighter.histogram == pytest.approx(30 / (reference.levels[0, -1] - reference.levels[0, 0]), rel=0.1)
    assert brighter.spectrum == pytest.approx(same.spectrum, rel=1e-6)
    assert blurred.spectrum > 5 * same.spectrum


def test_ten_times_the_contrast_is_two_decades_of_power() -> None:
    assert distance(image_statistics(images(0, scale=100)), image_statistics(images(0))).spectrum == pytest.approx(
        2, abs=0.01
    )


def test_tiles_lie_side_by_side_and_a_small_frame_is_one() -> None:
    frame = np.arange(50 * 70).reshape(50, 70)
    cut = list(tiles(frame, 32))
    assert [tile.shape for tile in cut] == [(32, 32), (32, 32)]
    assert cut[1][0, 0] == 32
    assert [tile.shape for tile in tiles(frame, 64)] == [(50, 64)]


def test_a_red_contour_is_painted_over() -> None:
    crop = np.full((40, 40, 3), (180, 150, 160), np.uint8)
    crop[10, 5:35] = (255, 0, 0)
    assert contour_share(crop) == 30 / 1600
    assert contour_share(crop[..., 0]) == 0
    assert (without_contour(crop) == (180, 150, 160)).all()
