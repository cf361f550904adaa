"""One image with its ground truth and origin: what simulators and importers produce and datasets store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

# column of an index: the class of an image before somebody corrected it. By it images are dealt out to splits, so that a
# correction moves none of them
FIRST_LABEL = "first_label"


@dataclass(frozen=True)
class Record:
    """One image, its ground truth and its origin.

    Attributes:
        id: unique within a dataset; letters, digits, ``_``, ``-`` and ``.`` only.
        group: the acquisition it comes from (smear, movie, specimen, field); all images of a group are in one split.
        image: (H, W) or (H, W, C), uint8, uint16 or float32.
        fields: arrays of ground truth. The names in use: ``labels`` (H, W) int32 instance ids, ``species`` (N + 1,) uint8
            species of each instance id (entry 0 unused), ``fluorescence`` (H, W), ``positions`` (N, 2) float64 x and y in px,
            ``clean`` (H, W) float32, ``repeats`` (H, W) float32 mean of other noisy images of the same field, ``transmission``
            (H, W) of the beads alone, 1 where there is none.
        row: numbers and words (``label`` 0 or 1, ``kind``, ``defocus_um``, ...): the image's columns of ``index.csv``. ``labelled``
            is 0 where the truth is unknown; without that column it is known.
    """

    id: str
    group: str
    image: np.ndarray
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    row: Mapping[str, object] = field(default_factory=dict)


def same_truth(a: Record, b: Record) -> bool:
    """Whether two records of one image have the same ground truth, to the last bit."""
    if dict(a.row) != dict(b.row) or set(a.fields) != set(b.fields):
        return False
    return all(
        np.array_equal(array, b.fields[name], equal_nan=array.dtype.kind == "f") for name, array in a.fields.items()
    )
