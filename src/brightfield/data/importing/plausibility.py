"""Whether an image can be labels: 0 in the background, and for each cell a number of its own in one piece."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.errors import BrightfieldError

LEAST_RIMS = 8  # fewer thin regions may be debris
SHARE_OF_RIMS = 0.5  # least share of thin regions among all, in a blurred image
RIM_PX = 4  # median area of thin regions up to which they are no cells
BROKEN = 0.2  # share of thin numbers in several pieces, from which they are no cells
SPECK = 0.2  # a piece is a speck if it is smaller than this share of the largest piece of its number
BACKGROUND = 0.5  # share of the image and of its border from which a region is the background
BACKGROUND_OF_A_MASK = 0.3  # the same where all regions have one number
TIMES_A_CELL = 10  # a region so many times larger than the median may be the background, if it is larger than all of 0
SIDES = 3  # number of sides of the image that the background touches
FULL = 255  # largest number that 8 bits hold
FEW_COLOURS = 64
_SAVE = "Save the label image as TIFF or PNG with 16 bits, a number for each cell, neither smoothed nor resized."
_JPEG = b"\xff\xd8\xff"
_JPEG_IN_TIFF = (6, 7)  # TIFF's Compression

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Regions:
    """The regions of one number each, 8-connected.

    Attributes:
        map: (H, W), the region of each pixel from 1; 0 is the background.
        numbers: (N,), the number of each region.
        areas: (N,), in pixels.
    """

    map: npt.NDArray[np.int32]
    numbers: Ids
    areas: npt.NDArray[np.int64]

    @classmethod
    def of(cls, ids: Ids) -> Regions:
        from skimage.measure import label

        regions = label(ids, background=0, connectivity=2).astype(np.int32)
        areas = np.bincount(regions.ravel())
        numbers = np.zeros(len(areas), dtype=np.int32)
        numbers[regions] = ids
        return cls(regions, numbers[1:], areas[1:])

    def boxes(self) -> npt.NDArray[np.int64]:
        """(N, 4): top, left, bottom and right of each region, the last two exclusive."""
        from scipy import ndimage

        found = ndimage.find_objects(self.map)
        return np.array([(y.start, x.start, y.stop, x.stop) for y, x in found], dtype=np.int64).reshape(-1, 4)


def check_file(path: Path) -> None:
    """Raise BrightfieldError for a label file that is a JPEG by its name or content: its numbers are not what was drawn."""
    if path.suffix.lower() in (".jpg", ".jpeg") or _is_jpeg(path):
        raise BrightfieldError(f"{path} is a JPEG, which changes numbers, so no label is what was drawn. {_SAVE}")


def explain(path: Path, error: BrightfieldError) -> BrightfieldError:
    """What a file that is no label image holds: colours, fractions or negative numbers, and how many."""
    try:
        image = images.read(path)
    except BrightfieldError:
        return error
    if image.ndim == 3:
        number = len(np.unique(image.reshape(-1, image.shape[-1]), axis=0))
        what = "If each colour is a cell or a class" if number <= FEW_COLOURS else "If it is an overlay"
        return BrightfieldError(
            f"{path} has shape {image.shape} and {number:,} colours, expected one whole number per pixel. {what}, replace it by a "
            "label image with one channel and 16 bits."
        )
    odd = (image != np.rint(image)) | (image < 0)
    if not odd.any():
        return error
    return BrightfieldError(
        f"{path} holds {image.dtype} values that are no ids, expected whole numbers from 0 up: {int(odd.sum()):,} of "
        f"{image.size:,} pixels have fractions or are negative, such as {image[odd][0]:g}. {_SAVE}"
    )


def check_rims(path: Path, regions: Regions) -> None:
    """Refuse masks with soft edges (blurred, antialiased, resized, once a JPEG): most regions are thin and touch others."""
    thin = _thin(regions)
    least = max(LEAST_RIMS, SHARE_OF_RIMS * len(thin))
    if thin.sum() < least:
        return
    rim = thin & _touching(regions)
    rims = int(rim.sum())
    if rims < least:
        return
    numbers, pieces = np.unique(regions.numbers[rim], return_counts=True)
    around = (rim & _touching(regions, ~thin)).sum() >= SHARE_OF_RIMS * rims  # thin cells touch other thin cells
    specks = around and np.median(regions.areas[rim]) <= RIM_PX
    if not specks and (pieces > 1).mean() < BROKEN:
        return
    raise BrightfieldError(
        f"{path} has soft edges: {len(numbers)} of its {len(np.unique(regions.numbers))} values, from {numbers.min()} to "
        f"{numbers.max()}, form {rims:,} thin rims and specks beside others, as in a mask that was blurred, antialiased, resized "
        f"or a JPEG once, expected a number for each cell. {_SAVE} A threshold makes a mask of it, which is split into its regions."
    )


def check_background(path: Path, regions: Regions) -> None:
    """Refuse a background that is not 0: a region that covers the border and most of the image, or more of it than 0 does."""
    border = np.concatenate([side.ravel() for side in _sides(regions.map)])
    region = int(np.bincount(border).argmax())
    if region == 0:
        return
    area, number = int(regions.areas[region - 1]), int(regions.numbers[region - 1])
    sides = sum(bool((side == region).any()) for side in _sides(regions.map))
    share = float((border == region).mean())
    others = np.delete(regions.areas, region - 1)
    least = BACKGROUND if len(np.unique(regions.numbers)) > 1 else BACKGROUND_OF_A_MASK
    most = share > least and area > least * regions.map.size
    larger = (
        bool(len(others))
        and least == BACKGROUND
        and area > max(int((regions.map == 0).sum()), TIMES_A_CELL * float(np.median(others)))
    )
    if sides >= SIDES and (most or larger):
        raise BrightfieldError(
            f"{path}: a region of {number} covers {area / regions.map.size:.0%} of the image and {share:.0%} of its border, as a "
            f"background does, expected 0 there. Set the background to 0 (invert a mask), and save again."
        )


def check_pieces(path: Path, regions: Regions) -> str | None:
    """Refuse numbers of several cells: those in pieces that are far apart.

    Returns:
        A warning about numbers in several pieces that may be one cell (close together, or specks), if there are any.
    """
    numbers, counts = np.unique(regions.numbers, return_counts=True)
    several = numbers[counts > 1]
    if not len(several):
        return None
    boxes = regions.boxes()
    apart = {int(n): found for n in several if (found := _apart(boxes, regions.areas, regions.numbers == n)) > 1}
    if not apart:
        return f"has numbers in several pieces, each taken for one cell ({len(several)} numbers, the first is {several[0]})"
    first = next(iter(apart))
    remedy = (
        "Give each cell a number of its own (in Fiji: MorphoLibJ, Connected Components Labeling); if numbers are classes, name "
        "that of the cells with --connected."
    )
    if int(numbers.max()) == FULL:
        remedy = "8 bits hold 255 cells, and 255 is reached: numbers began again or ended there. Save the label image with 16 bits."
    raise BrightfieldError(
        f"{path}: {len(apart)} of {len(numbers)} numbers are in pieces far apart, the first is {first} in {apart[first]} pieces, "
        f"expected each number in one piece. {remedy}"
    )


def _is_jpeg(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix.lower() not in (".tif", ".tiff"):
        with path.open("rb") as file:
            return file.read(len(_JPEG)) == _JPEG
    import tifffile

    try:
        with tifffile.TiffFile(path, _multifile=False) as tiff:
            return int(tiff.pages.first.compression) in _JPEG_IN_TIFF
    except Exception:  # errors of the file are reported where its pixels are read
        return False


def _sides(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    return array[0], array[-1], array[:, 0], array[:, -1]


def _thin(regions: Regions) -> npt.NDArray[np.bool_]:
    """(N,), whether a region contains no square of 3 x 3 pixels."""
    at = regions.map
    across = (at[:, :-2] == at[:, 1:-1]) & (at[:, 1:-1] == at[:, 2:])
    down = (at[:-2, 1:-1] == at[1:-1, 1:-1]) & (at[1:-1, 1:-1] == at[2:, 1:-1])
    square = across[:-2] & across[1:-1] & across[2:] & down
    thick = np.zeros(len(regions.areas) + 1, dtype=bool)
    thick[at[1:-1, 1:-1][square]] = True
    return ~thick[1:]


def _touching(regions: Regions, others: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.bool_]:
    """(N,), whether a region touches another one (of ``others``, (N,)), also at a corner."""
    number = len(regions.areas)
    asked = np.concatenate([[False], np.ones(number, dtype=bool) if others is None else others])
    found = np.zeros(number + 1, dtype=bool)
    at = regions.map
    pairs = ((at[1:], at[:-1]), (at[:, 1:], at[:, :-1]), (at[1:, 1:], at[:-1, :-1]), (at[1:, :-1], at[:-1, 1:]))
    for one, other in (*pairs, *((other, one) for one, other in pairs)):
        found[one[(one != other) & asked[other]]] = True
    return found[1:]


def _apart(boxes: npt.NDArray[np.int64], areas: npt.NDArray[np.int64], own: npt.NDArray[np.bool_]) -> int:
    """The number of pieces of a number, without specks, if two of them are farther apart than the longer one is long; else 1."""
    large = own & (areas >= SPECK * areas[own].max())
    chosen = boxes[large]
    ends, starts = chosen[:, 2:], chosen[:, :2]
    gaps = np.maximum(starts[:, None] - ends[None], starts[None] - ends[:, None]).max(axis=2)
    length = (ends - starts).max(axis=1)
    far = gaps > np.maximum(length[:, None], length[None])
    return len(chosen) if far.any() else 1
