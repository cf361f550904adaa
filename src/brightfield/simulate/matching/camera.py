"""Estimation of a camera from a few of its frames: electrons per count, offset, read noise.

The variance of a camera's noise rises linearly with the light, the photon transfer line (Janesick 2007); its slope is one over the
electrons per count. The offset follows from skewness, which photon noise has and read noise does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve1d, uniform_filter
from scipy.optimize import least_squares

from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]

BLOCK_PX = 8  # side of the blocks in which mean and noise are measured
# Second difference, applied along rows and columns: insensitive to planes and nearly so to structures that an objective blurs. The
# squares of its nine weights sum to 36 (Immerkaer 1996).
DIFFERENCE = np.array([1.0, -2.0, 1.0])
# sum of the squared correlations of neighbouring differences, by which the number of independent ones is smaller
CORRELATION = (70 / 36) ** 2
# factors on the variance and on the third cumulant of the noise in a pixel less the mean of its eight neighbours
AROUND_SQUARE = 1 + 8 * (1 / 8) ** 2
AROUND_CUBE = 1 - 8 * (1 / 8) ** 3
BINS = 24  # number of levels of light at which the noise is measured
FEWEST_BLOCKS = 64  # smallest number of blocks
FEWEST_IN_BIN = 6  # smallest number of blocks in a bin
OUTLIER = 6.0  # standard deviations beyond which a pixel is hot
DARK = 0.25  # share of blocks that count as the darkest
ROUNDING = 1 / 12  # variance of rounding to whole counts
NO_NOISE = 1e-6  # variance in counts squared up to which there is no noise
USUAL_READ_VARIANCE = (4.0, 3.0)  # electrons squared: mean and standard deviation over cameras of the last twenty years
TRUSTED_SLOPE = 4.0  # smallest slope in standard errors for which the noise counts as rising


@dataclass(frozen=True)
class CameraEstimate:
    """A camera, estimated from its frames.

    Attributes:
        electrons_per_count: one over the slope of the photon transfer line.
        offset: counts without light.
        offset_error: standard error of the offset in counts.
        read_noise: standard deviation in electrons.
        rises: whether the noise rises with the light; if not, the frames were processed, and the other attributes describe a
            camera without read noise that has the same noise at the median light.
    """

    electrons_per_count: float
    offset: float
    offset_error: float
    read_noise: float
    rises: bool

    def variance(self, counts: float) -> float:
        """The variance of the noise in counts squared, at a mean of ``counts``."""
        gain = 1 / self.electrons_per_count
        return max(gain * (counts - self.offset), 0.0) + (gain * self.read_noise) ** 2


def estimate(frames: Sequence[npt.NDArray[Any]], offset: float | None = None) -> CameraEstimate:
    """Estimate the camera that recorded the frames.

    Args:
        frames: (H, W) each, in counts, of one camera at one gain; the light may vary.
        offset: the offset in counts, if it is known; then the skewness is not used.

    Raises:
        BrightfieldError: there are too few pixels, or there is no noise.
    """
    means, variances, skews = (np.concatenate(parts) for parts in zip(*map(_blocks, frames), strict=True))
    if len(means) < FEWEST_BLOCKS:
        raise BrightfieldError(
            f"The frames have {len(means)} patches of {BLOCK_PX} x {BLOCK_PX} px that are not saturated: expected at least "
            f"{FEWEST_BLOCKS}. Give more or larger frames."
        )
    if np.median(variances) <= NO_NOISE:
        raise BrightfieldError("The frames have no noise at all: expected unprocessed frames of a camera. Give others.")
    slope, intercept, slope_error = _line(means, variances)
    rises = slope > TRUSTED_SLOPE * slope_error
    if not rises:  # a camera with the same noise at the median light
        level, height = float(np.median(means)), float(np.median(variances))
        dark = offset or 0.0
        return CameraEstimate(max(level - dark, 1e-6) / height, dark, 0.0, 0.0, rises)
    gain = slope
    dark, error = (offset, 0.0) if offset is not None else _offset(means, skews, variances, gain, intercept)
    read_variance = max((intercept + gain * dark) / gain**2, 0.0)
    return CameraEstimate(1 / gain, dark, error, float(np.sqrt(read_variance)), rises)


def _blocks(frame: npt.NDArray[Any]) -> tuple[Real, Real, Real]:
    """Mean, variance of the noise and third cumulant of the noise in each block that is neither saturated nor black."""
    image = frame.astype(np.float64)
    rows, columns = (side // BLOCK_PX for side in image.shape)

    def split(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        cut = array[: rows * BLOCK_PX, : columns * BLOCK_PX]
        return cut.reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2).reshape(rows * columns, -1)

    noise = convolve1d(convolve1d(image, DIFFERENCE, axis=0), DIFFERENCE, axis=1) / 6
    single = 9 / 8 * (image - uniform_filter(image, 3))
    limit = OUTLIER * 1.4826 * float(np.median(np.abs(single))) + 1e-9
    usable = (np.abs(single) < 3 * limit) & (image > image.min())
    if frame.dtype.kind in "ui" and image.max() >= np.percentile(image, 99.9):
        usable &= image < (image.max() if (image == image.max()).mean() > 1e-3 else np.inf)  # saturated
    inside = split(usable).mean(axis=1) > 0.98
    variance = np.maximum((split(noise) ** 2).mean(axis=1) - ROUNDING, 1e-9)
    skew = (split(np.clip(single, -limit, limit)) ** 3).mean(axis=1) / AROUND_CUBE
    return split(image).mean(axis=1)[inside], variance[inside], skew[inside]


def _line(means: Real, variances: Real) -> tuple[float, float, float]:
    """Slope and intercept of the variance of the noise against the mean, and the standard error of the slope."""
    # bins of equal width: bins of equally many blocks would sort dark blocks by their noise and flatten the line
    lowest, highest = np.quantile(means, (0, 0.999))
    steps = np.linspace(lowest, highest, BINS + 1)
    place = np.clip(np.searchsorted(steps, means, side="right") - 1, 0, BINS - 1)
    bins = [part for i in range(BINS) if len(part := np.flatnonzero(place == i)) >= FEWEST_IN_BIN]
    if len(bins) < 3:  # the light hardly varies
        bins = np.array_split(np.argsort(means), 3)
    level = np.array([means[part].mean() for part in bins])
    freedom = BLOCK_PX**2 / CORRELATION
    median = (1 - 2 / (9 * freedom)) ** 3  # median over mean of a chi-squared variable (Wilson and Hilferty 1931)
    height = np.array([np.median(variances[part]) for part in bins]) / median
    # a median has 1.57 times the variance of a mean
    weight = np.sqrt([len(part) * freedom / 2 / 1.57 for part in bins])
    ends = level[[0, -1]]
    span = max(float(ends[1] - ends[0]), 1e-9)

    def residuals(at_ends: Real) -> Real:
        predicted = at_ends[0] + (level - ends[0]) / span * (at_ends[1] - at_ends[0])
        scaled: Real = weight * np.log(height / np.maximum(predicted, 1e-12))
        return scaled

    start = np.maximum([np.median(height[: len(bins) // 3 + 1]), np.median(height[-len(bins) // 3 :])], 1e-9)
    found = least_squares(residuals, start, bounds=(1e-9, np.inf), loss="soft_l1", x_scale=start)
    slope = float(found.x[1] - found.x[0]) / span
    misfit = max(1.0, float(np.mean(residuals(found.x) ** 2)))  # structure in the images adds to the scatter
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * misfit
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0))) / span
    return slope, float(found.x[0]) - slope * float(ends[0]), error


def _offset(means: Real, skews: Real, variances: Real, gain: float, intercept: float) -> tuple[float, float]:
    """The offset and its standard error: the weighted mean of two estimates, from skewness and from the usual read noise."""
    darkest = means <= np.quantile(means, DARK)
    pixels = max(int(darkest.sum()) * BLOCK_PX**2, 1)
    # the third cumulant of photon noise is gain^3 times the electrons, so gain^2 times the counts above the offset
    from_skew = float(means[darkest].mean() - skews[darkest].mean() / gain**2)
    spread = AROUND_SQUARE * float(np.median(variances[darkest]))
    skew_error = float(np.sqrt(6 / pixels) * spread**1.5 / AROUND_CUBE) / gain**2
    usual, deviation = USUAL_READ_VARIANCE
    from_line, line_error = usual * gain - intercept / gain, deviation * gain
    weights = np.array([skew_error**-2.0, line_error**-2.0])
    offset = float(weights @ [from_skew, from_line] / weights.sum())
    lowest = float(means.min())
    return float(np.clip(offset, 0.0, max(lowest, 0.0))), float(weights.sum() ** -0.5)
