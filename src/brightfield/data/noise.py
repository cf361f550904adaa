"""How the noise of neighbouring pixels hangs together: blind spots presuppose that it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield import images

Real = npt.NDArray[np.float64]
BLOCK_PX = 16  # side of the blocks of which the flattest are looked at, because edges would count as correlated noise
FLAT_SHARE = 0.25  # share of the blocks that are looked at,
FLAT_PX = 4096  # but at least so many pixels, or chance would decide
SMOOTHING_PX = 2.0  # sigma of the smoothing before blocks are compared, so that noise has no influence
SLOW_PX = 8.0  # sigma of what is subtracted from a difference of two images: a change of the lamp, bleaching
# least correlation that counts: what is left of the specimen adds up to 0.02 in images of nuclei, and camera and confocal images
# without visible stripes have up to 0.06
LEAST = 0.1
DOMINANT = 2.0  # how many times the correlation along rows must be that along columns, or the reverse


class Correlation(NamedTuple):
    """Correlation of the noise of neighbours in a row and of neighbours in a column, -1 to 1."""

    row: float
    column: float

    @property
    def mask(self) -> str:
        """What shares its noise with a pixel: the ``row``, the ``column``, or the ``pixel`` alone."""
        if self.row >= LEAST and self.row >= DOMINANT * self.column:
            return "row"
        return "column" if self.column >= LEAST and self.column >= DOMINANT * self.row else "pixel"

    @property
    def is_smeared(self) -> bool:
        """Whether noise spreads in both directions, as after interpolation, blur or compression: no line covers that."""
        return self.mask == "pixel" and max(self) >= LEAST


def mean(found: Sequence[Correlation]) -> Correlation:
    """The mean over images; of none, no correlation."""
    return Correlation(*np.mean(found, axis=0).tolist()) if found else Correlation(0.0, 0.0)


def of_difference(first: images.Image, second: images.Image) -> Correlation:
    """From two images (H, W) of one field, whose difference is noise alone."""
    difference = first.astype(np.float64) - second
    noise = difference - ndimage.gaussian_filter(difference, SLOW_PX)
    everywhere = np.ones(noise.shape, bool)
    return Correlation(_along_rows(noise, everywhere), _along_rows(noise.T, everywhere.T))


def of_image(image: images.Image) -> Correlation:
    """From one image (H, W): second differences across the direction in question, where the specimen is flattest."""
    pixels = image.astype(np.float64)
    flat = _flat(pixels)
    return Correlation(_along_rows(_across(pixels), flat), _along_rows(_across(pixels.T), flat.T))


def _across(pixels: Real) -> Real:
    """Second differences down the columns, in which the specimen nearly vanishes and noise that rows share stays."""
    return np.asarray(ndimage.convolve1d(pixels, [1.0, -2.0, 1.0], axis=0))


def _along_rows(noise: Real, where: npt.NDArray[np.bool_]) -> float:
    """Correlation of horizontal neighbours; 0 where there is no noise."""
    both = where[:, 1:] & where[:, :-1]
    left, right = noise[:, :-1][both], noise[:, 1:][both]
    power = float(np.sqrt(np.mean(left**2) * np.mean(right**2))) if both.any() else 0.0
    return float(np.mean(left * right)) / power if power > 0 else 0.0


def _flat(pixels: Real) -> npt.NDArray[np.bool_]:
    """The pixels of the blocks in which the smoothed image varies least."""
    if min(pixels.shape) < 2 * BLOCK_PX:
        return np.ones(pixels.shape, bool)
    gradient = ndimage.gaussian_gradient_magnitude(pixels, SMOOTHING_PX)
    steepness = ndimage.uniform_filter(gradient, BLOCK_PX)[BLOCK_PX // 2 :: BLOCK_PX, BLOCK_PX // 2 :: BLOCK_PX]
    flat = steepness <= np.quantile(steepness, min(1.0, max(FLAT_SHARE, FLAT_PX / pixels.size)))
    rows, columns = (
        np.minimum(np.arange(side) // BLOCK_PX, count - 1) for side, count in zip(pixels.shape, flat.shape, strict=True)
    )
    return np.asarray(flat[rows[:, None], columns])
