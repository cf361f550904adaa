"""Noise that the camera recorded in the background of the training images, with its real pattern and correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brightfield.data.augmenting.drawing import like, of_some, some
from brightfield.data.augmenting.geometry import turned
from brightfield.images import symmetry

FloatArray = npt.NDArray[np.float32]
WINDOW_PX = 48  # side of a window of recorded noise
MOST_WINDOWS = 8  # maximum number of windows per image
MOST_RECORDED = 2.0  # maximum factor by which recorded noise is multiplied
SLOW_PX = 4.0  # sigma of a Gaussian: what varies more slowly is illumination, not noise


def noise_windows(image: FloatArray, background: npt.NDArray[np.bool_]) -> list[FloatArray]:
    """Cut windows of camera noise from the background of an image.

    Args:
        image: (H, W), normalised.
        background: (H, W), True where there is no object.

    Returns:
        Up to ``MOST_WINDOWS`` squares of ``WINDOW_PX``, without slow changes of illumination; none if no square is all background.
    """
    from scipy.ndimage import gaussian_filter

    side = WINDOW_PX
    height, width = image.shape
    places = [
        np.s_[top : top + side, left : left + side]
        for top in range(0, height - side + 1, side // 2)
        for left in range(0, width - side + 1, side // 2)
        if background[top : top + side, left : left + side].all()
    ]
    step = max(1, len(places) // MOST_WINDOWS)
    windows = [image[place] for place in places[::step][:MOST_WINDOWS]]
    return [window - gaussian_filter(window, SLOW_PX) for window in windows]


class RecordedNoise:
    """Adds a random window to half of the images, turned at random and mirrored to fill them.

    It is added to the first channel, in which it was recorded.

    Args:
        windows: squares of one size.
        strength: multiplies the maximum factor of the noise.
    """

    def __init__(self, windows: Sequence[FloatArray], strength: float = 1.0) -> None:
        self.most = MOST_RECORDED * strength
        self.windows = torch.from_numpy(np.stack(windows))

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Images (N, C, H, W) with noise in the first channel."""
        noisy = some(rng, len(images), 0.5)
        which, views = rng.integers((len(self.windows), symmetry.VIEWS), size=(len(images), 2))[noisy].T
        factor = rng.uniform(0, self.most, len(images))[noisy]
        if self.windows.device != images.device:
            self.windows = self.windows.to(images.device)

        def change(chosen: Tensor) -> Tensor:
            windows = turned(self.windows[torch.from_numpy(which).to(images.device)], views)
            rows, columns = (mirrored(side, windows.shape[-1]).to(images.device) for side in images.shape[-2:])
            chosen[:, 0] += like(images, factor)[:, 0] * windows[:, rows[:, None], columns]
            return chosen

        return of_some(images, noisy, change)


def mirrored(length: int, have: int) -> Tensor:
    """Indices (length,) into ``have`` pixels that are mirrored outwards at the end, as often as needed."""
    there_and_back = torch.arange(length) % (2 * have)
    return torch.where(there_and_back < have, there_and_back, 2 * have - 1 - there_and_back)
