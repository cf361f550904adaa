"""Debris found in what a fit of beads and light leaves: smooth blobs, where noise differs from pixel to pixel.

Residuals are smoothed at two widths, which gathers a blob and averages noise, and held against what noise alone would leave. Robust
weights do the rough work, so that the fit is near the beads and not near the debris; what it leaves then shows debris far below the
noise of a pixel, and a second fit that does without those pixels is as good as one that is told where debris is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield.beads.localisation.noise import ROBUST

Real = npt.NDArray[np.float64]
WIDTHS_PX = (1.0, 2.0)  # of the smoothing; wider, what the profile itself takes of debris is found too
CERTAIN = 4.5  # standard deviations of smoothed noise: in one clean window of forty there is as much by chance
HIGHEST = 6.0  # a pixel counts as no more, or one would be a blob


def undisturbed(residuals: Real, gate: npt.ArrayLike | None = None) -> Real:
    """Gate (H, W): 0 where debris is and as far around as the smoothing reaches, 1 elsewhere.

    Args:
        residuals: (H, W) over the standard deviation of the noise.
        gate: (H, W) from 0 (a pixel that is not to count) to 1.
    """
    counted = np.ones(residuals.shape) if gate is None else np.asarray(gate, dtype=np.float64)
    if not (counted > 0.5).any():
        return np.ones(residuals.shape)
    noise = ROBUST * float(np.median(np.abs(residuals[counted > 0.5])))
    clipped = counted * np.clip(residuals / max(noise, 1e-12), -HIGHEST, HIGHEST)
    open_ = np.ones(residuals.shape)
    for width in WIDTHS_PX:
        # the square of a Gaussian is one of 1 / sqrt(2) its width and 1 / (4 pi width^2) its weight
        variance = ndimage.gaussian_filter(counted**2, width / np.sqrt(2), mode="constant") / (4 * np.pi * width**2)
        smoothed = ndimage.gaussian_filter(clipped, width, mode="constant")
        hit = np.abs(smoothed) > CERTAIN * np.sqrt(np.maximum(variance, 1e-12))
        if hit.any():
            open_[ndimage.distance_transform_edt(~hit) <= width] = 0.0
    return open_
