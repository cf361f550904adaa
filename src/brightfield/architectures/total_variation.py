"""Baseline for restoration: the least total variation (Rudin, Osher and Fatemi 1992), as Chambolle (2004) finds it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import FloatArray
from brightfield.architectures.denoiser import Denoiser


class TotalVariation(Denoiser):
    """Flat regions with sharp edges; the strength is the weight of the variation in standard deviations of the noise."""

    strengths: ClassVar[tuple[float, ...]] = (0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 3.6)

    def __init__(self, network: params.TotalVariation, shape: Shape) -> None:
        super().__init__()
        del shape
        self.iterations = network.iterations

    def filter(self, image: FloatArray, sigma: float, strength: float) -> FloatArray:
        """An image (H, W) without white noise of standard deviation ``sigma``."""
        from skimage.restoration import denoise_tv_chambolle

        denoised = denoise_tv_chambolle(image, weight=strength * sigma, max_num_iter=self.iterations)
        return np.asarray(denoised, dtype=np.float32)
