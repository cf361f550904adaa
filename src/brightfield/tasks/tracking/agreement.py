"""How far a model agrees with itself on a frame: the share of beads found again in a changed view, times their mean quality."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.metrics import tracking
from brightfield.results import Points
from brightfield.tasks.doubts import SHRUNK, SIDE_PX, UNSEEN, Doubts
from brightfield.tasks.visibility import shows_structure

Positions = npt.NDArray[np.float64]
Find = Callable[[images.Image], Positions]

LEAST_PX = 32  # shorter sides are not made smaller

# Measured on simulated movies, whose truth is exact: the usual ones, each shift suite and 24 of the variety wide, each frame as it
# is and in 7 changed forms (0.5 and 2 times as large, out of focus, noisy, with reversed contrast), by two networks that had seen
# the usual ones only. The curves of either half of the movies are within 0.1 of each other.
DOUBTS = Doubts(
    agreement=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    error=(0.97, 0.95, 0.8, 0.69, 0.5, 0.43, 0.37, 0.21, 0.11, 0.06, 0.03),
    limit=0.5,
    measure="1 - F1 of the beads",
)


def of_frame(points: Points, image: images.Image, find: Find, tolerance_px: float) -> float:
    """The agreement of a model with itself on one frame, 0 to 1.

    Args:
        points: the beads that it found.
        image: (H, W) or (H, W, C), as the model takes it.
        find: the model: from an image to positions (N, 2), columns x and y in pixels.
        tolerance_px: largest distance of the same bead in both.

    Returns:
        The product. Without any bead 0 where the frame shows structure, and ``UNSEEN`` where it shows none.
    """
    rows, columns = images.busiest(image, SIDE_PX)
    seen = image[rows, columns]
    height, width = seen.shape[:2]
    shifted = points.positions - (columns.start, rows.start)
    inside = ((shifted >= -0.5) & (shifted < (width - 0.5, height - 0.5))).all(axis=1)
    found, quality = shifted[inside], points.quality[inside]
    if not len(found):
        return 0.0 if shows_structure(seen) else UNSEEN
    view = np.flip(seen, axis=1)
    smaller = images.magnified(view, SHRUNK) if min(height, width) >= LEAST_PX else view
    back = to_original(find(smaller), smaller.shape[:2], (height, width))
    return same_share(found, back, tolerance_px) * float(quality.mean())


def to_original(positions: Positions, of_view: tuple[int, ...], shape: tuple[int, int]) -> Positions:
    """Positions (N, 2) in a view of another size that was mirrored from left to right, in the image of ``shape`` (H, W) itself."""
    scale = np.array([shape[1] / of_view[1], shape[0] / of_view[0]])
    upright = np.column_stack([of_view[1] - 1 - positions[:, 0], positions[:, 1]])
    return np.asarray((upright + 0.5) * scale - 0.5)


def same_share(first: Positions, second: Positions, tolerance_px: float) -> float:
    """Twice the number of pairs within the tolerance over the number of all positions (N, 2) and (M, 2); 1 for none of both."""
    both = len(first) + len(second)
    return 2 * len(tracking.match(first, second, tolerance_px)[0]) / both if both else 1.0
