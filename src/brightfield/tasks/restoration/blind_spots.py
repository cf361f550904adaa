"""Blind spots: pixels hidden from a network that learns to predict them from their neighbours (Krull, Buchholz and Jug, CVPR 2019).

If the noise of neighbouring pixels is independent, the best prediction of a hidden noisy pixel is its clean value. So a network
that predicts hidden pixels learns to denoise from noisy images alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

# Spacing of the grid of hidden pixels, whose offset is drawn for each sample (Batson and Royer, ICML 2019): hidden pixels are not
# neighbours, and a short training learns more from each image than with the 0.2% of hidden pixels of the first paper.
SPACING_PX = 3
AROUND_PX = 2  # half-width of the neighbourhood whose median replaces a hidden pixel


def hide(image: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Hide a grid of pixels.

    A hidden pixel is replaced by the median of its 5x5 neighbourhood without itself, which leaves less of a checkerboard in the
    answers than the value of a neighbour (N2V2: Hoeck, Buchholz, Brachmann, Jug and Freytag, ECCV workshops 2022).

    Args:
        image: (H, W).
        rng: random generator for the offset of the grid.

    Returns:
        The image with hidden pixels, and their mask, (H, W) with 1 where a pixel is hidden and 0 elsewhere.
    """
    side = 2 * AROUND_PX + 1
    top, left = rng.integers(SPACING_PX, size=2)
    grid = np.s_[min(top, image.shape[0] - 1) :: SPACING_PX, min(left, image.shape[1] - 1) :: SPACING_PX]
    # no mirroring at the border: a pixel near it would become its own neighbour
    padded = np.pad(image, AROUND_PX, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))[grid]
    around = np.delete(windows.reshape(*windows.shape[:2], side**2), side**2 // 2, axis=2)
    seen, hidden = image.copy(), np.zeros_like(image)
    seen[grid] = _median(around)
    hidden[grid] = 1
    return seen, hidden


def _median(values: FloatArray) -> FloatArray:
    """The median over the last axis without nan; 0 if all are nan. numpy.nanmedian is many times slower on short axes."""
    ordered = np.sort(values, axis=-1)  # nan comes last
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(place, 0), axis=-1) for place in ((count - 1) // 2, count // 2))
    return np.where(count > 0, (low + high) / 2, 0)[..., 0].astype(np.float32)
