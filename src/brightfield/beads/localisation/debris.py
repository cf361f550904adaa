"""Detection of debris in the residuals of a fit of beads and light, as smooth blobs.

Residuals are smoothed at two widths, which sums up a blob and averages noise, and compared with smoothed noise alone. The robust
weights of the first fit keep it close to the beads. Its residuals then show debris far below the noise of a pixel, and a second
fit without those pixels is as good as one with known debris.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield.beads.localisation.noise import ROBUST

Real = npt.NDArray[np.float64]
WIDTHS_PX = (1.0, 2.0)  # of the smoothing; a wider one also responds to debris that the profile has absorbed
SIGNIFICANT = 4.5  # standard deviations of smoothed noise, exceeded by chance in one clean window of forty
CLIP = 6.0  # standard deviations at which a pixel is clipped, so that a single one is no blob


def debris_gate(residuals: Real, gate: npt.ArrayLike | None = None) -> Real:
    """Gate (H, W): 0 on debris and within the width of the smoothing around it, 1 elsewhere.

    Args:
        residuals: (H, W) over the standard deviation of the noise.
        gate: (H, W) weights of the pixels, from 0 (ignored) to 1.
    """
    counted = np.ones(residuals.shape) if gate is None else np.asarray(gate, dtype=np.float64)
    if not (counted > 0.5).any():
        return np.ones(residuals.shape)
    noise = ROBUST * float(np.median(np.abs(residuals[counted > 0.5])))
    clipped = counted * np.clip(residuals / max(noise, 1e-12), -CLIP, CLIP)
    open_ = np.ones(residuals.shape)
    for width in WIDTHS_PX:
        # the square of a Gaussian is a Gaussian of 1 / sqrt(2) times the width and a weight of 1 / (4 pi width^2)
        variance = ndimage.gaussian_filter(counted**2, width / np.sqrt(2), mode="constant") / (4 * np.pi * width**2)
        smoothed = ndimage.gaussian_filter(clipped, width, mode="constant")
        hit = np.abs(smoothed) > SIGNIFICANT * np.sqrt(np.maximum(variance, 1e-12))
        if hit.any():
            open_[ndimage.distance_transform_edt(~hit) <= width] = 0.0
    return open_
