"""The part of an image that stands for the whole where only a part is looked at."""

from __future__ import annotations

import numpy as np

from brightfield.images.arrays import Image

BLOCKS = 64  # number of blocks per side of a window, in which structure is measured
Window = tuple[slice, slice]


def busiest(image: Image, side: int) -> Window:
    """The window of up to ``side`` pixels a side with the most structure: a field may show something in a corner only.

    Args:
        image: (H, W) or (H, W, C), with structure in the first channel.
        side: of the window, in pixels.

    Returns:
        Rows and columns; the whole image where it is no larger.
    """
    light = image if image.ndim == 2 else image[..., 0]
    step = max(1, side // BLOCKS)
    rows, columns = (length // step for length in light.shape)
    if max(light.shape) <= side or not rows or not columns:
        return slice(0, light.shape[0]), slice(0, light.shape[1])
    blocks = light[: rows * step, : columns * step].astype(np.float32).reshape(rows, step, columns, step)
    structure = blocks.std(axis=(1, 3)) if step > 1 else np.abs(blocks[:, 0, :, 0] - blocks.mean())
    total = np.pad(structure, ((1, 0), (1, 0))).cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    high, wide = (min(side // step, blocks_of) for blocks_of in (rows, columns))
    sums = total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide]
    top, left = (int(place) * step for place in np.unravel_index(sums.argmax(), sums.shape))
    return slice(top, min(top + side, light.shape[0])), slice(left, min(left + side, light.shape[1]))
