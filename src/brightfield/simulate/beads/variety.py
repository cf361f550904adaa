"""Movies of beads as many labs take them, for networks that others begin with.

Beads are dots of less than a pixel or spheres in wide rings, bright or dark, few or crowded, in clear light or in noise. Wherever
a bead is hardly to be told from noise or debris, it is left out of the question: each stands out of the noise, and no debris lies
among dots.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brightfield.simulate.beads.conditions import DEBRIS, TEXTURE, Conditions
from brightfield.simulate.optics import log_uniform

EMPTY = 0.05  # share of the movies without a bead
DOTS = 0.45  # share of the movies with dots,
BRIGHT = 0.5  # and of those with bright ones
PIXEL = (0.5, 2.0)  # size of a pixel, relative
CROWDED = 0.5  # share of the movies with up to CROWD times as many beads
CROWD = 3
READ_NOISE = (0.5, 8.0)  # electrons
ROW_NOISE = 2.0  # electrons, largest
RESPONSE = 0.02  # largest
BITS = (8, 12, 16)
# Spheres
SPHERE_SIGNAL_TO_NOISE = 20.0  # smallest, of a whole bead: its light is spread over many pixels
SPACING = 1.3  # smallest distance of two, over the radius of their image: rings cross, but do not drown each other
SPHERE_TEXTURE = 0.25  # largest, relative to the contrast
RADIUS_UM = (0.25, 1.8)
SPHERE_CONTRAST = (0.12, 1.0)
SPHERE_VISIBLE = 0.1
DEFOCUS_UM = (0.2, 14.0)
SPHERE_ELECTRONS = (100.0, 3e4)  # per pixel of the background
CLEAN = 0.5  # share of the movies with spheres without debris
# Dots
SPOT_SIGNAL_TO_NOISE = 12.0  # smallest
SPOT_PX = (0.4, 3.0)  # standard deviation
SPOT_DEFOCUS_UM = (0.05, 1.5)
DARK_CONTRAST, DARK_ELECTRONS = (0.1, 0.9), (250.0, 3e4)
BRIGHT_CONTRAST, BRIGHT_ELECTRONS = (0.1, 3.0), (60.0, 2e4)  # fluorescent ones have little background
SPOT_VISIBLE = 0.05
SPOT_MARGIN_PX = 4.0
SPOT_TEXTURE = 0.1  # largest, relative to the contrast: a coarser one looks like dots
FAINTEST = 0.35  # contrast of a dot, over the strongest


def wide_conditions(rng: np.random.Generator) -> Conditions:
    """Draw the conditions of a movie of any lab; it has few ranges left, from which its beads are drawn."""
    empty, dots = rng.uniform() < EMPTY, rng.uniform() < DOTS
    common = Conditions(
        crowding=(1, CROWD) if rng.uniform() < CROWDED else None,
        read_noise=READ_NOISE,
        row_noise=ROW_NOISE * rng.uniform() ** 2,
        response=rng.uniform(0, RESPONSE),
        bits=int(rng.choice(BITS)),
        pixel=log_uniform(*PIXEL, rng),
        empty=float(empty),
        # debris alone may be taken for beads, even by an expert
        debris=0.0 if empty or dots or rng.uniform() < CLEAN else DEBRIS,
    )
    return _dots(common, rng) if dots else _spheres(common, rng)


def _spheres(common: Conditions, rng: np.random.Generator) -> Conditions:
    contrast = log_uniform(*SPHERE_CONTRAST, rng)
    return replace(
        common,
        radius_um=RADIUS_UM,
        contrast=_one(contrast),
        defocus_um=(DEFOCUS_UM,),
        electrons=SPHERE_ELECTRONS,
        visible=SPHERE_VISIBLE,
        spacing=SPACING,
        signal_to_noise=SPHERE_SIGNAL_TO_NOISE,
        texture=min(TEXTURE, SPHERE_TEXTURE * contrast),
    )


def _dots(common: Conditions, rng: np.random.Generator) -> Conditions:
    bright = rng.uniform() < BRIGHT
    contrast = log_uniform(*(BRIGHT_CONTRAST if bright else DARK_CONTRAST), rng)
    # a camera is set so that beads do not saturate
    head = 1 + contrast * bright
    return replace(
        common,
        spot_px=SPOT_PX,
        side=1.0 if bright else -1.0,
        contrast=_one(contrast),
        defocus_um=(SPOT_DEFOCUS_UM,),
        electrons=BRIGHT_ELECTRONS if bright else DARK_ELECTRONS,
        saturation=(1.3 * head, 4 * head),
        margin_px=SPOT_MARGIN_PX,
        faintest=FAINTEST,
        visible=SPOT_VISIBLE,
        signal_to_noise=SPOT_SIGNAL_TO_NOISE,
        texture=min(TEXTURE, SPOT_TEXTURE * contrast),
    )


def _one(value: float) -> tuple[float, float]:
    """A range of one value."""
    return value, value
