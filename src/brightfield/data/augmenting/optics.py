"""Another acquisition of a stained slide in transmitted light.

The changes follow the physics: they change the light that reached the camera, which is measured from black, and the image is
normalised again afterwards, as that of another acquisition. ``strength`` multiplies the spreads and maxima below.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from brightfield.data.augmenting import filtering
from brightfield.data.augmenting.drawing import ScaledChange, like, of_some, some

# A spread is the standard deviation of a random draw.
STAIN_SPREAD = 0.25  # spread of the absorption's logarithm, common to all colours
DYE_SPREAD = 0.2  # spread of the absorption's logarithm, of each colour by itself
BACKGROUND_QUANTILE = 0.95  # quantile of an image's pixels that is taken as empty slide
WHITE_SPREAD = 0.15  # spread of the logarithm of the lamp's brightness in each colour
SHADE_SPREAD = 0.08  # spread of the relative change of illumination from the middle of the image to its edge
FOCUS_PX = 0.6  # maximum sigma of a blur; more would make a good cell a bad one
SHARPENING = 0.5  # maximum share of the detail removed by a blur of 1 px that is added instead
RADIUS_PX = 3  # half-width of the Gaussians, at least
SIGMAS = 4.0  # and so many times the sigma of the widest blur
DARK = 1e-6  # least light of an empty slide


def renormalised(light: Tensor) -> tuple[Tensor, Tensor]:
    """Images with mean 0 and standard deviation 1, and what a pixel without light is in their units, (N,).

    An image of one colour becomes 0, as :func:`brightfield.images.normalise` has it.
    """
    variance, mean = torch.var_mean(light, dim=(1, 2, 3), correction=0, keepdim=True)
    deviation = torch.where(variance > 0, variance.sqrt(), 1.0)
    return (light - mean) / deviation, (-mean / deviation).flatten()


def stain(light: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Change the amount of dye: absorbance, log(background / light), is proportional to it (Beer-Lambert)."""
    common = rng.lognormal(0, STAIN_SPREAD * strength, (len(light), 1))
    dye = common * rng.lognormal(0, DYE_SPREAD * strength, light.shape[:2])
    pixels = light.flatten(2)
    brightest = round((1 - BACKGROUND_QUANTILE) * (pixels.shape[2] - 1)) + 1
    white = pixels.topk(brightest, sorted=False).values.amin(dim=2).clamp(min=DARK)[..., None, None]
    return white * (light.clamp(min=0) / white) ** like(light, dye)


def lamp(light: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Change the colour of the lamp, and its brightness from one side to the other."""
    height, width = light.shape[-2:]
    slopes = rng.normal(0, SHADE_SPREAD * strength, (2, len(light)))
    y, x = (torch.linspace(-1, 1, side, device=light.device) for side in (height, width))
    shade = 1 + like(light, slopes[0]) * y[:, None] + like(light, slopes[1]) * x
    white = rng.lognormal(0, WHITE_SPREAD * strength, light.shape[:2])
    return light * shade.clamp(min=0.1) * like(light, white)


def focus(light: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Blur or sharpen slightly, half of the time."""
    widest = FOCUS_PX * strength
    radius = max(RADIUS_PX, math.ceil(SIGMAS * widest))
    moved = some(rng, len(light), 0.5)
    amount = rng.uniform(-SHARPENING, 1, len(light))[moved]

    def change(chosen: Tensor) -> Tensor:
        sigma = torch.from_numpy(np.where(amount > 0, amount * widest, 1).astype(np.float32)).to(chosen.device)
        smooth = filtering.gaussian(chosen, sigma, radius)
        return chosen + like(chosen, np.where(amount > 0, 1, amount * strength)) * (smooth - chosen)

    return of_some(light, moved, change)


OPTICS: dict[str, ScaledChange] = {"stain": stain, "light": lamp, "focus": focus}
