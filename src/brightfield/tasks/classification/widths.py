"""The width of the cell in the middle of a crop, from its colours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
MOST = 0.9  # largest share of the crop that is a cell: a disc in a square has 0.79
# Least width, of the crop's side, of a cell that is cut or hangs together with another one: what is narrower may be noise
LEAST_CUT = 1 / 3
FEWEST = 3  # crops in which a cell must be found


@dataclass(frozen=True)
class Cell:
    """What lies in the middle of a crop.

    Attributes:
        width_px: its width in pixels.
        is_brighter: whether it is brighter than what is around it: the pale middle of a cell that is wider than the crop, or the
            ground between cells.
    """

    width_px: float
    is_brighter: bool


def of_crops(crops: Iterable[images.Image]) -> float | None:
    """The median width of the cells in crops, in pixels; None where fewer than 3 show one, or most show something brighter."""
    found = [cell for crop in crops if (cell := _in_middle(crop)) is not None]
    widths = [cell.width_px for cell in found if not cell.is_brighter]
    return float(np.median(widths)) if len(widths) >= max(FEWEST, len(found) / 2) else None


def of_crop(crop: images.Image) -> float | None:
    """The width of the cell in the middle of a crop, in pixels; None where there is none that is darker than around it.

    The background has the median colour of the border. The width is the diameter of a disc with the area of the cell; where the
    cell touches the border, or another cell that does, that of the largest disc in it: what is seen of a cell that is wider than
    the crop, and the cell alone where two hang together.

    Args:
        crop: (H, W) or (H, W, C).
    """
    cell = _in_middle(crop)
    return None if cell is None or cell.is_brighter else cell.width_px


def _in_middle(crop: images.Image) -> Cell | None:
    colours = crop.astype(np.float32).reshape(*crop.shape[:2], -1)
    height, width = crop.shape[:2]
    side = min(height, width)
    smooth = ndimage.gaussian_filter(colours, (side * SMOOTH, side * SMOOTH, 0))
    border = np.median(np.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]]), axis=0)
    difference = np.sqrt(np.square(smooth - border).sum(axis=-1))
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
    is_brighter = bool(smooth[whole & middle].mean() > border.mean())
    at_border = np.concatenate([whole[0], whole[-1], whole[:, 0], whole[:, -1]])
    if at_border.mean() > 0.5 or whole.mean() > MOST:  # the border is no background
        return None
    if not at_border.any():
        return Cell(float(2 * np.sqrt(whole.sum() / np.pi)), is_brighter)
    beyond = np.pad(whole, side // 2, mode="edge")  # a cell does not end where the crop does
    disc = 2 * float(ndimage.distance_transform_edt(beyond)[side // 2 :, side // 2 :][:height, :width][middle].max())
    return Cell(disc, is_brighter) if disc >= side * LEAST_CUT else None


def _disc(radius: int) -> npt.NDArray[np.bool_]:
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(np.hypot(rows, columns) <= radius + 0.5)
