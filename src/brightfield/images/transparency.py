"""Alpha: how opaque a pixel is, which is no light of the specimen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image


def without_alpha(path: Path, array: Image, channels: int) -> Image:
    """The image without its last channels, which say how opaque it is: (H, W) where one channel is left, else (H, W, C).

    Args:
        path: the file, for messages.
        array: (H, W, C + ``channels``).
        channels: number of channels of opacity.

    Raises:
        BrightfieldError: some pixels are more transparent than others: what they show is not in the file.
    """
    if channels == 0:
        return array
    alpha = array[..., -channels:]
    most = alpha.max(initial=0)
    less = int((alpha < most).any(axis=-1).sum())
    if less:
        raise BrightfieldError(
            f"{path} is transparent in {less} of {alpha.shape[0] * alpha.shape[1]} pixels, expected an opaque image: nobody "
            "knows what lies behind them. Flatten it, or save it without its alpha channel."
        )
    rest = array[..., :-channels]
    return rest[..., 0] if rest.shape[-1] == 1 else rest


def has_fourth_channel(array: Image) -> bool:
    """Whether the last axis looks like RGB and one channel more."""
    return array.ndim == 3 and array.shape[-1] == 4


def opaque_fourth(path: Path, array: Image) -> Image:
    """(H, W, 3) from (H, W, 4) whose fourth channel has no name: it counts as alpha where it is one number everywhere.

    Raises:
        BrightfieldError: the fourth channel varies, and may be anything.
    """
    if np.ptp(array[..., 3]) != 0:
        raise BrightfieldError(
            f"{path} has 4 channels and does not say what the fourth is, expected grey or RGB. Save the channel you want as a "
            "file of its own."
        )
    return array[..., :3]
