"""Stabilisation of camera noise, and its inverse, for methods that expect white noise of one standard deviation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

FloatArray = npt.NDArray[np.float32]

LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32) / 6  # keeps the spread of white noise
NORMAL_MEDIAN = 0.6745  # median of the absolute value of a standard normal variable
LEVELS = 16  # number of levels of brightness at which the noise is measured
LEVEL_SIGMA_PX = 4.0  # sigma of the smoothing before pixels are sorted into levels, so that noise has no influence
ROUNDS = 5  # iterations of the weighted fit
LEAST_SLOPE = 1e-6  # slopes up to this are taken as zero: white noise


def noise_of(image: FloatArray) -> float:
    """Standard deviation of white noise in an image (H, W), from a difference of Laplacians (Immerkaer 1996).

    The median absolute value replaces the mean, so that edges do not count as noise.
    """
    return float(np.median(np.abs(ndimage.convolve(image, LAPLACIANS)))) / NORMAL_MEDIAN


@dataclass(frozen=True)
class CameraNoise:
    """Noise whose variance is a linear function of the mean, ``slope * mean + dark``, in any units of intensity.

    :func:`stabilise` is the generalised Anscombe transform (Murtagh, Starck and Bijaoui 1995), under which such noise has a
    standard deviation of about 1; :func:`restore` is its unbiased inverse in closed form (Makitalo and Foi, IEEE TIP 2013).
    """

    slope: float
    dark: float

    @classmethod
    def of(cls, image: FloatArray) -> CameraNoise:
        """Estimate from one image (H, W): a line through the variances at several levels of brightness; flat for white noise."""
        residual = np.abs(ndimage.convolve(image, LAPLACIANS)).ravel()
        level = ndimage.gaussian_filter(image, LEVEL_SIGMA_PX).ravel()
        parts = np.array_split(np.argsort(level, kind="stable"), min(LEVELS, level.size))
        means = np.array([level[part].mean() for part in parts], dtype=np.float64)
        variances = np.array([np.median(residual[part]) for part in parts], dtype=np.float64) ** 2 / NORMAL_MEDIAN**2
        least = max(float(variances.max()) * 1e-3, 1e-12)
        columns, expected = np.stack([means, np.ones_like(means)], axis=1), np.maximum(variances, least)
        for _ in range(ROUNDS):  # the standard error of a variance is proportional to the variance
            slope, dark = np.linalg.lstsq(columns / expected[:, None], variances / expected, rcond=None)[0]
            expected = np.maximum(columns @ [slope, dark], least)
        if slope <= LEAST_SLOPE:
            return cls(0.0, max(float(np.median(variances)), least))
        return cls(float(slope), float(dark))

    def stabilise(self, image: FloatArray) -> FloatArray:
        """Transform an image (H, W) to noise of standard deviation 1."""
        if self.slope == 0:
            return np.asarray(image / np.sqrt(self.dark), dtype=np.float32)
        inside = self.slope * image.astype(np.float64) + 3 / 8 * self.slope**2 + self.dark
        return np.asarray(2 / self.slope * np.sqrt(np.maximum(inside, 0)), dtype=np.float32)

    def restore(self, stabilised: FloatArray) -> FloatArray:
        """Transform back to the units of the image, without the bias of the algebraic inverse."""
        if self.slope == 0:
            return np.asarray(stabilised * np.sqrt(self.dark), dtype=np.float32)
        d = np.maximum(stabilised.astype(np.float64), 2 * np.sqrt(3 / 8))
        electrons = d**2 / 4 + np.sqrt(3 / 2) / 4 / d - 11 / 8 / d**2 + 5 / 8 * np.sqrt(3 / 2) / d**3 - 1 / 8
        return np.asarray(self.slope * electrons - self.dark / self.slope, dtype=np.float32)
