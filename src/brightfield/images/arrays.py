"""Conversion of an image's values: to floats, to grey, to mean 0 and standard deviation 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]


def to_float(image: Image) -> npt.NDArray[np.float32]:
    """Convert to float32; whole numbers are divided by the largest of their type, so that uint8 and uint16 lie in [0, 1]."""
    if image.dtype.kind in "ui":
        return (image / np.float32(np.iinfo(image.dtype).max)).astype(np.float32)
    return image.astype(np.float32)


def to_grey(image: Image) -> Image:
    """Convert (H, W) or (H, W, 3) to (H, W) of the same type: one channel if all are equal, else luma (ITU-R BT.601)."""
    if image.ndim == 2:
        return image
    if (image == image[..., :1]).all():
        return np.ascontiguousarray(image[..., 0])
    luma = image @ np.array([0.299, 0.587, 0.114], dtype=np.float64)
    return (np.rint(luma) if image.dtype.kind in "ui" else luma).astype(image.dtype)


def squeeze(array: Image) -> Image:
    """Remove axes of length 1, but keep at least two axes."""
    while array.ndim > 2 and 1 in array.shape:
        array = np.squeeze(array, axis=array.shape.index(1))
    return array


def normalise(image: Image) -> tuple[npt.NDArray[np.float32], float, float]:
    """Normalise an image to mean 0 and standard deviation 1; also returns the mean and the standard deviation it had.

    Both are taken over all pixels and channels together, so that differences in colour stay. ``image * std + mean``
    undoes it. A constant image becomes zero everywhere, with 1 as its ``std``.
    """
    values = image.astype(np.float32)
    mean = float(values.mean(dtype=np.float64))
    values -= np.float32(mean)
    std = float(np.sqrt(np.mean(np.square(values), dtype=np.float64)))
    if std <= 1e-6 * abs(mean) or std == 0:  # only rounding errors are left
        return np.zeros_like(values), mean, 1.0
    values /= np.float32(std)
    return values, mean, std
