"""Frames and pixels that show nothing of a specimen: closed shutters, saturated frames, hot and dead pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield import images
from brightfield.beads.localisation.checking import white_variance

WIDTHS_PX = (1.5, 4.0)  # standard deviations of the smoothing that averages noise
CERTAIN = 5.0  # standard deviations of smoothed noise, exceeded by chance in one of a hundred frames of a megapixel
CLIP = 6.0  # standard deviations at which a pixel is clipped, so that a single one is no structure
DARKER = 5.0  # standard deviations of the noise by which a dark frame lies below the level of the others
FULL = 0.5  # share of the pixels at the largest value of their type at which a frame is saturated
ALONE = 0.2  # largest ratio of the neighbours of a hot or dead pixel to it, in deviations from the level around
OUTSTANDING = 6.0  # standard deviations of the noise by which a hot or dead pixel stands out


def shows_something(frame: npt.NDArray[Any]) -> bool:
    """Whether a frame (H, W) holds more than noise, single pixels and a smooth background, and is not saturated."""
    if frame.max() == frame.min() or saturated(frame):
        return False
    above = images.above_background(frame.astype(np.float32))
    noise = np.sqrt(max(white_variance(frame), 1e-30))
    clipped = np.clip(above / noise, -CLIP, CLIP)
    for width in WIDTHS_PX:
        # the square of a Gaussian is a Gaussian of 1 / sqrt(2) times the width and a weight of 1 / (4 pi width^2)
        smoothed = ndimage.gaussian_filter(clipped, width, mode="constant") * np.sqrt(4 * np.pi) * width
        if np.abs(smoothed).max() > CERTAIN:
            return True
    return False


def saturated(frame: npt.NDArray[Any]) -> bool:
    """Whether at least half of the pixels of a frame of whole numbers have the largest value of their type."""
    return frame.dtype.kind in "ui" and float(np.mean(frame == np.iinfo(frame.dtype).max)) >= FULL


def blank(frame: npt.NDArray[Any], level: float) -> bool:
    """Whether a frame (H, W) is constant or saturated, or far darker than ``level`` without any structure."""
    few = frame[::4, ::4]
    middle = float(np.median(few))
    if few.max() == few.min() and frame.max() == frame.min():
        return True
    if frame.dtype.kind in "ui" and middle == np.iinfo(frame.dtype).max:
        return saturated(frame)
    if middle >= level:
        return False
    return level - middle > DARKER * np.sqrt(white_variance(frame)) and not shows_something(frame)


def without_single_pixels(frame: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A frame (H, W) in which hot and dead pixels, which stand out alone, have the median of the pixels around."""
    middle = ndimage.median_filter(frame, 5)
    away = frame.astype(np.float64) - middle
    around = np.ones((3, 3), dtype=np.bool_)
    around[1, 1] = False
    highest = ndimage.maximum_filter(frame.astype(np.float64), footprint=around) - middle
    lowest = middle - ndimage.minimum_filter(frame.astype(np.float64), footprint=around)
    noise = OUTSTANDING * np.sqrt(white_variance(frame))
    hot = (away > noise) & (np.maximum(highest, 0) < np.maximum(ALONE * away, noise))
    dead = (-away > noise) & (np.maximum(lowest, 0) < np.maximum(-ALONE * away, noise))
    return np.where(hot | dead, middle, frame)
