"""Conversion between regions of pixels and their outlines, as ImageJ's selections hold them.

As in ImageJ, (0, 0) of an outline is the top left corner of the first pixel (not its centre), x is the column, and a pixel
belongs to a region if its centre, (column + 0.5, row + 0.5), lies inside. So an outline along the edges of pixels is converted
back to the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError

MAX_CROSSINGS = 20_000_000  # maximum number of crossings of edges and rows: limits the cost of a hostile outline

Outline = npt.NDArray[np.float64]  # (N, 2) x and y, closed


def fill(outlines: Sequence[npt.NDArray[np.floating]], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Fill outlines: (H, W), True inside by the even-odd rule over all outlines together; parts outside the image are cut off.

    Args:
        outlines: each (N, 2) x and y, finite; the last point is joined to the first.
        shape: (H, W) of the image.

    Raises:
        BrightfieldError: an outline is too long to fill.
    """
    height, width = shape
    inside = np.zeros((height, width + 1), dtype=np.bool_)
    for outline in outlines:
        start = np.asarray(outline, dtype=np.float64)
        end = np.roll(start, -1, axis=0)
        # the rows whose centre line an edge crosses: low <= row + 0.5 < high, so that a shared end counts once
        low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
        first, last = (np.clip(np.ceil(y - 0.5), 0, height).astype(np.int64) for y in (low, high))
        count = last - first
        if count.sum() > MAX_CROSSINGS:
            raise BrightfieldError("an outline is too long to be filled")
        edge = np.repeat(np.arange(len(start)), count)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        slope = (end[edge, 0] - start[edge, 0]) / (end[edge, 1] - start[edge, 1])
        x = start[edge, 0] + (row + 0.5 - start[edge, 1]) * slope
        column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)  # the first centre at or beyond the crossing
        np.logical_xor.at(inside, (row, column), True)
    return np.logical_xor.accumulate(inside, axis=1)[:, :width]


def fill_window(outlines: Sequence[Outline], shape: tuple[int, int]) -> tuple[slice, slice, npt.NDArray[np.bool_]]:
    """Rows and columns of the bounding box of the outlines within the image, and :func:`fill` of that box."""
    points = np.concatenate([*outlines, np.empty((0, 2))])
    if not np.isfinite(points).all():
        raise BrightfieldError("an outline has coordinates that are not finite")
    if len(points) == 0:
        return slice(0, 0), slice(0, 0), np.zeros((0, 0), dtype=np.bool_)
    left, top = (max(0, math.floor(value)) for value in points.min(axis=0))
    right, bottom = (min(side, math.ceil(value)) for side, value in zip(shape[::-1], points.max(axis=0), strict=True))
    box = (max(0, bottom - top), max(0, right - left))
    inside = fill([outline - (left, top) for outline in outlines], box)
    return slice(top, top + box[0]), slice(left, left + box[1]), inside


def trace(mask: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.int64]]:
    """Trace the outlines of a region along the edges of its pixels: each (N, 2) corners x and y; holes and parts are separate.

    ``fill(trace(mask), mask.shape)`` equals the mask.
    """
    edges = _directed_edges(mask)
    outlines = []
    while edges:
        start = here = next(iter(edges))
        corners, before = [], (0, 0)
        while True:
            ends = edges[here]
            there = ends.pop()
            if not ends:
                del edges[here]
            step = (there[0] - here[0], there[1] - here[1])
            if step != before:
                corners.append(here)
            before, here = step, there
            if here == start:
                break
        outlines.append(np.array(corners, dtype=np.int64))
    return outlines


def _directed_edges(mask: npt.NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Map each corner to the next ones, with the region on the right; there are two where pixels touch at a corner."""
    padded = np.pad(mask, 1).astype(np.int8)
    across, down = np.diff(padded, axis=0)[:, 1:-1], np.diff(padded, axis=1)[1:-1]
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for y, x in np.argwhere(across).tolist():  # the edge above pixel (y, x)
        one, other = ((x, y), (x + 1, y)) if across[y, x] > 0 else ((x + 1, y), (x, y))
        edges.setdefault(one, []).append(other)
    for y, x in np.argwhere(down).tolist():  # the edge left of pixel (y, x)
        one, other = ((x, y + 1), (x, y)) if down[y, x] > 0 else ((x, y), (x, y + 1))
        edges.setdefault(one, []).append(other)
    return edges
