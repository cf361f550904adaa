"""How far a model agrees with itself on a field of cells: the product of four numbers from 0 to 1.

- The Dice coefficient of its cells that the model lets expect by its own probabilities, see :func:`expected_dice`. It is low where
  cells are half seen.
- The Dice coefficient of its cells and of those that it finds in the same field mirrored and made smaller.
- The mean probability of the most probable class within its cells, in the field and in that view of it: low where contours are not
  clear.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.tasks.doubts import SHRUNK, SIDE_PX, UNSEEN, Doubts
from brightfield.tasks.visibility import shows_structure

FloatArray = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
See = Callable[[images.Image], tuple[Labels, FloatArray]]

LEAST_PX = 32  # shorter sides are not made smaller

# A threshold has no probabilities, and answers every view nearly in the same way, right or wrong. Of the least probability of the
# most probable class, and of what an agreement is worth above it: measured with a local threshold on half of the images below.
HARD, HARD_SHARE, HARD_POWER = 0.999, 0.5, 6

# Measured on 19 labelled images of 15 acquisitions (Omnipose, ColiCoords, mbl_pboc, MEDUSSA), each as it is and in 12 changed
# forms: 0.5 to 2 times as large, out of focus, noisy, with reversed contrast, uneven light or a gamma of 2.5; by two networks that
# had seen simulations only. The mean error falls with the agreement in the same way on either half of the acquisitions.
DOUBTS = Doubts(
    agreement=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0),
    error=(0.97, 0.84, 0.78, 0.71, 0.60, 0.42, 0.36, 0.28, 0.12, 0.05),
    limit=0.5,
    measure="1 - the mean of Dice and AP50",
)


def of_field(cells: Labels, probabilities: FloatArray, image: images.Image, see: See) -> float:
    """The agreement of a model with itself on one field, 0 to 1.

    Args:
        cells: (H, W) numbers of the cells that it found, 0 is background.
        probabilities: (3, H, W) of background, body and contour.
        image: (H, W) or (H, W, C), as the model takes it.
        see: the model: from an image to cells and probabilities.

    Returns:
        The product, or what it is worth of a method without probabilities. Without any cell 0 where the field shows structure, and
        ``UNSEEN`` where it shows none.
    """
    window = images.busiest(image, SIDE_PX)
    seen, found, known = image[window], cells[window] > 0, probabilities[(slice(None), *window)]
    if not found.any():
        return 0.0 if shows_structure(seen) else UNSEEN
    view = np.flip(seen, axis=1)
    smaller = images.magnified(view, SHRUNK) if min(view.shape[:2]) >= LEAST_PX else view
    again, other = see(smaller)
    back = images.nearest(np.flip(again, axis=1), found.shape) > 0
    certain = images.nearest(np.flip(other.max(axis=0), axis=1), found.shape)
    sure = known.max(axis=0)
    product = expected_dice(found, 1 - known[0]) * dice(found, back) * float(sure[found].mean() * certain[found].mean())
    return HARD_SHARE * product**HARD_POWER if sure.min() > HARD else product


def dice(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """The Dice coefficient of two masks (H, W); 1 for two empty ones."""
    both = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / both if both else 1.0


def expected_dice(mask: npt.NDArray[np.bool_], probability: FloatArray) -> float:
    """The Dice coefficient of a mask (H, W) that the probability of cells (H, W) lets expect; 1 for none of both."""
    both = float(mask.sum()) + float(probability.sum())
    return 2 * float(probability[mask].sum()) / both if both else 1.0
