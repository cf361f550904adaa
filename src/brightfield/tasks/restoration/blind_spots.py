"""Pixels hidden from a network that learns to foretell them from those around: a blind spot (Krull, Buchholz and Jug, CVPR 2019).

Where the noise of a pixel tells nothing of its neighbours' noise, the best guess of a hidden noisy pixel is its clean value. So a
network that is asked for hidden pixels learns to denoise from noisy images alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

# One pixel in so many along each axis is hidden, on a grid whose place is drawn anew (Batson and Royer, ICML 2019): hidden pixels
# are no neighbours, and a short training gets more to learn from each image than with the 0.2% of the first paper.
SPACING_PX = 3
AROUND_PX = 2  # a hidden pixel shows the median of those at most so far from it


def hide(image: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Hide a grid of pixels.

    A hidden pixel shows the median of the 5x5 around without the pixel itself, which leaves less of a checkerboard in the answers
    than the value of a neighbour does (N2V2: Hoeck, Buchholz, Brachmann, Jug and Freytag, ECCV workshops 2022).

    Args:
        image: (H, W).
        rng: where the grid lies.

    Returns:
        The image with pixels hidden, and (H, W) with 1 where they are and 0 elsewhere.
    """
    side = 2 * AROUND_PX + 1
    top, left = rng.integers(SPACING_PX, size=2)
    grid = np.s_[min(top, image.shape[0] - 1) :: SPACING_PX, min(left, image.shape[1] - 1) :: SPACING_PX]
    # nothing is mirrored at the border: a pixel near it would come back as its own neighbour
    padded = np.pad(image, AROUND_PX, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))[grid]
    around = np.delete(windows.reshape(*windows.shape[:2], side**2), side**2 // 2, axis=2)
    seen, hidden = image.copy(), np.zeros_like(image)
    seen[grid] = _median(around)
    hidden[grid] = 1
    return seen, hidden


def _median(values: FloatArray) -> FloatArray:
    """Over the last axis, of what is not nan; 0 of nothing. numpy's own is many times slower on short axes."""
    ordered = np.sort(values, axis=-1)  # nan comes last
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(place, 0), axis=-1) for place in ((count - 1) // 2, count // 2))
    return np.where(count > 0, (low + high) / 2, 0)[..., 0].astype(np.float32)
