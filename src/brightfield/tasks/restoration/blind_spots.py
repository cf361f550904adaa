"""Blind spots: pixels hidden from a network that learns to predict them from their neighbours (Krull, Buchholz and Jug, CVPR 2019).

If the noise of neighbouring pixels is independent, the best prediction of a hidden noisy pixel is its clean value. So a network
that predicts hidden pixels learns to denoise from noisy images alone.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Spacing of the grid of hidden pixels, whose offset is drawn for each sample (Batson and Royer, ICML 2019): hidden pixels are not
# neighbours, and a short training learns more from each image than with the 0.2% of hidden pixels of the first paper.
SPACING_PX = 3
AROUND_PX = 2  # half-width of the neighbourhood whose median replaces a hidden pixel


def hide(images: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Hide a grid of pixels of each image.

    A hidden pixel is replaced by the median of its 5x5 neighbourhood without itself, which leaves less of a checkerboard in the
    answers than the value of a neighbour (N2V2: Hoeck, Buchholz, Brachmann, Jug and Freytag, ECCV workshops 2022).

    Args:
        images: (N, 1, H, W).
        rng: random generator for the offsets of the grids.

    Returns:
        The images with hidden pixels, and their masks, (N, 1, H, W) with 1 where a pixel is hidden and 0 elsewhere.
    """
    side = 2 * AROUND_PX + 1
    height, width = images.shape[-2:]
    offsets = np.minimum(rng.integers(SPACING_PX, size=(len(images), 2)), (height - 1, width - 1))
    around = [k for k in range(side**2) if k != side**2 // 2]
    # no mirroring at the border: a pixel near it would become its own neighbour
    padded = F.pad(images[:, 0], [AROUND_PX] * 4, value=torch.nan)
    windows = padded.unfold(1, side, 1).unfold(2, side, 1)
    seen, hidden = images.clone(), torch.zeros_like(images)
    for top, left in np.unique(offsets, axis=0):
        which = torch.from_numpy(np.flatnonzero((offsets == (top, left)).all(axis=1))).to(images.device)
        rows, columns = slice(int(top), None, SPACING_PX), slice(int(left), None, SPACING_PX)
        neighbours = windows[:, rows, columns][which].flatten(-2)[..., around]
        seen[which, 0, rows, columns] = _median(neighbours)
        hidden[which, 0, rows, columns] = 1
    return seen, hidden


def _median(values: Tensor) -> Tensor:
    """The median over the last axis without nan, the mean of the middle two if they are even in number; 0 if all are nan."""
    ordered = values.sort(dim=-1).values  # nan comes last
    count = values.isfinite().sum(dim=-1, keepdim=True)
    low, high = (ordered.gather(-1, place.clamp(min=0)) for place in ((count - 1) // 2, count // 2))
    return torch.where(count > 0, (low + high) / 2, 0.0)[..., 0]
