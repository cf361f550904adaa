"""Overlays: images with the answer drawn into them. The file of each type defines how it is drawn."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from brightfield.results import Result, form_of
from brightfield.results.canvas import Canvas

Scale = int | Literal["auto"]

LARGEST_FACTOR = 4  # largest enlargement by "auto"
ENLARGE_UP_TO_PX = 1024  # longest side up to which "auto" enlarges


def overlay(image: npt.NDArray[Any], result: Result, truth: Result | None = None, scale: Scale = "auto") -> Canvas:
    """Draw an answer, and the truth when it is known, into an image.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), any integer or float type.
        result: the answer to this image.
        truth: the truth, of the same type as the answer.
        scale: factor of enlargement; ``auto``: 1 to 4, such that the longer side stays within 1024 px.

    Returns:
        (H, W, 3) uint8; enlarged, with a frame or further panels according to the type.

    Raises:
        ValueError: a shape that is not an image, a map or picture of another size, or truth of another type.
    """
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)) or not image.size:
        raise ValueError(f"an image must be (H, W), or (H, W, C) with 1, 3 or 4 channels, got {image.shape}")
    if truth is not None and type(truth) is not type(result):
        raise ValueError(f"truth must have the type of the answer, {type(result).__name__}, got {type(truth).__name__}")
    factor = _factor(image.shape, scale)
    return form_of(type(result)).draw(image, result, truth, factor)


def _factor(shape: tuple[int, ...], scale: Scale) -> int:
    if scale == "auto":
        return int(np.clip(ENLARGE_UP_TO_PX // max(shape[:2]), 1, LARGEST_FACTOR))
    if scale < 1:
        raise ValueError(f"a scale must be 'auto' or a whole number of at least 1, got {scale}")
    return scale
