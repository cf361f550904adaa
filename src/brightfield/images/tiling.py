"""Large images in overlapping tiles, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.images.arrays import Image


def tiles(shape: Sequence[int], tile: int, overlap: int) -> list[tuple[slice, slice]]:
    """Squares of side ``tile`` that cover (H, W), evenly spread, neighbours sharing at least ``overlap`` pixels.

    Along an axis shorter than ``tile`` the one tile is as long as the axis.
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"0 <= overlap < tile, got overlap {overlap}, tile {tile}")
    rows, columns = (_spans(length, tile, overlap) for length in shape[:2])
    return [(row, column) for row in rows for column in columns]


def _spans(length: int, tile: int, overlap: int) -> list[slice]:
    if length <= tile:
        return [slice(0, length)]
    count = math.ceil((length - overlap) / (tile - overlap))
    starts = [i * (length - tile) // (count - 1) for i in range(count)]
    return [slice(start, start + tile) for start in starts]


class Stitcher:
    """Blend overlapping tiles into one (C, H, W) array: weights fall smoothly to (nearly) nothing at a tile's border.

    Where tiles agree the answer is what they agree on.
    """

    def __init__(self, shape: Sequence[int], channels: int) -> None:
        self._sum = np.zeros((channels, *shape[:2]), dtype=np.float32)
        self._weight = np.zeros(tuple(shape[:2]), dtype=np.float32)

    def add(self, where: tuple[slice, slice], values: npt.NDArray[np.floating[Any]]) -> None:
        """Add one tile, (C, h, w), at the slices that :func:`tiles` gave."""
        row, column = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in values.shape[1:])
        weight = np.outer(row, column).astype(np.float32)
        self._sum[(slice(None), *where)] += weight * values
        self._weight[where] += weight

    def result(self) -> npt.NDArray[np.float32]:
        """The blended (C, H, W); raises ValueError if a pixel was never covered."""
        if not (self._weight > 0).all():
            raise ValueError("some pixels are in no tile")
        return self._sum / self._weight


def pad_to_multiple(image: Image, multiple: int) -> tuple[Image, tuple[slice, slice]]:
    """(..., H, W) padded by reflection to multiples of ``multiple``, and the (rows, columns) that crop it back.

    Only the bottom and the right side grow, so positions keep their coordinates. The image may be smaller than its
    padding. Crop with ``padded[..., rows, columns]``.
    """
    height, width = image.shape[-2:]
    grow = [(0, 0)] * (image.ndim - 2) + [(0, -height % multiple), (0, -width % multiple)]
    return np.pad(image, grow, mode="reflect"), (slice(0, height), slice(0, width))
