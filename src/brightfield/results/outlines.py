"""Outlines of numbered cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def outermost(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """The pixels of cells (numbers above 0) that touch another number to the left, right, above or below.

    The border of the image is no outline.
    """
    edge = np.zeros(ids.shape, dtype=bool)
    across, down = ids[:, 1:] != ids[:, :-1], ids[1:] != ids[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge & (ids > 0)
