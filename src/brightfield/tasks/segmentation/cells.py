"""Cells from the probabilities of classes, by a watershed that respects contours, and the species of each cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield.tasks.segmentation.masks import BODY, PARTS

FOREGROUND = 0.5  # probability of not being background above which a pixel belongs to cells
MIN_SEED_PX = 8  # smallest area of a seed: smaller ones are noise

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]


def instances_of(
    probabilities: Probabilities, classes: npt.NDArray[np.uint8], min_area_px: int, seed_probability: float = 0.0
) -> Labels:
    """Cells (H, W) int32 from the probabilities (3, H, W) of background, body and contour: seeds grown over their contours.

    Seeds are connected regions of bodies where the probability exceeds ``seed_probability``, so that two cells whose bodies touch
    in a few uncertain pixels are separated there. A body without such a region is a seed as a whole.
    """
    from skimage.segmentation import watershed

    bodies, count = ndimage.label(classes == BODY)
    if count == 0:
        return np.zeros(classes.shape, np.int32)
    seeds, _ = ndimage.label(_sure(bodies, count, probabilities[BODY] > seed_probability))
    foreground = (1 - probabilities[0] > FOREGROUND) | (bodies > 0)
    return large(watershed(-probabilities[BODY], seeds, mask=foreground), min_area_px)


def connected(inside: npt.NDArray[np.bool_], min_area_px: int) -> Labels:
    """Connected regions as cells; without a contour class, touching cells are not separated."""
    return large(ndimage.label(inside)[0], min_area_px)


def large(cells: npt.NDArray[np.int32], min_area_px: int) -> Labels:
    """The cells of at least ``min_area_px``, numbered from 1 without gaps."""
    enough = np.bincount(cells.ravel(), minlength=1) >= min_area_px
    enough[0] = False
    numbers = np.where(enough, np.cumsum(enough), 0).astype(np.int32)
    return np.asarray(numbers[cells])


def _sure(bodies: npt.NDArray[np.int32], count: int, likely: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The likely regions of bodies that are large enough, and whole bodies where there is no such region."""
    regions, _ = ndimage.label((bodies > 0) & likely)
    size = np.bincount(regions.ravel())
    size[0] = 0
    core = size[regions] >= MIN_SEED_PX
    has_core = np.zeros(count + 1, bool)
    has_core[bodies[core]] = True
    return np.asarray(core | ((bodies > 0) & ~has_core[bodies]))


def species_of(probabilities: Probabilities, cells: Labels) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """The species of each cell and its probability.

    A cell has one species, so pixels are averaged over the cell: the share of each species in the probability of foreground.

    Args:
        probabilities: (1 + 2 S, H, W) of background, then body and contour of each species.
        cells: (H, W), numbered from 1.

    Returns:
        Species from 1, (N + 1,) uint8, and probabilities, (N + 1,) float32; entries 0 are 0.
    """
    inside = cells > 0
    count = int(cells.max(initial=0))
    of_species = probabilities[1::PARTS, inside] + probabilities[2::PARTS, inside]  # (S, pixels)
    share = of_species / np.maximum(of_species.sum(axis=0), np.float32(1e-6))
    total = np.stack([np.bincount(cells[inside], weights=each, minlength=count + 1) for each in share])
    probability = total / np.maximum(total.sum(axis=0), 1e-6)
    species, certainty = probability.argmax(axis=0) + 1, probability.max(axis=0)
    species[0], certainty[0] = 0, 0
    return species.astype(np.uint8), certainty.astype(np.float32)
