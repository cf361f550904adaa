"""Pyramids of tiles, by the convention of Deep Zoom: the last level is the image, each one before it half as large.

A tile is computed when a browser asks for it, from 16 bits or floats, so that contrast is stretched without loss.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.results.outlines import outermost

TILE_PX = 512
CHANNELS = "rgb"  # of a colour image, in order
PERCENT = (0.2, 99.8)  # of the pixels lie between black and white at first
EMPTY = (0, 0, 0, 0)  # RGBA of what has no colour
FILL_ALPHA = 0.45  # of a filled cell, beside its outline


def last_level(shape: tuple[int, ...]) -> int:
    """The number of the level with the image itself; at level 0 it is one pixel."""
    return math.ceil(math.log2(max(shape[:2])))


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image with grey values or colours.

    Attributes:
        pixels: (H, W) or (H, W, 3), any type of number.
    """

    pixels: npt.NDArray[Any]
    _smaller: dict[int, npt.NDArray[Any]] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def nbytes(self) -> int:
        """Of the image, and of what is smaller: a third as many values, of four bytes."""
        return int(self.pixels.nbytes + 4 * self.pixels.size // 3)

    @cached_property
    def black_and_white(self) -> tuple[float, float]:
        """The values that are shown black and white at first; of bytes with colours 0 and 255."""
        if self.pixels.ndim == 3 and self.pixels.dtype == np.uint8:
            return 0.0, 255.0
        step = max(1, self.pixels.shape[0] * self.pixels.shape[1] // 250_000)  # enough of them for percentiles
        some = self.pixels.reshape(-1, *self.pixels.shape[2:])[::step]
        black, white = (float(value) for value in np.nanpercentile(some, PERCENT))
        return black, white if white > black else black + 1.0

    @property
    def is_colour(self) -> bool:
        """Whether it has channels."""
        return self.pixels.ndim == 3

    def tile(
        self, level: int, x: int, y: int, black: float, white: float, channels: str = CHANNELS
    ) -> npt.NDArray[np.uint8]:
        """A tile, (h, w) or (h, w, 3): at most ``TILE_PX`` on a side.

        Args:
            level: of the pyramid.
            x, y: of the tile, from the left and from the top.
            black, white: the values that become 0 and 255.
            channels: of a colour image those that are shown, of ``CHANNELS``: one alone in grey.

        Raises:
            ValueError: there is no such tile, or no such channel.
        """
        if not channels or not set(channels) <= set(CHANNELS):
            raise ValueError(f"expected channels of {CHANNELS}, got {channels}")
        whole = self._level(_factor(level, self.shape))
        part = whole[_window(y, whole.shape[0]), _window(x, whole.shape[1])].astype(np.float64)
        stretched = (part - black) * (255 / (white - black if white != black else 1.0))
        shown = np.nan_to_num(stretched).clip(0, 255).round().astype(np.uint8)
        if not self.is_colour or set(channels) == set(CHANNELS):
            return shown
        wanted = [CHANNELS.index(each) for each in CHANNELS if each in channels]
        if len(wanted) == 1:
            return np.ascontiguousarray(shown[..., wanted[0]])
        shown[..., [i for i in range(shown.shape[2]) if i not in wanted]] = 0
        return shown

    def _level(self, factor: int) -> npt.NDArray[Any]:
        if factor == 1:
            return self.pixels
        if factor not in self._smaller:
            self._smaller[factor] = _halved(self._level(factor // 2))
        return self._smaller[factor]

    def profile(self, begin: tuple[float, float], end: tuple[float, float]) -> npt.NDArray[np.float64]:
        """Values along a line between two points (x, y) in pixels, (N,) or (N, 3), about one a pixel, linear between centres."""
        length = min(math.hypot(end[0] - begin[0], end[1] - begin[1]), 2.0 * sum(self.shape))
        count = max(2, math.ceil(length) + 1)
        x, y = (np.linspace(begin[axis], end[axis], count).clip(0, self.shape[1 - axis] - 1) for axis in (0, 1))
        column, row = (np.floor(each).astype(np.intp) for each in (x, y))
        right, below = np.minimum(column + 1, self.shape[1] - 1), np.minimum(row + 1, self.shape[0] - 1)
        rest_x, rest_y = (
            (each - place).reshape(-1, *[1] * (self.pixels.ndim - 2)) for each, place in ((x, column), (y, row))
        )
        above = self.pixels[row, column] * (1 - rest_x) + self.pixels[row, right] * rest_x
        return np.asarray(
            above * (1 - rest_y)
            + (self.pixels[below, column] * (1 - rest_x) + self.pixels[below, right] * rest_x) * rest_y
        )


@dataclass(frozen=True, eq=False)
class Cells:
    """Numbered cells, each with a colour.

    Attributes:
        instances: (H, W) int32, 0 or less for none.
        colours: RGB of each cell by its number; entry 0 is unused.
    """

    instances: npt.NDArray[np.int32]
    colours: Sequence[tuple[int, int, int]]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.instances.shape[0], self.instances.shape[1]

    @property
    def nbytes(self) -> int:
        """Of the numbers; smaller levels are views."""
        return self.instances.nbytes

    @cached_property
    def _palette(self) -> npt.NDArray[np.uint8]:
        known = np.asarray(self.colours, dtype=np.uint8).reshape(-1, 3)
        palette = np.full((max(len(known), int(self.instances.max(initial=0)) + 1), 4), 255, dtype=np.uint8)
        palette[: len(known), :3] = known
        palette[0] = EMPTY
        return palette

    def tile(self, level: int, x: int, y: int, fills: bool) -> npt.NDArray[np.uint8]:
        """A tile, (h, w, 4): outlines one pixel of the level wide, and with ``fills`` what is within, more transparent.

        Raises:
            ValueError: there is no such tile.
        """
        factor = _factor(level, self.shape)
        whole = np.maximum(self.instances[::factor, ::factor], 0)
        rows, columns = (_window(place, size) for place, size in ((y, whole.shape[0]), (x, whole.shape[1])))
        around = tuple(
            slice(max(0, each.start - 1), each.stop + 1) for each in (rows, columns)
        )  # neighbours of the tile's border
        numbers = whole[around]
        edge = outermost(numbers)[rows.start - around[0].start :, columns.start - around[1].start :]
        height, width = (
            min(each.stop, size) - each.start for each, size in zip((rows, columns), whole.shape, strict=True)
        )
        edge, inner = edge[:height, :width], whole[rows, columns]
        coloured = self._palette[inner]
        coloured[~edge, 3] = np.where(inner[~edge] > 0, round(255 * FILL_ALPHA) if fills else 0, 0)
        return coloured


Picture = Photograph | Cells


def _factor(level: int, shape: tuple[int, ...]) -> int:
    """By how much the image of a level is smaller."""
    last = last_level(shape)
    if not 0 <= level <= last:
        raise ValueError(f"expected a level from 0 to {last}, got {level}")
    return int(2 ** (last - level))


def _window(place: int, size: int) -> slice:
    if not 0 <= place * TILE_PX < size:
        raise ValueError(f"expected a tile from 0 to {(size - 1) // TILE_PX}, got {place}")
    return slice(place * TILE_PX, (place + 1) * TILE_PX)


def _halved(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Means of two times two pixels; at the end of an odd side of those that there are."""
    odd = [(0, image.shape[0] % 2), (0, image.shape[1] % 2), *[(0, 0)] * (image.ndim - 2)]
    even = (
        np.pad(image, odd, mode="edge").astype(np.float32) if any(pad for _, pad in odd) else image.astype(np.float32)
    )
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / np.float32(4)


def as_png(tile: npt.NDArray[np.uint8]) -> bytes:
    """A tile as PNG, written quickly rather than small: it goes no further than this machine's browser."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(tile).save(file, "PNG", compress_level=1)
    return file.getvalue()
