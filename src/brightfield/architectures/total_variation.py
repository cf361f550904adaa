"""Baseline for restoration: total variation (Rudin, Osher and Fatemi 1992), minimised by Chambolle's algorithm (2004)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import FloatArray
from brightfield.architectures.denoiser import Denoiser


class TotalVariation(Denoiser):
    """Favours flat regions with sharp edges; the strength is the weight of the variation in standard deviations of the noise."""

    strengths: ClassVar[tuple[float, ...]] = (0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 3.6)

    def __init__(self, network: params.TotalVariation, shape: Shape) -> None:
        super().__init__()
        del shape
        self.iterations = network.iterations

    def filter(self, image: FloatArray, sigma: float, strength: float) -> FloatArray:
        """Remove white noise of standard deviation ``sigma`` from an image (H, W)."""
        from skimage.restoration import denoise_tv_chambolle

        denoised = denoise_tv_chambolle(image, weight=strength * sigma, max_num_iter=self.iterations)
        return np.asarray(denoised, dtype=np.float32)
