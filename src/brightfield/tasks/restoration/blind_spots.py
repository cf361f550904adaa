"""Blind spots: pixels hidden from a network that learns to predict them from their neighbours (Krull, Buchholz and Jug, CVPR 2019).

If the noise of neighbouring pixels is independent, the best prediction of a hidden noisy pixel is its clean value. So a network
that predicts hidden pixels learns to denoise from noisy images alone. Where the noise of a row, or of a column, is alike (stripes),
all of it is hidden (Broaddus, Krull, Weigert, Schmidt and Myers, ISBI 2020).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Spacing of the grid of hidden pixels, whose offset is drawn for each sample (Batson and Royer, ICML 2019): hidden pixels are not
# neighbours, and a short training learns more from each image than with the 0.2% of hidden pixels of the first paper.
SPACING_PX = 3
AROUND_PX = 2  # half-width of the neighbourhood whose median replaces a hidden pixel
SIDES = range(2 * AROUND_PX + 1)
# rows and columns of the neighbours, in an image that is padded by AROUND_PX
AROUND = [(y, x) for y in SIDES for x in SIDES if (y, x) != (AROUND_PX, AROUND_PX)]
OTHER_ROWS = [(y, x) for y, x in AROUND if y != AROUND_PX]

Mask = Literal["pixel", "row", "column"]
MASKS: dict[str, Mask] = {mask: mask for mask in get_args(Mask)}


def hide(images: Tensor, rng: np.random.Generator, mask: Mask = "pixel") -> tuple[Tensor, Tensor]:
    """Hide a grid of pixels of each image, or every few of its rows or columns.

    A hidden pixel is replaced by the median of its 5x5 neighbourhood without itself, which leaves less of a checkerboard in the
    answers than the value of a neighbour (N2V2: Hoeck, Buchholz, Brachmann, Jug and Freytag, ECCV workshops 2022). Of a hidden row
    or column the neighbourhood is without all of it.

    Args:
        images: (N, 1, H, W).
        rng: random generator for the offsets of the grids.
        mask: what is hidden with a pixel, because its noise is like the pixel's.

    Returns:
        The images with hidden pixels, and their masks, (N, 1, H, W) with 1 where a pixel is hidden and 0 elsewhere.
    """
    if mask == "column":
        seen, hidden = hide(images.mT, rng, "row")
        return seen.mT.contiguous(), hidden.mT.contiguous()
    rows, columns = (_grid(rng, len(images), side).to(images.device) for side in images.shape[-2:])
    allowed = AROUND
    if mask == "row":
        columns = torch.arange(images.shape[-1], device=images.device).expand(len(images), -1)
        allowed = OTHER_ROWS
    rows, columns = rows[:, :, None], columns[:, None, :]
    which = torch.arange(len(images), device=images.device)[:, None, None]
    # no mirroring at the border: a pixel near it would become its own neighbour
    padded = F.pad(images[:, 0], [AROUND_PX] * 4, value=torch.nan)
    shifts = torch.tensor(allowed, device=images.device)
    around = padded[which[..., None], rows[..., None] + shifts[:, 0], columns[..., None] + shifts[:, 1]]
    seen, hidden = images.clone(), torch.zeros_like(images)
    seen[which, 0, rows, columns] = _median(around)
    hidden[which, 0, rows, columns] = 1
    return seen, hidden


def _grid(rng: np.random.Generator, count: int, side: int) -> Tensor:
    """Rows, or columns, of the hidden pixels of each image; the last occurs twice where a grid has one fewer than others."""
    first = np.minimum(rng.integers(SPACING_PX, size=(count, 1)), side - 1)
    places = first + SPACING_PX * np.arange(-(-side // SPACING_PX))
    return torch.from_numpy(np.where(places < side, places, places - SPACING_PX))


def _median(values: Tensor) -> Tensor:
    """The median over the last axis without nan, the mean of the middle two if they are even in number; 0 if all are nan."""
    ordered = _sorted(values)  # nan comes last
    count = values.isfinite().sum(dim=-1, keepdim=True)
    low, high = (ordered.gather(-1, place.clamp(min=0)) for place in ((count - 1) // 2, count // 2))
    return torch.where(count > 0, (low + high) / 2, 0.0)[..., 0]


def _sorted(values: Tensor) -> Tensor:
    if values.device.type == "cpu":  # numpy sorts short rows seven times as fast as torch
        return torch.from_numpy(np.sort(values.numpy(), axis=-1))
    return values.sort(dim=-1).values
