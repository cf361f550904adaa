"""Augmentation of encoded images: the only file that uses albumentations, for rotations by any angle.

Every draw comes from the generator that the caller hands over, so a sample is a function of its seed alone: however many processes
prepare samples, and whatever was drawn before.

Geometric transforms apply to image and target alike and exactly (whole-pixel flips and quarter turns), except ``rotate``, which
interpolates the image and gives each pixel of a class map the class of the nearest: it is for class maps, not for positions.
Intensities are changed in units of the image's own standard deviation, because images are normalised by then; albumentations' own
transforms of intensities expect floats in [0, 1] and would clip them.

``stain``, ``light`` and ``focus`` follow the physics of a stained slide in transmitted light: they change the light that reached
the camera, which is measured from black, and normalise the image again, as that of another acquisition. ``defocus`` imitates a
slide slightly above or below the focal plane: for a thin object the first-order change is a Laplacian (Teague, J. Opt. Soc. Am.
73, 1434, 1983), and the finest detail is lost. ``reverse`` exchanges dark and bright: a thin transparent object that is dark on
one side of the focal plane is bright on the other, by the same equation. ``recorded_noise`` adds noise that the camera recorded in
the background of the training images (:func:`noise_windows`), with its real pattern and correlations.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brightfield.errors import BrightfieldError
from brightfield.images import symmetry
from brightfield.system import environment

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[Any] | None  # (K, H, W), what moves with the image; None where the target has no place
Geometry = Callable[[FloatArray, Mask, np.random.Generator], tuple[FloatArray, Mask]]  # of an image (C, H, W)

# Intensities are in standard deviations of the image; a spread is the standard deviation of a random draw.
GAIN_SPREAD = 0.2  # spread of the gain's logarithm
OFFSET_SPREAD = 0.2  # spread of the offset
COLOUR_SPREAD = 0.1  # spread of each channel's gain (its logarithm) and offset
MOST_NOISE = 0.3  # maximum standard deviation of white noise
MOST_BLUR_PX = 1.2  # maximum sigma of a Gaussian blur
DEFOCUS = 1.5  # maximum multiple of the Laplacian (of the image smoothed by 1 px) that is added or subtracted
DEFOCUS_BLUR_PX = 1.5  # maximum sigma of the blur that goes with it
NOISE_WINDOW_PX = 48  # side of a window of recorded noise
MOST_WINDOWS = 8  # maximum number of windows per image
MOST_RECORDED = 2.0  # maximum factor by which recorded noise is multiplied
SLOW_PX = 4.0  # sigma of a Gaussian: what varies more slowly is illumination, not noise
STAIN_SPREAD = 0.25  # spread of the absorption's logarithm, common to all colours
DYE_SPREAD = 0.2  # spread of the absorption's logarithm, of each colour by itself
BACKGROUND_QUANTILE = 0.95  # quantile of an image's pixels that is taken as empty slide
WHITE_SPREAD = 0.15  # spread of the logarithm of the lamp's brightness in each colour
SHADE_SPREAD = 0.08  # spread of the relative change of illumination from the middle of the image to its edge
FOCUS_PX = 0.6  # maximum sigma of a blur; more would make a good cell a bad one
SHARPENING = 0.5  # maximum share of the detail removed by a blur of 1 px that is added instead


class Augmenter:
    """Draws a random variant of a sample at each call.

    Args:
        names: the augmentations, geometry in this order first, then optics, then intensities.
        allowed: those that the task allows.
        recorded: windows (H, W) of noise for ``recorded_noise``.

    Raises:
        BrightfieldError: for an augmentation that the task does not allow.
    """

    def __init__(self, names: Iterable[str], allowed: Iterable[str], recorded: Sequence[FloatArray] = ()) -> None:
        names, allowed = list(names), set(allowed)
        refused = [name for name in names if name not in allowed]
        if refused:
            raise BrightfieldError(
                f"Augmentation {', '.join(refused)} would invalidate the ground truth of this task. "
                f"Allowed: {', '.join(sorted(allowed))}."
            )
        self.geometry = [GEOMETRY[name]() for name in names if name in GEOMETRY]
        self.optics = [OPTICS[name] for name in names if name in OPTICS]
        self.intensities = [INTENSITIES[name] for name in names if name in INTENSITIES]
        self.recorded = recorded if "recorded_noise" in names else ()

    def __call__(
        self, image: Tensor, target: Tensor, rng: np.random.Generator, black: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Augment an image (C, H, W) and its target; a target without height and width stays as it is.

        Args:
            image: normalised.
            target: what is compared with the network's output.
            rng: source of every random draw.
            black: value of a pixel without any light, in the image's units.
        """
        is_map = target.ndim >= 2
        pixels = image.numpy()
        mask = target.numpy().reshape(-1, *target.shape[-2:]) if is_map else None
        for move in self.geometry:
            pixels, mask = move(pixels, mask, rng)
        pixels = pixels.transpose(1, 2, 0)
        for change in self.optics:
            pixels = change(pixels - np.float32(black), rng)
            black = -float(pixels.mean()) / float(pixels.std())
            pixels = (pixels - pixels.mean()) / pixels.std()
        for change in self.intensities:
            pixels = change(pixels, rng)
        if self.recorded:
            pixels = pixels.copy()
            pixels[..., 0] += self._recorded_noise(
                pixels.shape[:2], rng
            )  # only in the channel in which it was recorded
        augmented = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32))
        if mask is None:
            return augmented, target
        moved = torch.from_numpy(np.ascontiguousarray(mask))
        return augmented, moved.reshape(*target.shape[:-2], *mask.shape[-2:])

    def _recorded_noise(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """A random window of recorded noise, turned at random and mirrored to fill (H, W); zero half of the time."""
        if rng.random() < 0.5:
            return np.zeros(shape, np.float32)
        window = self.recorded[int(rng.integers(len(self.recorded)))]
        window = symmetry.turned(window, int(rng.integers(8)))
        beyond = [(0, max(0, side - have)) for side, have in zip(shape, window.shape, strict=True)]
        noise = np.pad(window, beyond, mode="symmetric")[: shape[0], : shape[1]]
        return np.asarray(np.float32(rng.uniform(0, MOST_RECORDED)) * noise, dtype=np.float32)


def noise_windows(image: FloatArray, background: npt.NDArray[np.bool_]) -> list[FloatArray]:
    """Cut windows of camera noise from the background of an image.

    Args:
        image: (H, W), normalised.
        background: (H, W), True where there is no object.

    Returns:
        Up to ``MOST_WINDOWS`` squares of ``NOISE_WINDOW_PX``, without slow changes of illumination; none if no square is all
        background.
    """
    from scipy.ndimage import gaussian_filter

    side = NOISE_WINDOW_PX
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


def _flip() -> Geometry:
    """One of the eight flips and quarter turns of a square."""

    def move(image: FloatArray, mask: Mask, rng: np.random.Generator) -> tuple[FloatArray, Mask]:
        view = int(rng.integers(symmetry.VIEWS))
        return symmetry.turned(image, view), None if mask is None else symmetry.turned(mask, view)

    return move


def _rotate() -> Geometry:
    """A rotation by any angle, half of the time, mirrored at the border."""
    environment.set_defaults()
    import albumentations
    import cv2

    rotation = albumentations.Rotate(limit=180, border_mode=cv2.BORDER_REFLECT, p=0.5)
    compose = albumentations.Compose([rotation])

    def move(image: FloatArray, mask: Mask, rng: np.random.Generator) -> tuple[FloatArray, Mask]:
        compose.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        channels_last = image.transpose(1, 2, 0)
        if mask is None:
            return compose(image=channels_last)["image"].transpose(2, 0, 1), None
        # OpenCV does not support the 64-bit integers of classes
        small = mask.astype(np.int16) if mask.dtype == np.int64 else mask
        moved = compose(image=channels_last, mask=small.transpose(1, 2, 0))
        return moved["image"].transpose(2, 0, 1), moved["mask"].transpose(2, 0, 1).astype(mask.dtype)

    return move


def _brightness(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    gain, offset = rng.lognormal(0, GAIN_SPREAD), rng.normal(0, OFFSET_SPREAD)
    return np.asarray(image * np.float32(gain) + np.float32(offset))


def _colour(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    channels = image.shape[2]
    gain, offset = rng.lognormal(0, COLOUR_SPREAD, channels), rng.normal(0, COLOUR_SPREAD, channels)
    return np.asarray(image * gain + offset, dtype=np.float32)


def _noise(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    sigma = MOST_NOISE * rng.random() ** 2  # small values are more frequent
    return image + np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)


def _blur(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    from scipy.ndimage import gaussian_filter

    if rng.random() < 0.7:
        return image
    sigma = rng.uniform(0, MOST_BLUR_PX)
    return np.asarray(gaussian_filter(image, (sigma, sigma, 0)))


def _reverse(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Exchange dark and bright of the first channel half of the time; fluorescence, in the second, is bright on either side."""
    if rng.random() < 0.5:
        return image
    reversed_ = image.copy()
    reversed_[..., 0] = -image[..., 0]
    return reversed_


def _defocus(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    if rng.random() < 0.5:
        return image
    from scipy.ndimage import gaussian_filter

    away = rng.uniform(-1, 1)  # relative distance above or below the focal plane
    blur = abs(away) * rng.uniform(0.3, 1) * DEFOCUS_BLUR_PX
    curvature = sum(gaussian_filter(image, (1, 1, 0), order, mode="nearest") for order in ((2, 0, 0), (0, 2, 0)))
    fringed = (image - np.float32(away * DEFOCUS) * curvature).astype(np.float32)
    return np.asarray(gaussian_filter(fringed, (blur, blur, 0), mode="nearest"))


def _stain(light: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Change the amount of dye: absorbance, log(background / light), is proportional to it (Beer-Lambert)."""
    channels = light.shape[2]
    dye = rng.lognormal(0, STAIN_SPREAD) * rng.lognormal(0, DYE_SPREAD, channels)
    white = np.maximum(np.quantile(light, BACKGROUND_QUANTILE, axis=(0, 1)), 1e-6)
    return np.asarray(white * (np.maximum(light, 0) / white) ** dye, dtype=np.float32)


def _light(light: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Change the colour of the lamp, and its brightness from one side to the other."""
    height, width, channels = light.shape
    slope_y, slope_x = rng.normal(0, SHADE_SPREAD, 2)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    shade = np.maximum(1 + slope_y * y + slope_x * x, 0.1)[..., None]
    return np.asarray(light * shade * rng.lognormal(0, WHITE_SPREAD, channels), dtype=np.float32)


def _focus(light: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Blur or sharpen slightly, half of the time."""
    if rng.random() < 0.5:
        return light
    from scipy.ndimage import gaussian_filter

    amount = rng.uniform(-SHARPENING, 1)
    if amount > 0:
        return np.asarray(gaussian_filter(light, (amount * FOCUS_PX, amount * FOCUS_PX, 0), truncate=3))
    return np.asarray(light - amount * (light - gaussian_filter(light, (1, 1, 0), truncate=3)))


GEOMETRY: dict[str, Callable[[], Geometry]] = {"flip": _flip, "rotate": _rotate}
OPTICS: dict[str, Callable[[FloatArray, np.random.Generator], FloatArray]] = {
    "stain": _stain,
    "light": _light,
    "focus": _focus,
}
INTENSITIES: dict[str, Callable[[FloatArray, np.random.Generator], FloatArray]] = {
    "brightness": _brightness,
    "colour": _colour,
    "noise": _noise,
    "blur": _blur,
    "defocus": _defocus,
    "reverse": _reverse,
}
