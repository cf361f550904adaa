"""The eight ways in which a square can be turned and mirrored: the views under which a microscope's field is the same field."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

VIEWS = 8
Array = TypeVar("Array", bound=npt.NDArray[Any])


def turned(array: Array, view: int) -> Array:
    """An array (..., H, W) under one of the eight views, 0 as it is: ``view % 4`` quarter turns, then from 4 on mirrored."""
    quarter: Array = np.rot90(array, view % 4, axes=(-2, -1))
    return quarter if view < 4 else np.flip(quarter, axis=-1)


def turned_back(array: Array, view: int) -> Array:
    """What undoes :func:`turned`."""
    upright = array if view < 4 else np.flip(array, axis=-1)
    back: Array = np.rot90(upright, -(view % 4), axes=(-2, -1))
    return back
