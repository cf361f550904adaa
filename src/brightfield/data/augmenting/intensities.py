"""Changes of intensities, in units of the image's own standard deviation, because images are normalised by then.

Albumentations' own transforms of intensities expect floats in [0, 1] and would clip them.

``defocus`` imitates a slide slightly above or below the focal plane: for a thin object the first-order change is a Laplacian
(Teague, J. Opt. Soc. Am. 73, 1434, 1983), and the finest detail is lost. ``reverse`` exchanges dark and bright: a thin transparent
object that is dark on one side of the focal plane is bright on the other, by the same equation.

``strength`` multiplies the spreads and maxima below; ``reverse`` has none.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from brightfield.data.augmenting import filtering
from brightfield.data.augmenting.drawing import ScaledChange, like, of_some, some

# A spread is the standard deviation of a random draw.
GAIN_SPREAD = 0.2  # spread of the gain's logarithm
OFFSET_SPREAD = 0.2  # spread of the offset
COLOUR_SPREAD = 0.1  # spread of each channel's gain (its logarithm) and offset
MOST_NOISE = 0.3  # maximum standard deviation of white noise
BLURRED = 0.3  # share of images that are blurred
MOST_BLUR_PX = 1.2  # maximum sigma of a Gaussian blur
DEFOCUS = 1.5  # maximum multiple of the Laplacian (of the image smoothed by 1 px) that is added or subtracted
DEFOCUS_BLUR_PX = 1.5  # maximum sigma of the blur that goes with it
RADIUS_PX = 6  # half-width of the Gaussians, four times the largest sigma; it grows with that


def brightness(images: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Another gain and offset."""
    gain = rng.lognormal(0, GAIN_SPREAD * strength, len(images))
    offset = rng.normal(0, OFFSET_SPREAD * strength, len(images))
    return images * like(images, gain) + like(images, offset)


def colour(images: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Another gain and offset of every channel."""
    spread = COLOUR_SPREAD * strength
    gain, offset = rng.lognormal(0, spread, images.shape[:2]), rng.normal(0, spread, images.shape[:2])
    return images * like(images, gain) + like(images, offset)


def noise(images: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """White noise."""
    sigma = MOST_NOISE * strength * rng.random(len(images)) ** 2  # small values are more frequent
    return images + like(images, sigma) * _white(images, int(rng.integers(2**63)))


def _white(images: Tensor, seed: int) -> Tensor:
    generator = torch.Generator(images.device).manual_seed(seed)
    return torch.randn(images.shape, generator=generator, device=images.device)


def blur(images: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """A Gaussian blur of some images."""
    blurred, sigma = some(rng, len(images), BLURRED), rng.uniform(0, MOST_BLUR_PX * strength, len(images))
    return of_some(images, blurred, lambda chosen: _blurred(chosen, sigma[blurred], strength))


def _blurred(images: Tensor, sigma: np.ndarray, strength: float) -> Tensor:
    radius = math.ceil(RADIUS_PX * strength)
    return filtering.gaussian(images, torch.from_numpy(sigma.astype(np.float32)).to(images.device), radius)


def defocus(images: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Bright or dark fringes and a blur, half of the time."""
    moved = some(rng, len(images), 0.5)
    away = rng.uniform(-1, 1, len(images))[moved]  # relative distance above or below the focal plane
    sigma = np.abs(away) * rng.uniform(0.3, 1, len(images))[moved] * (DEFOCUS_BLUR_PX * strength)

    def change(chosen: Tensor) -> Tensor:
        fringes = filtering.curvature(chosen, 1.0, radius=4)
        return _blurred(chosen - like(chosen, away * (DEFOCUS * strength)) * fringes, sigma, strength)

    return of_some(images, moved, change)


def reverse(images: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Exchange dark and bright of the first channel half of the time; fluorescence, in the second, is bright on either side."""
    del strength  # it is either or
    sign = np.ones(images.shape[:2])
    sign[some(rng, len(images), 0.5), 0] = -1
    return images * like(images, sign)


INTENSITIES: dict[str, ScaledChange] = {
    "brightness": brightness,
    "colour": colour,
    "noise": noise,
    "blur": blur,
    "defocus": defocus,
    "reverse": reverse,
}
