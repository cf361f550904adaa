"""Split large images into overlapping tiles, and blend the tiles into one image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.images.arrays import Image


def tiles(shape: Sequence[int], tile: int, overlap: int, multiple: int = 1) -> list[tuple[slice, slice]]:
    """Evenly spaced tiles of at most ``tile`` px per side that cover (H, W); neighbours share at least ``overlap`` pixels.

    Their number is the smallest possible, and their size the smallest possible for that number. Along an axis shorter than
    ``tile`` there is one tile as long as the axis.

    Args:
        shape: (H, W), multiples of ``multiple``.
        tile: the longest side, and at least ``overlap`` + ``multiple``.
        overlap: in pixels; rounded up to a multiple of ``multiple``.
        multiple: every tile begins and ends at a multiple of it. A network that halves the resolution sees the same coarse pixels
            in a tile as in the whole image only if the tile begins at a multiple of its coarsest pixel.
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"expected 0 <= overlap < tile, got overlap {overlap}, tile {tile}")
    if any(length % multiple for length in shape[:2]):
        raise ValueError(f"expected height and width to be multiples of {multiple}, got {tuple(shape[:2])}")
    rows, columns = (_spans(length, tile, overlap, multiple) for length in shape[:2])
    return [(row, column) for row in rows for column in columns]


def _spans(length: int, tile: int, overlap: int, multiple: int) -> list[slice]:
    if length <= tile:
        return [slice(0, length)]
    length, tile, overlap = length // multiple, tile // multiple, math.ceil(overlap / multiple)
    if tile <= overlap:
        raise ValueError(
            f"expected a tile longer than its overlap, in units of {multiple} px, got {tile} and {overlap}"
        )
    count = math.ceil((length - overlap) / (tile - overlap))
    tile = math.ceil((length + (count - 1) * overlap) / count)
    starts = [i * (length - tile) // (count - 1) for i in range(count)]
    return [slice(start * multiple, (start + tile) * multiple) for start in starts]


class Stitcher:
    """Blend overlapping tiles into one (C, H, W) array: the weight of a tile falls smoothly to almost zero at its border.

    Where tiles agree, the result is their common value. At the border of the whole array, where there is only one tile, every
    pixel counts.

    Args:
        shape: (H, W) of the whole array.
        channels: C.
        margin: pixels along the inner borders of a tile that get no weight, because the network saw them without their
            surroundings. Neighbours overlap by more than twice as much.
    """

    def __init__(self, shape: Sequence[int], channels: int, margin: int = 0) -> None:
        self._margin = margin
        self._sum = np.zeros((channels, *shape[:2]), dtype=np.float32)
        self._weight = np.zeros(tuple(shape[:2]), dtype=np.float32)

    def add(self, where: tuple[slice, slice], values: npt.NDArray[np.floating[Any]]) -> None:
        """Add one tile, (C, h, w), at the slices that :func:`tiles` gave."""
        row, column = (
            _weights(span, length, self._margin) for span, length in zip(where, self._weight.shape, strict=True)
        )
        weight = np.outer(row, column).astype(np.float32)
        self._sum[(slice(None), *where)] += weight * values
        self._weight[where] += weight

    def result(self) -> npt.NDArray[np.float32]:
        """The blended (C, H, W); raises ValueError if a pixel was never covered."""
        if not (self._weight > 0).all():
            raise ValueError("some pixels are in no tile")
        self._sum /= self._weight
        return self._sum


def _weights(span: slice, length: int, margin: int) -> npt.NDArray[np.float64]:
    """Weight of each pixel of a tile along one axis: zero in the margins, largest in the middle."""
    begin = 0 if span.start == 0 else margin
    end = span.stop - span.start - (0 if span.stop == length else margin)
    weights = np.zeros(span.stop - span.start)
    weights[begin:end] = np.sin(np.pi * (np.arange(end - begin) + 0.5) / max(end - begin, 1)) ** 2
    return weights


def pad_to_multiple(image: Image, multiple: int) -> tuple[Image, tuple[slice, slice]]:
    """(..., H, W) padded by reflection to multiples of ``multiple``, and the (rows, columns) that crop it back.

    Only the bottom and the right side grow, so positions keep their coordinates. The image may be smaller than its
    padding. Crop with ``padded[..., rows, columns]``.
    """
    height, width = image.shape[-2:]
    grow = [(0, 0)] * (image.ndim - 2) + [(0, -height % multiple), (0, -width % multiple)]
    return np.pad(image, grow, mode="reflect"), (slice(0, height), slice(0, width))
