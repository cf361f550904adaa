"""Noise with stripes is told from white noise, also where a specimen lies beneath."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from brightfield.data import noise


def specimen() -> npt.NDArray[np.float64]:
    """256x256: discs with sharp edges, and smooth ones."""
    y, x = np.mgrid[:256, :256]
    rng = np.random.default_rng(7)
    image = np.zeros((256, 256))
    for cy, cx, radius in zip(rng.uniform(0, 256, 20), rng.uniform(0, 256, 20), rng.uniform(5, 20, 20), strict=True):
        image += np.hypot(y - cy, x - cx) < radius
    return ndimage.gaussian_filter(image, 1.5)


def with_noise(seed: int, rows: float = 0.0, columns: float = 0.0) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    white = rng.normal(0, 0.2, (256, 256))
    return specimen() + white + rng.normal(0, 1, (256, 1)) * rows + rng.normal(0, 1, (1, 256)) * columns


@pytest.mark.parametrize(("rows", "columns", "mask"), [(0, 0, "pixel"), (0.15, 0, "row"), (0, 0.15, "column")])
def test_stripes_are_found(rows: float, columns: float, mask: str) -> None:
    first, second = (with_noise(seed, rows, columns) for seed in (0, 1))
    for found in (noise.of_image(first), noise.of_difference(first, second)):
        assert found.mask == mask
        assert not found.is_smeared
        stripes = 0.15**2 / (0.15**2 + 0.2**2) if mask != "pixel" else 0.0
        assert max(found) == pytest.approx(stripes, abs=0.08)


def test_a_change_of_the_lamp_is_no_correlated_noise() -> None:
    assert noise.of_difference(with_noise(0), with_noise(1) + 5).mask == "pixel"


def test_noise_that_was_blurred_is_smeared() -> None:
    rng = np.random.default_rng(0)
    first, second = (ndimage.gaussian_filter(rng.normal(0, 1, (128, 128)), 0.7) for _ in range(2))
    assert noise.of_difference(first, second).is_smeared


def test_no_images_and_no_noise_have_no_correlation() -> None:
    assert noise.mean([]) == (0, 0)
    assert noise.of_image(np.zeros((32, 32))) == (0, 0)
    assert noise.of_difference(np.ones((32, 32)), np.ones((32, 32))) == (0, 0)
