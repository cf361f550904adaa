"""Augmentation of batches, on the device where they lie.

All random parameters come from the generator that the caller hands over and are the same on every device, but for white noise,
whose generator is the device's own. So a batch is a function of its seed alone: however many processes prepare batches, and
whatever was drawn before.

Geometric transforms (:mod:`.geometry`) apply to image and target alike and exactly, except ``rotate``, which interpolates the image
and gives each pixel of a class map the class of the nearest: it is for class maps, not for positions. :mod:`.optics` imitates
another acquisition of a stained slide, and :mod:`.intensities` another contrast, focus or noise. How much these two change is
multiplied by a strength (``training.augment_strength``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from brightfield.data.augmenting.drawing import Change, ScaledChange
from brightfield.data.augmenting.geometry import GEOMETRY
from brightfield.data.augmenting.intensities import INTENSITIES
from brightfield.data.augmenting.optics import OPTICS, renormalised
from brightfield.data.augmenting.recorded import FloatArray, RecordedNoise, noise_windows
from brightfield.errors import BrightfieldError
from brightfield.params import SCALED_AUGMENTATIONS

__all__ = ["Augmenter", "noise_windows"]


class Augmenter:
    """Draws a random variant of every image of a batch at each call.

    Args:
        names: the augmentations, geometry in this order first, then optics, then intensities.
        allowed: those that the task allows.
        recorded: windows (H, W) of noise for ``recorded_noise``.
        strength: multiplies the spread, or the largest value, of those in ``SCALED_AUGMENTATIONS``; 0 leaves them out.

    Raises:
        BrightfieldError: for an augmentation that the task does not allow.
    """

    def __init__(
        self,
        names: Iterable[str],
        allowed: Iterable[str],
        recorded: Sequence[FloatArray] = (),
        strength: float = 1.0,
    ) -> None:
        names, allowed = list(names), set(allowed)
        refused = [name for name in names if name not in allowed]
        if refused:
            raise BrightfieldError(
                f"Augmentation {', '.join(refused)} would invalidate the ground truth of this task. "
                f"Allowed: {', '.join(sorted(allowed))}."
            )
        if strength == 0:
            names = [name for name in names if name not in SCALED_AUGMENTATIONS]
        self.geometry = [GEOMETRY[name]() for name in names if name in GEOMETRY]
        self.optics: list[Change] = [_scaled(OPTICS[name], strength) for name in names if name in OPTICS]
        self.intensities: list[Change] = [_scaled(INTENSITIES[name], strength) for name in names if name in INTENSITIES]
        if "recorded_noise" in names and recorded:
            self.intensities.append(RecordedNoise(recorded, strength))

    def __call__(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator, black: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Augment images (N, C, H, W) and their targets; a target without height and width stays as it is.

        Args:
            images: float32, normalised.
            targets: what is compared with the network's output: (N, H, W) or (N, K, H, W) if it has places, else (N, K).
            rng: source of every random draw.
            black: (N,), value of a pixel without any light, in the image's units; by default the mean of the image.
        """
        places = targets.reshape(len(targets), -1, *targets.shape[-2:]) if targets.ndim > 2 else None
        for move in self.geometry:
            images, places = move(images, places, rng)
        if self.optics and black is None:
            black = torch.zeros(len(images), device=images.device)
        for change in self.optics:
            assert black is not None
            images, black = renormalised(change(images - black[:, None, None, None], rng))
        for change in self.intensities:
            images = change(images, rng)
        return images, targets if places is None else places.reshape(targets.shape)


def _scaled(change: ScaledChange, strength: float) -> Change:
    def scaled(images: Tensor, rng: np.random.Generator) -> Tensor:
        return change(images, rng, strength)

    return scaled
