"""Baseline for restoration: non-local means (Buades, Coll and Morel 2005)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import FloatArray
from brightfield.architectures.denoiser import Denoiser


class NonLocalMeans(Denoiser):
    """Each pixel becomes a mean of pixels with similar surroundings; the strength is h in standard deviations of the noise."""

    strengths: ClassVar[tuple[float, ...]] = (0.4, 0.6, 0.7, 0.8, 1.0, 1.3, 1.6, 2.0)

    def __init__(self, network: params.NonLocalMeans, shape: Shape) -> None:
        super().__init__()
        del shape
        self.patch, self.distance = network.patch_px, network.distance_px

    def filter(self, image: FloatArray, sigma: float, strength: float) -> FloatArray:
        """Remove white noise of standard deviation ``sigma`` from an image (H, W)."""
        from skimage.restoration import denoise_nl_means

        denoised = denoise_nl_means(
            image, patch_size=self.patch, patch_distance=self.distance, h=strength * sigma, sigma=sigma, fast_mode=True
        )
        return np.asarray(denoised, dtype=np.float32)
