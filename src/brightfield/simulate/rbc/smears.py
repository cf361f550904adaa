"""What the crops of a smear have in common: stain, light, focus, density and camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from brightfield.params import RbcAppearance, Suite
from brightfield.simulate.optics import Real, log_uniform

# Absorption per um of cell in red, green and blue: the stains that smears mix
STAINS = np.array([[0.03, 0.14, 0.20], [0.05, 0.19, 0.13], [0.15, 0.18, 0.09]])  # eosin, eosin rich in azure, azure

READ_NOISE = 6.0  # electrons
# Changes by the suites. Focus: the whole smear is out of focus, but most cells are still good
SUITE_FOCUS_UM = (0.6, 1.2)
SUITE_NEIGHBOURS = (0.8, 1.0)  # density: nearly every crop has a neighbour
SUITE_DIMMING = (0.35, 0.6)  # light: factor of a dimmer lamp
SUITE_BLEED = 0.25  # camera: crosstalk between colours,
SUITE_GAMMA = (0.6, 0.8)  # a tone curve that brightens the shadows,
SUITE_READ_NOISE = 18.0  # and a noisier sensor


@dataclass(frozen=True)
class Smear:
    """The parameters common to all crops of a smear; those with a default are of one lab."""

    stain: Real  # (3,) absorption per um
    white: Real  # (3,) brightness of the empty background, 1 is white
    focus_um: float  # mean distance from focus
    electrons: float  # per pixel at white
    neighbours: float  # probability of a neighbour in the crop
    texture: float  # relative standard deviation of the dried plasma
    # (3, 3) response of each colour of the camera (column) to each colour of light (row)
    mixing: Real = field(default_factory=lambda: np.eye(3))
    gamma: float = 1.0  # exponent of the camera's tone curve
    read_noise: float = READ_NOISE  # electrons
    contour: bool = True  # whether the contour is drawn, in red; if not,
    off_centre_um: float = 0.0  # a contour with an error of 1 has its cell this far from the middle of the crop
    magnification: float = 1.0  # of the optics, over that of the simulation's pixel size
    blur_um: float = 0.0  # standard deviation of the blur by the optics, besides diffraction and defocus
    crowding: float = 0.0  # further cells around that do not touch, on an area of 100 um^2
    unevenness: float = 1.0  # exponent of the changes of the light by lamp, dust and pixels; 0: none
    sharpening: float = 0.0  # factor of the detail that the camera adds
    compression: float = 0.0  # the step of `compressed`; 0: none


def usual_smear(rng: np.random.Generator) -> Smear:
    """Draw a smear of one lab."""
    blue = rng.uniform() ** 3  # a blue filter in the lamp: strong in few smears, weak in most
    return Smear(
        stain=rng.dirichlet([0.7, 1.0, 0.6]) @ STAINS * rng.lognormal(0.1, 0.22),
        white=rng.uniform(0.6, 0.95) * rng.lognormal(0, 0.04, 3) * np.exp(-blue * np.array([0.7, 0.45, 0.05])),
        focus_um=rng.normal(0, 0.3),
        electrons=log_uniform(1500, 6000, rng),
        neighbours=rng.uniform(0.05, 0.45),
        texture=rng.uniform(0.0, 0.02),
    )


def matched_smear(smear: Smear, own: RbcAppearance, rng: np.random.Generator) -> Smear:
    """Draw the values that an appearance sets from its ranges; colours vary together, as with one lamp or dye."""
    drawn: dict[str, Any] = {"contour": own.contour}
    for name, ends in (("white", own.white), ("stain", own.stain)):
        if ends is not None:
            low, high = np.transpose(ends)
            drawn[name] = low + rng.uniform() * (high - low)
    if own.white is not None:
        drawn["gamma"] = 1.0  # it was measured behind the tone curve
    if own.electrons is not None:
        drawn["electrons"] = log_uniform(*own.electrons, rng)
    if own.focus_um is not None:
        drawn["focus_um"] = float(rng.choice([-1.0, 1.0])) * rng.uniform(*own.focus_um)
    for name, limits in (("texture", own.texture), ("read_noise", own.read_noise), ("neighbours", own.neighbours)):
        if limits is not None:
            drawn[name] = rng.uniform(*limits)
    return replace(smear, **drawn)


def _other_camera(smear: Smear, rng: np.random.Generator) -> Smear:
    bleed = SUITE_BLEED * rng.uniform(0.5, 1, (3, 3))
    np.fill_diagonal(bleed, 1)
    mixing = bleed / bleed.sum(axis=0)
    return replace(smear, mixing=mixing, gamma=rng.uniform(*SUITE_GAMMA), read_noise=SUITE_READ_NOISE)


def _dimmed(smear: Smear, rng: np.random.Generator) -> Smear:
    share = rng.uniform(*SUITE_DIMMING)
    return replace(smear, white=smear.white * share)


SUITES: dict[Suite, Callable[[Smear, np.random.Generator], Smear]] = {
    "focus": lambda smear, rng: replace(smear, focus_um=rng.choice([-1.0, 1.0]) * rng.uniform(*SUITE_FOCUS_UM)),
    "density": lambda smear, rng: replace(smear, neighbours=rng.uniform(*SUITE_NEIGHBOURS)),
    "light": _dimmed,
    "camera": _other_camera,
}
