"""Conditions under which movies of beads are taken: of one lab, of a test suite, or those of an appearance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from brightfield.params import BeadsAppearance, Suite
from brightfield.simulate.beads.motion import MARGIN_PX
from brightfield.simulate.optics import PIXEL_RESPONSE

Range = tuple[float, float]

RADIUS_UM = (0.3, 1.4)  # of a bead
DEFOCUS_UM = (0.3, 12.0)  # to either side of the focal plane
RAMPS = 0.25  # share of the movies in which the focus changes from first to last frame
TOUCHING = 0.2  # share of the movies with beads that touch
CONTRAST = (0.25, 1.0)  # factor of the deviation of a bead from the background
VISIBLE = 0.2  # smallest deviation, over the background, of a bead's strongest point in the first frame
ELECTRONS = (100.0, 3000.0)  # per pixel of the empty background
SATURATION = (1.6, 5.0)  # full scale of the camera, relative to the background
OFFSET = (20.0, 120.0)  # counts without light
READ_NOISE = (1.5, 6.0)  # electrons
DEBRIS = 3 / 64**2  # blobs per pixel, at full disturbance
GRADIENT = 0.25  # standard deviation of the change of the light across the frame, at full disturbance
STEEPEST = 0.6  # largest change of the light across the frame
TEXTURE = 0.06  # largest standard deviation of the background's texture


@dataclass(frozen=True)
class Conditions:
    """Ranges from which the conditions of each movie are drawn, of one lab by default; a suite changes those of one kind."""

    radius_um: Range = RADIUS_UM
    contrast: Range = CONTRAST
    defocus_um: tuple[Range, ...] = (DEFOCUS_UM,)  # one of these ranges, drawn for each movie
    ramps: float = RAMPS
    crowding: tuple[int, int] | None = None  # number of beads in units of max_beads; None: from one to max_beads
    touching: float = TOUCHING
    electrons: Range = ELECTRONS
    gradient: float = GRADIENT
    steepest: float = STEEPEST
    electrons_per_count: Range | None = None  # None: from SATURATION
    offset: Range = OFFSET
    read_noise: Range = READ_NOISE
    row_noise: float = 0.3
    response: float = PIXEL_RESPONSE
    bits: int = 12
    pixel: float = 1.0  # factor of the size of a pixel
    spot_px: Range | None = None  # standard deviation of beads that are dots, log-uniform; None: spheres
    side: float | None = None  # of the focal plane: 1 bright cores or dots, -1 dark ones; None: either
    empty: float = 0.0  # share of the movies without any bead
    margin_px: float = MARGIN_PX
    spacing: float = 0.0  # smallest distance of two spheres, over the radius of their image
    faintest: float = 0.8  # contrast of a bead, over that of its movie
    visible: float = VISIBLE
    signal_to_noise: float = 0.0  # smallest, of a whole bead
    debris: float = DEBRIS
    texture: float = TEXTURE
    saturation: Range = SATURATION


# focus: nearer to the focal plane than in training, or farther from it, on both sides; density: several times as many beads, in
# clusters; light: less than in training, and uneven; camera: coarse steps and a noisy sensor with a fixed pattern
SUITES: dict[Suite, Callable[[Conditions], Conditions]] = {
    "focus": lambda usual: replace(
        usual,
        defocus_um=tuple(
            ends for low, high in usual.defocus_um for ends in ((0.4 * low, 0.8 * low), (1.2 * high, 1.4 * high))
        ),
        ramps=0.0,
    ),
    "density": lambda usual: replace(usual, crowding=(3, 5), touching=1.0),
    "light": lambda usual: replace(
        usual, electrons=(0.25 * usual.electrons[0], 0.8 * usual.electrons[0]), gradient=1.5, steepest=0.9
    ),
    "camera": lambda usual: replace(
        usual,
        electrons_per_count=None,
        offset=(25.0, 75.0),
        read_noise=(10.0, 16.0),
        row_noise=3.0,
        response=0.04,
        bits=8,
    ),
}


def matched_conditions(how: Conditions, own: BeadsAppearance) -> Conditions:
    """The conditions with the ranges that an appearance sets."""
    drawn: dict[str, Any] = {
        name: ends
        for name in ("radius_um", "contrast", "electrons", "electrons_per_count", "offset", "read_noise")
        if (ends := getattr(own, name)) is not None
    }
    if own.defocus_um is not None:
        drawn["defocus_um"] = (own.defocus_um,)
    if own.radius_um is not None or own.defocus_um is not None:
        drawn["spot_px"] = None  # it speaks of spheres
    if own.electrons_per_count is not None:
        drawn["bits"] = 16  # a given gain may need more counts
    return replace(how, **drawn)
