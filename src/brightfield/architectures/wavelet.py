"""Baseline for restoration: wavelet shrinkage (BayesShrink: Chang, Yu and Vetterli, IEEE TIP 2000), averaged over shifts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.classical import FloatArray
from brightfield.architectures.denoiser import Denoiser


class Wavelet(Denoiser):
    """Each scale has its own threshold; the strength multiplies the standard deviation of the noise that it is derived from.

    The result is the mean over shifted images (cycle spinning: Coifman and Donoho 1995), so that the grid of the wavelets is
    not visible.
    """

    strengths: ClassVar[tuple[float, ...]] = (0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0)

    def __init__(self, network: params.Wavelet, shape: Shape) -> None:
        super().__init__()
        del shape
        self.wavelet, self.levels, self.shifts = network.wavelet, network.levels, network.shifts_px

    def filter(self, image: FloatArray, sigma: float, strength: float) -> FloatArray:
        """Remove white noise of standard deviation ``sigma`` from an image (H, W)."""
        import pywt
        from skimage.restoration import cycle_spin, denoise_wavelet

        levels = min(self.levels, pywt.dwt_max_level(min(image.shape), self.wavelet))
        if levels == 0:  # the image is smaller than the wavelet
            return image
        settings: dict[str, Any] = {
            "sigma": strength * sigma,
            "wavelet": self.wavelet,
            "wavelet_levels": levels,
            "method": "BayesShrink",
            "rescale_sigma": False,
        }
        # with odd sides the output would be a pixel larger
        even = np.pad(image, [(0, side % 2) for side in image.shape], mode="edge")
        with np.errstate(invalid="ignore", divide="ignore"):  # a scale may be zero everywhere
            denoised = cycle_spin(even, denoise_wavelet, self.shifts, func_kw=settings, workers=1)
        return np.asarray(denoised, dtype=np.float32)[: image.shape[0], : image.shape[1]]
