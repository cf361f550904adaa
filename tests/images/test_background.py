"""What is subtracted is the ground alone, however much lies on it."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield import images


def _ground(shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]] / 100.0
    return 200 + 30 * x - 12 * y + 5 * x * y + 4 * x**2 - 3 * y**2


@pytest.mark.parametrize("shape", [(120, 90), (400, 300)])
def test_uneven_light_leaves_nothing(shape: tuple[int, int]) -> None:
    assert np.abs(images.above_background(_ground(shape))).max() < 1e-6


def test_bright_spots_are_left_as_they_are() -> None:
    spots = np.zeros((150, 150))
    spots[20:40, 30:60] = 80.0
    spots[100:120, 90:110] = -50.0
    noise = np.random.default_rng(0).normal(0, 1.0, spots.shape)
    above = images.above_background(_ground(spots.shape) + spots + noise)
    assert above[25:35, 35:55].mean() == pytest.approx(80.0, abs=0.5)
    assert above[105:115, 95:105].mean() == pytest.approx(-50.0, abs=0.5)
    assert abs(np.median(above[spots == 0])) < 0.2
