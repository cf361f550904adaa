"""The eight symmetries of a square: rotations and reflections under which a microscope's field of view is equally likely."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

VIEWS = 8  # number of symmetries, each called a view
Array = TypeVar("Array", bound=npt.NDArray[Any])


def turned(array: Array, view: int) -> Array:
    """Apply a view to an array (..., H, W): ``view % 4`` quarter turns, and from 4 on a reflection; 0 changes nothing."""
    quarter: Array = np.rot90(array, view % 4, axes=(-2, -1))
    return quarter if view < 4 else np.flip(quarter, axis=-1)


def turned_back(array: Array, view: int) -> Array:
    """Undo :func:`turned`."""
    upright = array if view < 4 else np.flip(array, axis=-1)
    back: Array = np.rot90(upright, -(view % 4), axes=(-2, -1))
    return back
