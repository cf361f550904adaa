"""Images at another magnification."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image
from brightfield.images.formats.source import MAX_PIXELS

SMALLEST, LARGEST = 0.1, 10.0  # range of factors; others are probably a mistaken unit


def magnified(image: Image, factor: float) -> npt.NDArray[np.float32]:
    """Resize an image (H, W) or (H, W, C) by ``factor``, with linear interpolation; it is smoothed before it is made smaller.

    Raises:
        BrightfieldError: the factor is not between 0.1 and 10, or the result would be too large or empty.
    """
    if not SMALLEST <= factor <= LARGEST:
        raise BrightfieldError(f"Expected to magnify {SMALLEST:g} to {LARGEST:g} times, got {factor:g}.")
    height, width = (round(side * factor) for side in image.shape[:2])
    if not 0 < height * width <= MAX_PIXELS:
        raise BrightfieldError(
            f"An image of {image.shape[1]}x{image.shape[0]} px magnified {factor:g} times has {width}x{height} px, expected 1 to "
            f"{MAX_PIXELS:,} pixels. Cut the image, or use another factor."
        )
    return resized(image, (height, width))


def resized(image: Image, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Resize an image (H, W) or (H, W, C) to (height, width), as :func:`magnified` does."""
    from skimage.transform import resize  # takes its time to import

    scaled = resize(
        image.astype(np.float32),
        (*shape, *image.shape[2:]),
        order=1,
        anti_aliasing=shape[0] < image.shape[0],
        preserve_range=True,
    )
    return np.asarray(scaled, dtype=np.float32)


def framed(image: Image, side: int) -> Image:
    """The middle of an image (H, W) or (H, W, C) as a square of ``side`` pixels, filled up with the border's median colour."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    square = np.empty((side, side, *image.shape[2:]), image.dtype)
    square[:] = np.median(border, axis=0)
    kept = [min(side, have) for have in image.shape[:2]]
    of_image, of_square = (
        tuple(slice((whole - part) // 2, (whole - part) // 2 + part) for whole, part in zip(shape, kept, strict=True))
        for shape in (image.shape[:2], (side, side))
    )
    square[of_square] = image[of_image]
    return square


def nearest(labels: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Resample labels (H, W) to another shape: each pixel takes the label nearest to its centre."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.intp), old - 1)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]
