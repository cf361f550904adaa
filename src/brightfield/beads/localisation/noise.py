"""The noise of pixels: a variance that grows linearly with the signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.floating[Any]]
BINS = 24  # number of bins of signal, with equal numbers of pixels
ROBUST = 1.4826  # ratio of standard deviation and median absolute deviation of Gaussian noise
SIGNIFICANT = 3.0  # standard errors: a smaller slope counts as 0


@dataclass(frozen=True)
class Noise:
    """The variance of a pixel: ``constant + slope * signal``, in squared units of the image.

    For a camera the slope is its gain, and the constant holds the read noise and the offset of the counts (EMVA 1288).

    Attributes:
        constant: variance at a signal of 0; may be negative where the counts have an offset.
        slope: increase of the variance per unit of signal, 0 or more.
        floor: smallest variance, above 0, used where the line is below.
    """

    constant: float
    slope: float
    floor: float

    def __post_init__(self) -> None:
        if not (self.floor > 0 and self.slope >= 0 and np.isfinite([self.constant, self.slope, self.floor]).all()):
            raise BrightfieldError(f"Got {self}: expected finite values, a slope of 0 or more and a floor above 0.")

    @classmethod
    def of_camera(cls, gain: float, read_noise: float, offset: float = 0.0) -> Noise:
        """The noise of a camera.

        Args:
            gain: counts per electron.
            read_noise: standard deviation in counts.
            offset: counts without light.
        """
        floor = max(read_noise**2, gain**2 / 12, 1e-12)  # rounding to whole counts is noise, too
        return cls(read_noise**2 - gain * offset, gain, floor)

    def variance(self, signal: Real, out: Real | None = None) -> Real:
        """The variance of pixels of this expected signal, in its shape and type; ``out`` may be the signal itself."""
        line = np.multiply(signal, self.slope, out=out)
        line += self.constant
        floored: Real = np.maximum(line, self.floor, out=line)
        return floored


def measure(signal: Real, residual: Real) -> Noise:
    """Measure the noise in residuals.

    Pixels are sorted by their signal into bins of equal numbers, and a line is fitted to the variances of the bins, without
    outliers. A slope that is not significant, as in images of uniform brightness, counts as 0.

    Args:
        signal: expected signal, any shape.
        residual: recorded less expected signal, the same shape.

    Raises:
        BrightfieldError: there are fewer than 16 pixels, or all residuals are 0.
    """
    flat, rest = np.ravel(signal).astype(np.float64), np.ravel(residual).astype(np.float64)
    if len(flat) < 16 or not rest.any():
        raise BrightfieldError(
            f"Noise cannot be measured in {len(flat)} pixels, {np.count_nonzero(rest)} of them with a residual: expected 16 or "
            "more of a recorded image. Give larger windows, or the noise of the camera."
        )
    bins = min(BINS, len(flat) // 8)
    each = len(flat) // bins
    order = np.argsort(flat, kind="stable")
    members = order[np.linspace(0, len(flat) - 1, bins * each).round().astype(np.intp)].reshape(bins, each)
    mean, variance = flat[members].mean(axis=1), _variances(rest[members])
    least = max(float(np.mean(variance)) * 1e-3, 1e-12)
    weight = 1 / np.maximum(variance, least) ** 2  # the error of a variance is proportional to it
    middle = float(np.average(mean, weights=weight))
    spread = float((weight * (mean - middle) ** 2).sum())
    level = float(np.average(variance, weights=weight))
    slope = 0.0
    if spread > 0:
        line = float((weight * (mean - middle) * variance).sum()) / spread
        rest_of_line = variance - level - line * (mean - middle)
        scatter = float(np.sqrt(np.average(rest_of_line**2, weights=weight) / spread * weight.sum() / (bins - 1)))
        slope = line if line > SIGNIFICANT * scatter else 0.0
    return Noise(level - slope * middle, slope, max(least, 0.25 * float(variance.min())))


def _variances(residual: Real) -> Real:
    """The variance of each row (bins, n) of Gaussian residuals, without those beyond four robust standard deviations."""
    limit = 4 * ROBUST * np.median(np.abs(residual), axis=1, keepdims=True)
    kept = (np.abs(residual) <= limit) | (limit == 0)
    found: Real = np.sum(residual**2 * kept, axis=1) / kept.sum(axis=1)
    return found
