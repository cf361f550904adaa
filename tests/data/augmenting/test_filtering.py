"""Filters of batches against those of scipy."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from brightfield.data.augmenting import filtering

IMAGES = torch.randn(5, 2, 30, 41, generator=torch.Generator().manual_seed(0))


def test_each_image_is_smoothed_by_its_own_gaussian() -> None:
    sigmas = [0.0, 0.3, 0.8, 1.2, 1.5]
    smooth = filtering.gaussian(IMAGES, torch.tensor(sigmas), radius=6).numpy()
    assert np.array_equal(smooth[0], IMAGES[0].numpy())
    for image, found, sigma in zip(IMAGES.numpy()[1:], smooth[1:], sigmas[1:], strict=True):
        expected = ndimage.gaussian_filter(image, (0, sigma, sigma), mode="nearest", radius=6)
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_curvature_is_the_laplacian_of_the_smoothed_image() -> None:
    found = filtering.curvature(IMAGES, 1.0, radius=4).numpy()
    for image, seen in zip(IMAGES.numpy(), found, strict=True):
        for channel, of_channel in zip(image, seen, strict=True):
            orders = ((2, 0), (0, 2))
            expected = sum(ndimage.gaussian_filter(channel, 1, order, mode="nearest", truncate=4) for order in orders)
            np.testing.assert_allclose(of_channel, expected, atol=5e-3)


def test_a_constant_has_no_curvature() -> None:
    assert float(filtering.curvature(torch.full((1, 1, 20, 20), 7.0), 1.0, radius=4).abs().max()) < 1e-5
