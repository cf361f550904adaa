"""Whether regions of an image show anything: where an image is noise, a network finds cells in the noise."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield import images
from brightfield.data.measuring import smoothed, white_noise

FloatArray = npt.NDArray[np.floating[Any]]

WIDE_PX = 8.0  # sigma of the Gaussian that follows the light of the lamp, but no cell
# Root mean square of the structure in the clearest region of a field, in standard deviations of the noise. In simulated noise
# alone it is at most 2.5 (169 regions), in the dimmest simulated field with cells 5.2 and more.
LEAST_VISIBLE = 3.5
BLOCK_PX = 16  # side of the regions in which structure is looked for where no object was found
COARSE_PX = 4  # side of the larger pixels with which it is looked for again
COARSE_BLOCK_PX = 8  # side of the regions in these
LEAST_COARSE = 16  # fewest of them in a side
ROUNDING = 1e-6  # relative differences up to which are no structure, but single precision
_NOISE_PX = 256  # side of the image of noise on which the filters are calibrated


def shows_something(channels: FloatArray, regions: npt.NDArray[np.int32]) -> bool:
    """Whether the clearest region stands out of the noise in any channel.

    Args:
        channels: (C, H, W) in any units.
        regions: (H, W) numbers of the regions, 0 is background.
    """
    numbers = np.arange(1, int(regions.max(initial=0)) + 1)
    if not len(numbers):
        return True
    return any(float(visibility(channel, regions, numbers).max()) >= LEAST_VISIBLE for channel in channels)


def shows_structure(image: FloatArray) -> bool:
    """Whether any block of an image (H, W) or (H, W, C), its first channel, stands out of the noise.

    It is looked at as it is, and again with fewer and larger pixels: of wide and pale objects too little is seen in each pixel.
    """
    light = np.asarray(image if image.ndim == 2 else image[..., 0], dtype=np.float32)
    if np.ptp(light) <= ROUNDING * np.abs(light).max():
        return False
    if _block_stands_out(images.above_background(light), BLOCK_PX):
        return True
    rows, columns = (side // COARSE_PX for side in light.shape)
    if min(rows, columns) < LEAST_COARSE:
        return False
    whole = _without_hot_pixels(light)[: rows * COARSE_PX, : columns * COARSE_PX]
    coarse = whole.reshape(rows, COARSE_PX, columns, COARSE_PX).mean(axis=(1, 3))
    return _block_stands_out(images.above_background(coarse), COARSE_BLOCK_PX)


def _block_stands_out(light: FloatArray, side: int) -> bool:
    rows, columns = (np.arange(length) // side for length in light.shape)
    blocks = (rows[:, None] * (columns[-1] + 1) + columns + 1).astype(np.int32)
    return shows_something(light[None], blocks)


def visibility(image: FloatArray, regions: npt.NDArray[np.int32], numbers: npt.NDArray[np.integer[Any]]) -> FloatArray:
    """The structure in each region in standard deviations of the noise: the root mean square of the band-passed image.

    Args:
        image: (H, W).
        regions: (H, W) numbers of the regions.
        numbers: (N,) the regions to measure.

    Returns:
        (N,), 1 for noise alone, and infinite for structure without noise.
    """
    noise = white_noise(image) * _noise_passed()
    power = np.asarray(ndimage.mean(np.square(_structure(image)), regions, numbers))
    with np.errstate(divide="ignore", invalid="ignore"):
        clear: FloatArray = np.nan_to_num(np.sqrt(power) / noise, nan=0.0, posinf=np.inf)
    return clear


def _structure(image: FloatArray) -> FloatArray:
    """What is larger than a pixel and narrower than the lamp's light; a single hot pixel is cut to the level around it."""
    fine = smoothed(_without_hot_pixels(image.astype(np.float32)))
    structure: FloatArray = fine - ndimage.gaussian_filter(fine, WIDE_PX, mode="reflect")
    return structure


def _without_hot_pixels(image: FloatArray) -> FloatArray:
    """Each pixel cut to the range of its 8 neighbours."""
    padded = np.pad(image, 1, mode="reflect")
    height, width = image.shape
    around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    low, high = around[0].copy(), around[0].copy()
    for neighbour in around[1:]:
        np.minimum(low, neighbour, out=low)
        np.maximum(high, neighbour, out=high)
    return np.clip(image, low, high)


@lru_cache(maxsize=1)
def _noise_passed() -> float:
    """Standard deviation that white noise of standard deviation 1 has after the filters."""
    noise = np.random.default_rng(0).standard_normal((_NOISE_PX, _NOISE_PX), dtype=np.float32)
    return float(_structure(noise).std())
