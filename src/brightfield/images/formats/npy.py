"""Arrays that numpy saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import squeeze
from brightfield.images.formats.source import Source, check_size

SUFFIXES = (".npy",)


@contextmanager
def open_npy(path: Path, indices: bool) -> Iterator[Source]:
    """Open an array (H, W), (H, W, 3), (T, H, W) or (T, H, W, 3); axes of length 1 are squeezed."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise BrightfieldError(f"{path} is an archive of arrays, expected a single array saved by numpy.save.")
    array = squeeze(array)
    stack = array.ndim == 4 or (array.ndim == 3 and array.shape[-1] not in (3, 4))
    if stack and array.shape[-1] == 2:
        raise BrightfieldError(
            f"{path} has the shape {array.shape}, whose last axis is no width and no colour: expected (height, width), "
            "(height, width, 3), or frames of either. Save the channel you want as a file of its own."
        )
    if stack and not len(array):
        raise BrightfieldError(f"{path} has the shape {array.shape}, which is no frame at all. Save it again.")
    check_size(path, *(array.shape[1:3] if stack else array.shape[:2]))
    yield Source(len(array), lambda i: np.array(array[i])) if stack else Source(1, lambda _: np.array(array))
