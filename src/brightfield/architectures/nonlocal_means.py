"""Baseline for restoration: non-local means (Buades, Coll and Morel 2005)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import Classical, FloatArray

STRENGTHS = (0.4, 0.6, 0.8, 1.0, 1.3)  # h in units of the noise's standard deviation
MOST_IMAGES = 8
LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32) / 6  # white noise keeps its spread


class NonLocalMeans(Classical):
    """Strength is the one with the least squared error on training images; the noise of each image is estimated from it."""

    strength: Tensor

    def __init__(self, network: params.NonLocalMeans, shape: Shape) -> None:
        super().__init__()
        self.patch, self.distance = network.patch_px, network.distance_px
        self.register_buffer("strength", torch.tensor(0.8))

    def fit(self, images: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Choose the strength; images and targets are (1, H, W)."""
        chosen = np.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).astype(int)

        def squared_error(strength: float) -> float:
            return float(
                np.mean(
                    [
                        np.mean((self._denoise(images[i][0].numpy(), strength) - targets[i][0].numpy()) ** 2)
                        for i in chosen
                    ]
                )
            )

        self.strength.fill_(min(STRENGTHS, key=squared_error))

    def answer(self, image: FloatArray) -> FloatArray:
        """The denoised image, (1, H, W)."""
        return self._denoise(image[0], float(self.strength))[None]

    def _denoise(self, image: FloatArray, strength: float) -> FloatArray:
        from skimage.restoration import denoise_nl_means

        sigma = noise_of(image)
        denoised = denoise_nl_means(
            image, patch_size=self.patch, patch_distance=self.distance, h=strength * sigma, sigma=sigma, fast_mode=True
        )
        return np.asarray(denoised, dtype=np.float32)


def noise_of(image: FloatArray) -> float:
    """Standard deviation of white noise in an image (H, W), from a difference of Laplacians (Immerkaer 1996).

    The median absolute value instead of the mean, so that edges do not count as noise.
    """
    return float(np.median(np.abs(ndimage.convolve(image, LAPLACIANS)))) / 0.6745
