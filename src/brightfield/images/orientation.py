"""Turn an image as its file says that it is to be shown."""

from __future__ import annotations

import numpy as np

from brightfield.images.arrays import Image

TAG = 274  # Orientation, in TIFF and EXIF alike
_TRANSPOSED = range(5, 9)  # rows of the file are columns of the picture
_ROWS_REVERSED = (3, 4, 7, 8)
_COLUMNS_REVERSED = (2, 3, 6, 7)


def upright(stored: Image, orientation: int) -> Image:
    """The image as it is shown, from the rows and columns as they are stored.

    Args:
        stored: (H, W) or (H, W, channels).
        orientation: 1 to 8, the place of the first stored row and column in the picture (TIFF 6.0, page 36; EXIF 2.3).

    Raises:
        ValueError: an orientation that does not exist.
    """
    if not 1 <= orientation <= 8:
        raise ValueError(f"its orientation is {orientation}, expected 1 to 8")
    image = np.swapaxes(stored, 0, 1) if orientation in _TRANSPOSED else stored
    image = image[::-1] if orientation in _ROWS_REVERSED else image
    return image[:, ::-1] if orientation in _COLUMNS_REVERSED else image
