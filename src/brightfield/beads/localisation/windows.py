"""Windows around beads: cutting, separation from other beads, and correction of uneven light."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Real = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]


def corners(positions: Real, side: int) -> Ints:
    """The first pixel, column and row (N, 2), of the window of ``side`` (odd) px around each position."""
    first: Ints = np.rint(positions).astype(np.intp) - side // 2
    return first


def cut(frame: npt.NDArray[Any], first: Ints, side: int) -> tuple[Single, Single | None]:
    """Windows (N, side, side) of a frame (H, W), float32, and their gates: 1 inside the frame and 0 beyond it.

    Pixels beyond the frame repeat its edge. The gates are None where no window reaches beyond.
    """
    height, width = frame.shape
    span = np.arange(side)
    rows, columns = first[:, 1, None] + span, first[:, 0, None] + span
    seen_rows, seen_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    whole = seen_rows.all(axis=1) & seen_columns.all(axis=1)
    windows = np.empty((len(first), side, side), dtype=np.float32)
    if whole.any():  # slices are faster than an index of every pixel
        windows[whole] = sliding_window_view(frame, (side, side))[first[whole, 1], first[whole, 0]]
    beyond = ~whole
    clipped = np.clip(rows[beyond], 0, height - 1)[:, :, None], np.clip(columns[beyond], 0, width - 1)[:, None, :]
    windows[beyond] = frame[clipped]
    if seen_rows.all() and seen_columns.all():
        return windows, None
    return windows, (seen_rows[:, :, None] & seen_columns[:, None, :]).astype(np.float32)


def territories(positions: Real, first: Ints, side: int) -> Single:
    """Gates (N, side, side): 1 where a pixel is nearer to its own window's bead than to any other of the frame."""
    span = np.arange(side)
    gates = np.ones((len(positions), side, side), dtype=np.float32)
    for n, (own, (left, top)) in enumerate(zip(positions, first, strict=True)):
        near = np.hypot(*(positions - own).T) < 2 * side
        near[n] = False
        y, x = (top + span)[:, None], left + span
        distance = (x - own[0]) ** 2 + (y - own[1]) ** 2
        for other in positions[near]:
            gates[n] *= distance <= (x - other[0]) ** 2 + (y - other[1]) ** 2
    return gates


def flatten(windows: npt.ArrayLike, camera_offset: float = 0.0) -> Single:
    """Divide windows (N, H, W) by their uneven light, to which the contrast in counts is proportional.

    The light is a plane fitted to the edge of a window; its mean stays as it is.

    Args:
        windows: (N, H, W).
        camera_offset: counts without light.
    """
    pixels = np.asarray(windows, dtype=np.float32) - np.float32(camera_offset)
    height, width = pixels.shape[1:]
    y, x = np.meshgrid(np.linspace(-0.5, 0.5, height), np.linspace(-0.5, 0.5, width), indexing="ij")
    planes = np.stack([np.ones(x.size), x.ravel(), y.ravel()])
    edge = np.ones((height, width), dtype=np.bool_)
    margin = max(min(height, width) // 16, 1)
    edge[margin:-margin, margin:-margin] = False
    solved = np.linalg.pinv(planes[:, edge.ravel()].T) @ pixels[:, edge].T.astype(np.float64)
    mean = np.where(solved[0] == 0, 1.0, solved[0])
    light = np.clip((solved / mean).T @ planes, 0.05, None).reshape(pixels.shape)
    return (pixels / light + camera_offset).astype(np.float32)
