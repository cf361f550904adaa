"""The width of the cell in the middle of a crop, from its colours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield import images

# shares of the crop's side
SMOOTH = 1 / 85  # sigma of the Gaussian against noise
MIDDLES = (
    1 / 4,
    1 / 8,
)  # radii of discs that show the cell: the larger one beyond a pale middle, the smaller one a small cell
SPECK = 1 / 30  # radius of what is removed from the edge of the cell: debris, bridges to neighbours
CELL = 0.75  # quantile of the difference from the background in the middle that is the cell's: paler parts are left out
EDGE = 0.5  # share of that difference at the edge of the cell
FEWEST = 3  # crops in which a cell must be found


def of_crops(crops: Iterable[images.Image]) -> float | None:
    """The median width of the cells in crops, in pixels; None where fewer than 3 show one that is not cut."""
    found = [width for crop in crops if (width := of_crop(crop)) is not None]
    return float(np.median(found)) if len(found) >= FEWEST else None


def of_crop(crop: images.Image) -> float | None:
    """The diameter of a disc with the area of the cell in the middle, in pixels.

    The background has the median colour of the border. Where the cell touches the border, or another cell that does, its
    width is not known.

    Args:
        crop: (H, W) or (H, W, C).
    """
    colours = crop.astype(np.float32).reshape(*crop.shape[:2], -1)
    height, width = crop.shape[:2]
    side = min(height, width)
    smooth = ndimage.gaussian_filter(colours, (side * SMOOTH, side * SMOOTH, 0))
    border = np.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
    difference = np.sqrt(np.square(smooth - np.median(border, axis=0)).sum(axis=-1))
    rows, columns = np.ogrid[:height, :width]
    away = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    level = max(np.quantile(difference[away <= side * radius], CELL) for radius in MIDDLES)
    middle = away <= side * MIDDLES[0]
    cell = ndimage.binary_fill_holes(difference > EDGE * level)
    parts, count = ndimage.label(ndimage.binary_opening(cell, _disc(max(1, round(side * SPECK)))))
    shown = np.bincount(parts[middle], minlength=count + 1)[1:]
    if not shown.any():
        return None
    whole = parts == 1 + shown.argmax()
    if whole[[0, -1]].any() or whole[:, [0, -1]].any():
        return None
    return float(2 * np.sqrt(whole.sum() / np.pi))


def _disc(radius: int) -> npt.NDArray[np.bool_]:
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(np.hypot(rows, columns) <= radius + 0.5)
