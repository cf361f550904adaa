"""Grey values, enlargement and colours of the drawings of every type.

Grey values are stretched between the 0.5 and 99.5 percentile. Small images are enlarged by whole pixels, and marks are drawn at the
enlarged scale: position (x, y) lies at ((x + 0.5) factor - 0.5, (y + 0.5) factor - 0.5) there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.uint8]  # (H, W, 3)
Limits = tuple[float, float]
Colour = tuple[int, int, int]

PERCENTILES = (0.5, 99.5)
GOOD: Colour = (0, 170, 60)
BAD: Colour = (220, 30, 30)
FOUND: Colour = (255, 80, 0)  # orange and blue are distinguishable with any colour vision
TRUE: Colour = (0, 200, 255)


@dataclass(frozen=True)
class PixelWindow:
    """The square of an image that a tile of a gallery shows.

    Attributes:
        top, left: row and column of its first pixel.
        side: side in pixels of the image.
        factor: pixels of the tile per pixel of the image, in both directions.
    """

    top: int
    left: int
    side: int
    factor: int

    def cut(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The window of an array (H, W) or (H, W, C), not enlarged."""
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


def stretch(image: npt.NDArray[Any], limits: Limits | None = None) -> Canvas:
    """Stretch an image to (H, W, 3) uint8 with the limits at 0 and 255, all channels alike, which preserves the colour balance.

    Args:
        image: (H, W) or (H, W, C); one channel becomes grey, a fourth is left out. Pixels that are not finite become black.
        limits: intensities for 0 and 255; the 0.5 and 99.5 percentile of the image when left out.
    """
    channels = np.atleast_3d(image)[..., :3].astype(np.float32)
    low, high = limits or limits_of(channels)
    with np.errstate(invalid="ignore"):
        grey = np.clip((channels - low) * (255.0 / max(high - low, 1e-12)), 0, 255)
    return np.broadcast_to(np.nan_to_num(grey).round().astype(np.uint8), (*channels.shape[:2], 3)).copy()


def limits_of(image: npt.NDArray[Any]) -> Limits:
    """The 0.5 and 99.5 percentile of the finite pixels."""
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, PERCENTILES) if finite.size else (0.0, 1.0)
    return float(low), float(high)


def enlarge(array: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    """Repeat every pixel of (H, W) or (H, W, C) ``factor`` times along both axes; the array itself for 1."""
    return array if factor == 1 else array.repeat(factor, axis=0).repeat(factor, axis=1)


def check_size(image: npt.NDArray[Any], *arrays: npt.NDArray[Any]) -> None:
    """Raise ValueError if an array is not as high and wide as the image."""
    for array in arrays:
        if array.shape != image.shape[:2]:
            raise ValueError(f"an answer must be as large as its image, {image.shape[:2]}, got {array.shape}")
