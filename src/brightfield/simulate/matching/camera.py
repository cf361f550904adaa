"""What a few frames tell of the camera that took them: conversion, offset in the dark, read noise.

The variance of a camera's noise rises with the light as a straight line, the photon transfer line (Janesick 2007): its slope is
one over the electrons of a count. Where it ends in the dark is told by skewness, which photons have and read noise has not.
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

BLOCK_PX = 8
# along rows and columns: blind to planes and nearly so to whatever an objective has blurred; the squares of its nine weights sum to
# 36 (Immerkaer 1996)
DIFFERENCE = np.array([1.0, -2.0, 1.0])
CORRELATION = (
    70 / 36
) ** 2  # sum of the squared correlations of neighbouring differences: so many fewer are independent
# of a pixel less the mean of the eight around it: what is left of the variance and of the third cumulant
AROUND_SQUARE = 1 + 8 * (1 / 8) ** 2
AROUND_CUBE = 1 - 8 * (1 / 8) ** 3
BINS = 24  # levels of light at which the noise is looked at
FEWEST_BLOCKS = 64
FEWEST_IN_BIN = 6
OUTLIER = 6.0  # standard deviations: a hot pixel
DARK = 0.25  # share of the blocks that are the darkest
ROUNDING = 1 / 12  # variance that whole counts add
NO_NOISE = 1e-6  # counts squared
USUAL_READ_VARIANCE = (4.0, 3.0)  # electrons squared: cameras of the last twenty years, and how far they differ
TRUSTED_SLOPE = 4.0  # standard errors: a line less sure than this does not rise


@dataclass(frozen=True)
class CameraEstimate:
    """A camera as its frames show it.

    Attributes:
        electrons_per_count: one over the slope of the photon transfer line.
        offset: counts in the dark, and its standard error.
        read_noise: standard deviation in electrons.
        rises: whether the noise rises with the light at all; if not, the frames were processed, and the figures are those of a
            camera without read noise that has as much noise where most of the light is.
    """

    electrons_per_count: float
    offset: float
    offset_error: float
    read_noise: float
    rises: bool

    def variance(self, counts: float) -> float:
        """Of the noise in counts, where the mean is ``counts``."""
        gain = 1 / self.electrons_per_count
        return max(gain * (counts - self.offset), 0.0) + (gain * self.read_noise) ** 2


def estimate(frames: Sequence[npt.NDArray[Any]], offset: float | None = None) -> CameraEstimate:
    """The camera that took these frames, (H, W) each, in counts.

    Args:
        frames: all of one camera at one gain; light may vary.
        offset: in the dark, where it is known; then nothing is asked of the skewness.

    Raises:
        BrightfieldError: if there are too few pixels, or no noise at all.
    """
    means, variances, skews = (np.concatenate(parts) for parts in zip(*map(_blocks, frames), strict=True))
    if len(means) < FEWEST_BLOCKS:
        raise BrightfieldError(
            f"The frames have {len(means)} patches of {BLOCK_PX} x {BLOCK_PX} px that are not saturated, expected at least "
            f"{FEWEST_BLOCKS}. Give more or larger frames."
        )
    if np.median(variances) <= NO_NOISE:
        raise BrightfieldError("The frames have no noise at all, so they do not come from a camera as they are.")
    slope, intercept, slope_error = _line(means, variances)
    rises = slope > TRUSTED_SLOPE * slope_error
    if not rises:  # a camera with as much noise where most of the light is
        level, height = float(np.median(means)), float(np.median(variances))
        dark = offset or 0.0
        return CameraEstimate(max(level - dark, 1e-6) / height, dark, 0.0, 0.0, rises)
    gain = slope
    dark, error = (offset, 0.0) if offset is not None else _offset(means, skews, variances, gain, intercept)
    read_variance = max((intercept + gain * dark) / gain**2, 0.0)
    return CameraEstimate(1 / gain, dark, error, float(np.sqrt(read_variance)), rises)


def _blocks(frame: npt.NDArray[Any]) -> tuple[Real, Real, Real]:
    """Mean, variance of the noise and its third cumulant in each block of a frame that is neither saturated nor black."""
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
    """Slope and intercept of the noise's variance against the mean, and the slope's standard error."""
    # equal steps of light: equal numbers of blocks would sort the dark ones by their noise and flatten the line
    lowest, highest = np.quantile(means, (0, 0.999))
    steps = np.linspace(lowest, highest, BINS + 1)
    place = np.clip(np.searchsorted(steps, means, side="right") - 1, 0, BINS - 1)
    bins = [part for i in range(BINS) if len(part := np.flatnonzero(place == i)) >= FEWEST_IN_BIN]
    if len(bins) < 3:  # hardly any difference in light
        bins = np.array_split(np.argsort(means), 3)
    level = np.array([means[part].mean() for part in bins])
    freedom = BLOCK_PX**2 / CORRELATION
    median = (1 - 2 / (9 * freedom)) ** 3  # of a chi-squared variable, relative to its mean (Wilson and Hilferty 1931)
    height = np.array([np.median(variances[part]) for part in bins]) / median
    weight = np.sqrt([len(part) * freedom / 2 / 1.57 for part in bins])  # a median is this much less sure than a mean
    ends = level[[0, -1]]
    span = max(float(ends[1] - ends[0]), 1e-9)

    def residuals(at_ends: Real) -> Real:
        predicted = at_ends[0] + (level - ends[0]) / span * (at_ends[1] - at_ends[0])
        scaled: Real = weight * np.log(height / np.maximum(predicted, 1e-12))
        return scaled

    start = np.maximum([np.median(height[: len(bins) // 3 + 1]), np.median(height[-len(bins) // 3 :])], 1e-9)
    found = least_squares(residuals, start, bounds=(1e-9, np.inf), loss="soft_l1", x_scale=start)
    slope = float(found.x[1] - found.x[0]) / span
    misfit = max(1.0, float(np.mean(residuals(found.x) ** 2)))  # structure makes the bins differ more than noise does
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * misfit
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0))) / span
    return slope, float(found.x[0]) - slope * float(ends[0]), error


def _offset(means: Real, skews: Real, variances: Real, gain: float, intercept: float) -> tuple[float, float]:
    """Counts in the dark with standard error: from the skewness of the darkest blocks, or from a read noise as cameras have it,
    each as far as it can be trusted."""
    darkest = means <= np.quantile(means, DARK)
    pixels = max(int(darkest.sum()) * BLOCK_PX**2, 1)
    # the third cumulant of photon noise is gain^3 times the electrons, so gain^2 times the counts above the offset
    from_skew = float(means[darkest].mean() - skews[darkest].mean() / gain**2)
    spread = AROUND_SQUARE * float(np.median(variances[darkest]))
    skew_error = float(np.sqrt(6 / pixels) * spread**1.5 / AROUND_CUBE) / gain**2
    usual, unsure = USUAL_READ_VARIANCE
    from_line, line_error = usual * gain - intercept / gain, unsure * gain
    weights = np.array([skew_error**-2.0, line_error**-2.0])
    offset = float(weights @ [from_skew, from_line] / weights.sum())
    lowest = float(means.min())
    return float(np.clip(offset, 0.0, max(lowest, 0.0))), float(weights.sum() ** -0.5)
