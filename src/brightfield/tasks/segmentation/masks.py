"""Class maps derived from instances and species: the definition of contours, and the numbers of classes.

In every scheme 0 is background. ``cells``: 1 cell. ``contours``: 1 body, 2 contour. ``species``: 2 s - 1 the body and 2 s the
contour of species s, so that two species make five classes.
"""

from __future__ import annotations

from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from brightfield import params
from brightfield.results import ClassMap

BACKGROUND, BODY, CONTOUR = 0, 1, 2
PARTS = 2  # body and contour
Scheme = Literal["cells", "contours", "species"]
# of each class, whatever the number of species
_PART = np.array([BACKGROUND, *(BODY if number % PARTS == 1 else CONTOUR for number in range(1, 256))], np.uint8)


def of_cells(cells: npt.NDArray[np.int32], settings: params.SegmentationSettings) -> ClassMap:
    """The answer of a method that knows cells (H, W) and no species, whatever the scheme."""
    scheme: Scheme = "cells" if settings.scheme == "cells" else "contours"
    return ClassMap(class_map(cells, settings.contour_px, scheme=scheme), cells)


def class_map(
    labels: npt.NDArray[np.int32],
    contour_px: float,
    species: npt.NDArray[np.uint8] | None = None,
    scheme: Scheme = "contours",
) -> npt.NDArray[np.uint8]:
    """The class of each pixel of an instance map.

    The pixels of a cell within ``contour_px`` of another cell or the background (between pixel centres) are contour: 2 px make it
    two pixels wide on each side of touching cells. The border of the image is not an edge of a cell.

    Args:
        labels: (H, W) instances, 0 is background.
        contour_px: width of a contour in pixels, inside the cell.
        species: (labels.max() + 1,) the species of each instance, from 1; entry 0 is unused. Needed by scheme ``species`` only.
        scheme: the set of classes.

    Returns:
        (H, W) uint8.

    Raises:
        ValueError: an instance has no species, and the scheme needs it.
    """
    inside = labels > 0
    if scheme == "cells":
        return inside.astype(np.uint8)
    classes = np.where(inside, np.where(edges(labels, contour_px), CONTOUR, BODY), BACKGROUND).astype(np.uint8)
    if scheme == "species":
        classes[inside] += (PARTS * (_species_of(labels, species)[inside] - 1)).astype(np.uint8)
    return classes


def edges(labels: npt.NDArray[np.int32], within_px: float) -> npt.NDArray[np.bool_]:
    """The pixels within ``within_px`` of a pixel with another label."""
    reach = int(within_px)
    padded = np.pad(labels, reach, mode="edge")
    found = np.zeros(labels.shape, bool)
    for dy, dx in product(range(-reach, reach + 1), repeat=2):
        if 0 < dy * dy + dx * dx <= within_px**2:
            moved = padded[reach + dy :, reach + dx :][: labels.shape[0], : labels.shape[1]]
            found |= moved != labels
    return found


def most_probable(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The class of each pixel (H, W) with the highest of the probabilities (C, H, W), the first of several.

    As ``argmax``, which is slow along the first axis.
    """
    probabilities = np.ascontiguousarray(probabilities)  # a network's output has its channels last
    highest = probabilities.max(axis=0)
    lower = np.ones(highest.shape, bool)  # all classes so far
    classes = np.zeros(highest.shape, np.uint8)
    for probability in probabilities[:-1]:
        lower &= probability < highest
        classes += lower
    return classes


def one_hot(classes: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.float32]:
    """(count, H, W) with 1 for the class of each pixel (H, W)."""
    return np.asarray(classes == np.arange(count, dtype=np.uint8)[:, None, None], np.float32)


def parts(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Background, body and contour from the classes of ``contours`` or ``species``, without distinction of species."""
    return _PART[classes]


def parts_probability(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Probabilities of background, body and contour, (3, H, W), from those of all classes, (1 + 2 S, H, W)."""
    if len(probabilities) == 1 + PARTS:
        return probabilities
    bodies, contours = (probabilities[first::PARTS].sum(axis=0, dtype=np.float32) for first in (BODY, CONTOUR))
    return np.stack([probabilities[BACKGROUND], bodies, contours])


def _species_of(labels: npt.NDArray[np.int32], species: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8]:
    """The species of each pixel, 0 for the background."""
    known = 0 if species is None else len(species) - 1
    if species is None or labels.max(initial=0) > known:
        raise ValueError(f"expected a species for each of {labels.max()} instances, got {known}")
    kinds: npt.NDArray[np.uint8] = species[labels]
    if (kinds[labels > 0] == 0).any():
        raise ValueError("the species of an instance must be at least 1, got 0")
    return kinds
