"""Fields as many labs take them, for networks that others begin with.

Cells are rods, filaments or curved, near division or just divided, of 0.6 to 1.5 times the usual width in pixels; slides are
clean or dirty, empty or crowded; phase contrast is positive or negative; cameras are without noise, or noise is a tenth of the
light; and some images were filtered, or taken at a coarser pixel and enlarged, as a prediction at another magnification enlarges
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from brightfield.simulate.bacteria.abbe import brightfield, phase_contrast
from brightfield.simulate.bacteria.imaging import BACKGROUND_PHASE, SPECKS_PER_UM2, Focus, Slide
from brightfield.simulate.bacteria.placement import E_COLI, MYXOCOCCUS, Species
from brightfield.simulate.optics import Camera, log_uniform

PIXEL = (0.65, 1.6)  # pixel size, relative: a finer one makes cells wider
# Share of the fields, and the covers of Myxococcus and E. coli
COVERS = (
    (0.07, (0.0, 0.0), (0.0, 0.0)),  # empty
    (0.13, (0.0, 0.02), (0.0, 0.0)),
    (0.20, (0.0, 0.0), (0.004, 0.05)),
    (0.15, (0.05, 0.40), (0.0, 0.0)),
    (0.20, (0.0, 0.0), (0.05, 0.45)),
    (0.10, (0.0, 0.0), (0.45, 0.80)),  # a colony that fills the field
    (0.15, (0.05, 0.40), (0.02, 0.22)),
)
# Share of the fields, and by which factors they change length, largest length and resting curvature (per um)
FORMS: tuple[tuple[float, tuple[float, float], tuple[float, float]], ...] = (
    (0.5, (0.8, 1.3), (0.0, 0.05)),  # rods
    (0.2, (2.0, 5.0), (0.0, 0.08)),  # filaments
    (0.2, (0.8, 1.6), (0.15, 0.45)),  # curved, as Caulobacter and Vibrio
    (0.1, (0.6, 0.9), (0.0, 0.03)),  # short
)
FLEXIBILITY = (0.05, 1.0)
SISTERS, WAIST = (0.0, 0.8), (0.0, 0.5)
ALIGNED_UM = (
    1.5,
    12.0,
)  # length over which the direction changes in a colony: from a jumble to rows of cells side by side
REFRACTION = (0.6, 1.5)  # factor
SPREAD = (0.05, 0.3)
FOCUS_UM = {"brightfield": 1.4, "phase": 0.5}
SHARP, SHARPNESS = 0.4, 0.2  # share of the fields that somebody focused, and how far from focus they are, of FOCUS_UM
TILT_UM = 0.3
ROUGHNESS = (0.03, 1.5)  # factor of the medium's phase: agarose may be all but invisible
SPECKS = (0.0, 3.0)  # factor
BLOBS_PER_UM2 = 1 / 300
BLOBS = 0.4  # share of the fields with some
NEGATIVE = 0.3  # share of phase contrast that is negative
RING_AMPLITUDE, RING_WIDTH = (0.25, 0.8), (0.1, 0.45)
CONDENSER = (0.4, 1.3)  # factor of its aperture
ELECTRONS = (100.0, 1e6)  # per pixel: noise of a tenth to a thousandth
VIGNETTE = (0.0, 0.35)
BLUR_PX = (0.0, 1.2)
RESPONSE = (0.0, 0.02)
ROW_NOISE = (0.0, 3.0)  # electrons
EIGHT_BIT = 0.3  # share of the images
HOT = (1e-5, 3e-4)  # share of the pixels, in HOT_SHARE of the images
HOT_SHARE = 0.3
COARSE, COARSE_SHARE = (1.2, 2.6), 0.3  # pixel before the image was enlarged, relative; share of the images
# Share of the images that the microscope's software filtered: their noise is alike in neighbouring pixels
FILTERED = 0.25


@dataclass(frozen=True)
class Wide:
    """What the conditions of one lab's field are beside those that every field has.

    Attributes:
        pixel: size of a pixel, relative to that of the simulation.
        coarse: size of the camera's pixel relative to the image's, 1 or more.
        hot: share of pixels that are hot.
        filtered: whether a median filter was applied to the image.
        slide: shapes, media and light.
    """

    pixel: float
    coarse: float
    hot: float
    filtered: bool
    slide: Slide


def draw_wide(rng: np.random.Generator) -> Wide:
    """The slide and the sampling of one field."""
    slide = Slide(
        species=_species(rng),
        spread=rng.uniform(*SPREAD),
        background=_scaled(BACKGROUND_PHASE, log_uniform(*ROUGHNESS, rng)),
        specks_per_um2=SPECKS_PER_UM2 * rng.uniform(*SPECKS),
        blobs_per_um2=BLOBS_PER_UM2 * rng.uniform() if rng.uniform() < BLOBS else 0.0,
        light={
            "brightfield": lambda each: brightfield(each.uniform(*CONDENSER)),
            "phase": lambda each: phase_contrast(
                each.uniform(*RING_AMPLITUDE), each.uniform(*RING_WIDTH), bool(each.uniform() < NEGATIVE)
            ),
        },
    )
    coarse = rng.uniform(*COARSE) if rng.uniform() < COARSE_SHARE else 1.0
    hot = log_uniform(*HOT, rng) if rng.uniform() < HOT_SHARE else 0.0
    return Wide(log_uniform(*PIXEL, rng), coarse, hot, bool(rng.uniform() < FILTERED), slide)


def draw_covers(rng: np.random.Generator) -> dict[int, float]:
    """The share of the area that each species covers."""
    _, myxococcus, e_coli = COVERS[rng.choice(len(COVERS), p=[share for share, *_ in COVERS])]
    return {MYXOCOCCUS.code: rng.uniform(*myxococcus), E_COLI.code: rng.uniform(*e_coli)}


def draw_focus(modality: str, rng: np.random.Generator) -> Focus:
    """Distance from focus and tilt."""
    share = SHARPNESS if rng.uniform() < SHARP else 1.0
    return Focus(share * FOCUS_UM[modality] * rng.uniform(-1, 1), share * rng.uniform(0, TILT_UM))


def draw_camera(electrons: float, rng: np.random.Generator) -> Camera:
    """A camera on which the background is well below saturation."""
    bits = 8 if rng.uniform() < EIGHT_BIT else 16
    offset = rng.uniform(2.0, 40.0) if bits == 8 else rng.uniform(90.0, 800.0)
    level = rng.uniform(60.0, 170.0) if bits == 8 else log_uniform(400.0, 3e4, rng)  # counts of the background
    noise = 1.0 if electrons < 1e5 else 0.0
    return Camera(
        electrons_per_count=electrons / level,
        offset=offset,
        read_noise=noise * rng.uniform(0.0, 8.0),
        row_noise=noise * rng.uniform(*ROW_NOISE),
        bits=bits,
    )


def _species(rng: np.random.Generator) -> dict[int, Species]:
    _, length, curvature = FORMS[rng.choice(len(FORMS), p=[share for share, *_ in FORMS])]
    stretched, bent = rng.uniform(*length), rng.uniform(*curvature)
    refraction, flexibility = rng.uniform(*REFRACTION), log_uniform(*FLEXIBILITY, rng)
    sisters, waist = rng.uniform(*SISTERS), rng.uniform(*WAIST)
    aligned_um = log_uniform(*ALIGNED_UM, rng)
    return {
        species.code: replace(
            species,
            length=(species.length[0] * stretched, species.length[1] * stretched),
            longest=species.longest * max(1.0, stretched),
            curvature=bent,
            flexibility=flexibility,
            refraction=species.refraction * refraction,
            sisters=sisters,
            waist=waist,
            aligned_um=aligned_um,
        )
        for species in (MYXOCOCCUS, E_COLI)
    }


def _scaled(ranges: Mapping[str, tuple[float, float]], factor: float) -> dict[str, tuple[float, float]]:
    return {name: (low * factor, high * factor) for name, (low, high) in ranges.items()}
