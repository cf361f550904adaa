"""What a camera does to a picture before it is stored: a tone curve, sharpening and compression.

Pure functions of arrays (H, W, 3) uint8; 0 or 1, whichever does nothing, gives back the same array.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.ndimage import gaussian_filter

from brightfield.simulate.optics import Real

Picture = npt.NDArray[np.uint8]

SHARPENING_PX = 1.0  # standard deviation of the blur that sharpening takes off
BLOCK = 8  # px a side of a block of JPEG
STEEPNESS = 0.35  # growth of the step of a wave with its order: the tables of JPEG's standard grow about as fast
CHROMA = 2.0  # coarser steps for colour than for brightness
# Rows: luma and the two differences of colour of JPEG's standard (ITU-T T.871)
LUMA = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
COLOURS = np.linalg.inv(LUMA)


def toned(counts: Picture, gamma: float) -> Picture:
    """Apply the camera's tone curve."""
    if gamma == 1:
        return counts
    curve = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return curve[counts]


def sharpened(counts: Picture, factor: float) -> Picture:
    """Add detail ``factor`` times: an unsharp mask."""
    if factor == 0:
        return counts
    sharp = counts.astype(np.float32)
    return _rounded(
        sharp + factor * (sharp - gaussian_filter(sharp, (SHARPENING_PX, SHARPENING_PX, 0), mode="nearest"))
    )


def compressed(counts: Picture, step: float) -> Picture:
    """Lose what JPEG loses: waves in blocks of 8 px are rounded, to coarser steps the shorter they are and in colour.

    Args:
        counts: (H, W, 3) uint8.
        step: of the mean of a block, as in the tables of JPEG, where it is 16 at a quality of 50 and 3 at 90.
    """
    if step == 0:
        return counts
    height, width = counts.shape[:2]
    ends = [(0, -n % BLOCK) for n in (height, width)]
    padded = np.pad(counts.astype(np.float64), [*ends, (0, 0)], mode="edge")
    blocks = (padded @ LUMA.T).reshape(padded.shape[0] // BLOCK, BLOCK, padded.shape[1] // BLOCK, BLOCK, 3)
    order = np.add.outer(np.arange(BLOCK), np.arange(BLOCK))
    steps = (step * (1 + STEEPNESS * order))[:, None, :, None] * np.array([1, CHROMA, CHROMA])
    waves = scipy.fft.dctn(blocks, axes=(1, 3), norm="ortho", workers=1)
    kept = scipy.fft.idctn(np.rint(waves / steps) * steps, axes=(1, 3), norm="ortho", workers=1)
    return _rounded((kept.reshape(padded.shape) @ COLOURS.T)[:height, :width])


def _rounded(values: Real) -> Picture:
    rounded: Picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
