"""Class maps derived from instances: the one place that says what a contour is."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

BACKGROUND, BODY, CONTOUR = 0, 1, 2


def class_map(
    labels: npt.NDArray[np.int32], contour_px: float, species: npt.NDArray[np.uint8] | None = None
) -> npt.NDArray[np.uint8]:
    """The class of each pixel of an instance map.

    A cell's pixels within ``contour_px`` of anything else (between pixel centres) are contour: 2 px make it two pixels wide on
    each side of cells that touch. The border of the image is not an edge of a cell.

    Args:
        labels: (H, W) instances, 0 is background.
        contour_px: width of a contour in pixels, inside the cell.
        species: (labels.max() + 1,) the species of each instance, from 1; entry 0 is unused. None: all cells are alike.

    Returns:
        (H, W) uint8. Without species 3 classes: background 0, body 1, contour 2. With them 2 classes a species: the body of
        species s is 2 s - 1, its contour 2 s, so two species make 5.

    Raises:
        ValueError: an instance has no species.
    """
    reach = int(contour_px)
    padded = np.pad(labels, reach, mode="edge")
    edge = np.zeros(labels.shape, bool)
    for dy, dx in product(range(-reach, reach + 1), repeat=2):
        if 0 < dy * dy + dx * dx <= contour_px**2:
            moved = padded[reach + dy :, reach + dx :][: labels.shape[0], : labels.shape[1]]
            edge |= moved != labels
    classes = np.where(labels == 0, BACKGROUND, np.where(edge, CONTOUR, BODY)).astype(np.uint8)
    if species is None:
        return classes
    classes[labels > 0] += 2 * (_species_of(labels, species)[labels > 0] - 1).astype(np.uint8)
    return classes


def _species_of(labels: npt.NDArray[np.int32], species: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The species of each pixel, 0 for the background."""
    if labels.max(initial=0) >= len(species):
        raise ValueError(f"there is a species for each of {labels.max()} instances, got {len(species) - 1}")
    kinds: npt.NDArray[np.uint8] = species[labels]
    if (kinds[labels > 0] == 0).any():
        raise ValueError("the species of an instance is 1 or more, got 0")
    return kinds
