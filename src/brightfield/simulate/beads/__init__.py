"""Simulated movies of micro-beads, free or in optical traps, drawn as diffraction rings at continuous positions.

The truth is the mean position of each bead over the exposure; (0, 0) is the centre of the first pixel, x is the
column, y the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brightfield.data.records import Record
from brightfield.params import BeadsSimulation, Suite, Variety
from brightfield.simulate.beads.conditions import SUITES, Conditions, matched_conditions
from brightfield.simulate.beads.diffraction import (
    FINE_UM,
    MEDIUM,
    RingProfile,
    Sphere,
    draw_rings,
    ring_profile,
)
from brightfield.simulate.beads.motion import SEPARATION_PX, Room, contact_px, place, wander
from brightfield.simulate.beads.spots import SpotProfile
from brightfield.simulate.beads.variety import wide_conditions
from brightfield.simulate.optics import (
    Camera,
    Real,
    around,
    log_uniform,
    pixel_response,
    smooth_field,
)

INDEX = (1.43, 1.59)  # refractive index: silica to polystyrene
CLEAR = 0.5  # share of the movies with clear beads; the others absorb
ABSORPTION = (0.0, 0.9)  # absorption coefficient per um: clear to magnetic
CONDENSER = (0.06, 0.9)  # numerical aperture: from nearly closed, with many rings, to open, with a core in one ring,
BLUR_UM = 0.35  # but limited so that its blur (see diffraction) is at most this wide and the image keeps its structure
EVERYDAY = 0.4  # share of the movies with clear beads near focus under an open condenser: a core in one narrow ring
NEAR = 4.0  # largest defocus over the smallest one in those movies
SPREAD_UM = 0.3  # standard deviation of the heights in a movie; a tenth of the defocus is added
RAMP_UM = (0.3, 2.0)  # size of that change
DEBRIS_CONTRAST = (-0.45, 0.3)  # change of the light by a blob of debris
SPOTS_TOUCH, SPOTS_APART = (
    (3.0, 2.5),
    (5.0, 5.0),
)  # distance of dots: at least the first, in px, or the second times their width
SPOT_RADIUS_UM = 0.25  # smallest of dots: smaller beads diffuse too far in one exposure to be dots
MOST = 0.85  # share of the squared deviation from the background within the radius of a bead's image
DARKEST = 0.95  # largest loss of light in a bead whose contrast is raised until it stands out of the noise


@dataclass(frozen=True)
class Movie:
    """The parameters common to all frames of a movie; lengths of beads in um, positions in px."""

    defocus_um: npt.NDArray[np.float64]  # (frames,) common to all beads; positive: a bright core
    electrons: float
    contrast: npt.NDArray[np.float64]  # (N,) for each bead
    heights_um: npt.NDArray[np.float64]  # (N,) height of each bead, added to the defocus
    rings: RingProfile | SpotProfile
    profiles: npt.NDArray[np.float32]  # (N, n) for each bead in the first frame (RingProfile.at)
    paths: npt.NDArray[np.float64]  # (frames, SUBSTEPS, N, 2): x and y in px
    background: Real  # (H, W) around 1
    response: Real  # (H, W)
    camera: Camera


VARIETIES: dict[Variety, Callable[[np.random.Generator], Conditions]] = {
    "usual": lambda lab: Conditions(),
    "wide": wide_conditions,
}


def groups(params: BeadsSimulation) -> int:
    """Number of movies."""
    return params.movies


def per_group(params: BeadsSimulation) -> int:
    """Number of frames per movie."""
    return params.frames_per_movie


def simulate_group(
    params: BeadsSimulation, number: int, rng: np.random.Generator, suite: Suite | None = None
) -> Iterator[Record]:
    """Simulate the frames of one movie.

    Yields:
        Records with an image (size_px, width_px) uint16, ``positions`` (N, 2) float64 (x and y in px), ``transmission``
        (size_px, width_px) float16 of the beads alone, and a row of frame, movie, beads (number), defocus_um (of the frame;
        positive where beads have a bright core), electrons (per pixel of the background) and read_noise (electrons).
    """
    movie, name = draw_movie(params, rng, suite), f"movie{number:03d}"
    for frame, (light, path) in enumerate(zip(draw_light(movie), movie.paths, strict=True)):
        image = movie.camera.expose(movie.electrons * light, rng, movie.response).astype(np.uint16)
        row = {
            "frame": frame,
            "movie": name,
            "beads": path.shape[1],
            "defocus_um": float(movie.defocus_um[frame]),
            "electrons": movie.electrons,
            "read_noise": movie.camera.read_noise,
        }
        alone = (light / movie.background).astype(np.float16)  # transmissions multiply
        fields = {"positions": path.mean(axis=0), "transmission": alone}
        yield Record(f"{name}_{frame:04d}", name, image, fields, row)


def draw_movie(params: BeadsSimulation, rng: np.random.Generator, suite: Suite | None = None) -> Movie:
    """Draw everything about one movie but its noise; a suite leaves the conditions that it does not change as without it."""
    # one random stream per aspect, so that further draws of one leave the others as they are
    look, layout, walk, ground, sensor, lab = rng.spawn(6)
    how = VARIETIES[params.variety](lab)
    if params.appearance is not None:
        how = matched_conditions(how, params.appearance)
    if suite is not None:
        how = SUITES[suite](how)
    pixel_um = params.pixel_size_um * how.pixel
    shape = (params.size_px, params.width_px or params.size_px)
    everyday = bool(look.uniform() < EVERYDAY)
    bead = (_sphere if how.spot_px is None else _spot)(params.frames_per_movie, pixel_um, everyday, how, look)
    contrast = look.uniform(*how.contrast)

    touching = layout.uniform() < how.touching
    room = Room(shape, bead.contact_px if touching else bead.separation_px, how.margin_px)
    start = place(room, _bead_count(params.max_beads, how, touching, layout), touching, layout)
    far = float(np.abs(bead.defocus_um).max())
    heights = (SPREAD_UM + 0.1 * far) * np.clip(layout.standard_normal(len(start)), -2, 2)
    profiles = bead.rings.at(bead.defocus_um[0] + heights)
    visible = how.visible / np.abs(profiles - 1).max(axis=1)
    contrasts = np.maximum(contrast * layout.uniform(how.faintest, 1, len(start)), visible)

    electrons = log_uniform(*how.electrons, sensor)
    camera = _camera(electrons, how, sensor)
    if how.signal_to_noise:
        noise = np.sqrt((electrons + camera.read_noise**2) / electrons**2 + how.response**2)
        contrasts = _standing_out(contrasts, profiles, how.signal_to_noise * noise, pixel_um)
    return Movie(
        defocus_um=bead.defocus_um,
        electrons=electrons,
        contrast=contrasts,
        heights_um=heights,
        rings=bead.rings,
        profiles=profiles,
        paths=wander(room, start, bead.radius_um, params.frames_per_movie, pixel_um, walk),
        background=_background(shape, how, ground),
        camera=camera,
        response=pixel_response(shape, sensor, how.response),
    )


def draw_light(movie: Movie) -> Iterator[Real]:
    """The light of each frame, (H, W) float32, 1 on an even background without beads."""
    profiles = movie.profiles
    for frame, path in enumerate(movie.paths):
        if movie.defocus_um[frame] != movie.defocus_um[max(frame - 1, 0)]:
            profiles = movie.rings.at(movie.defocus_um[frame] + movie.heights_um)
        light = movie.background.astype(np.float32)
        for bead, (profile, contrast) in enumerate(zip(profiles, movie.contrast, strict=True)):
            draw_rings(light, profile, float(contrast), path[:, bead], movie.rings.pixel_um)
        yield light


class _Bead(NamedTuple):
    """The beads of a movie: their look, and what it asks of their places."""

    rings: RingProfile | SpotProfile
    defocus_um: npt.NDArray[np.float64]  # (frames,)
    radius_um: float
    contact_px: float  # smallest distance of two that touch
    separation_px: float  # and of any others


def _sphere(frames: int, pixel_um: float, everyday: bool, how: Conditions, rng: np.random.Generator) -> _Bead:
    absorption = rng.uniform(*ABSORPTION) * (rng.uniform() > CLEAR) * (not everyday)
    sphere = Sphere(log_uniform(*how.radius_um, rng), rng.uniform(*INDEX), absorption)
    defocus = _defocus(frames, everyday, how, rng)
    widest = max(CONDENSER[0], min(CONDENSER[1], 2 * MEDIUM * BLUR_UM / float(np.abs(defocus).max())))
    narrowest = max(CONDENSER[0], widest / 2) if everyday else CONDENSER[0]
    rings = ring_profile(sphere, log_uniform(narrowest, widest, rng), pixel_um)
    contact = contact_px(sphere.radius_um, pixel_um)
    if how.spacing:
        contact = max(contact, how.spacing * _radius_px(rings.at([defocus[0]])[0], pixel_um))
    return _Bead(rings, defocus, sphere.radius_um, contact, max(contact, SEPARATION_PX))


def _spot(frames: int, pixel_um: float, everyday: bool, how: Conditions, rng: np.random.Generator) -> _Bead:
    assert how.spot_px is not None
    width, defocus = log_uniform(*how.spot_px, rng), _defocus(frames, everyday, how, rng)
    spot = SpotProfile(width * pixel_um, float(np.sign(defocus[0])), pixel_um)
    contact, separation = (max(least, n * width) for least, n in (SPOTS_TOUCH, SPOTS_APART))
    return _Bead(spot, defocus, max(width * pixel_um, SPOT_RADIUS_UM), contact, separation)


def _radius_px(profile: Real, pixel_um: float) -> float:
    """The radius in px within which most of the squared deviation from 1 lies."""
    radius = (np.arange(len(profile)) + 0.5) * FINE_UM / pixel_um
    inside = np.cumsum((profile - 1) ** 2 * radius)
    return float(radius[np.searchsorted(inside, MOST * inside[-1])])


def _standing_out(contrasts: Real, profiles: Real, least: float, pixel_um: float) -> Real:
    """Raise contrasts (N,) until the root of each bead's sum of squares is ``least``, but no bead beyond black."""
    deviation = profiles - 1
    radius_px = (np.arange(profiles.shape[1]) + 0.5) * FINE_UM / pixel_um
    signal = np.sqrt((deviation**2 * radius_px).sum(axis=1) * 2 * np.pi * FINE_UM / pixel_um)
    raised: Real = np.minimum(np.maximum(contrasts, least / signal), DARKEST / np.maximum(-deviation.min(axis=1), 1e-3))
    return raised


def _bead_count(most: int, how: Conditions, touching: bool, rng: np.random.Generator) -> int:
    """Draw the number of beads."""
    if how.empty and rng.uniform() < how.empty:
        return 0
    if how.crowding is not None:
        return int(rng.integers(how.crowding[0] * most, how.crowding[1] * most + 1))
    return max(int(rng.integers(1, most + 1)), 2 if touching else 1)


def _defocus(frames: int, near: bool, how: Conditions, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The defocus of each frame, (frames,) in um: constant, or a ramp on one side of the focal plane, towards it or away."""
    low, high = how.defocus_um[int(len(how.defocus_um) * rng.uniform())]
    side = float(rng.choice([-1, 1])) if how.side is None else how.side
    nearest = log_uniform(low, min(high, NEAR * low) if near else high, rng)
    ramp = log_uniform(*RAMP_UM, rng)
    ramp *= rng.uniform() < how.ramps
    return side * (nearest + ramp * np.linspace(0, 1, frames)[:: int(rng.choice([-1, 1]))])


def _camera(electrons: float, how: Conditions, rng: np.random.Generator) -> Camera:
    """A camera whose gain suits the light, unless it is given."""
    saturation = rng.uniform(*how.saturation)
    if how.electrons_per_count is None:
        step = electrons * saturation / (2**how.bits - 1)
    else:
        step = rng.uniform(*how.electrons_per_count)
    return Camera(step, rng.uniform(*how.offset), rng.uniform(*how.read_noise), how.row_noise, how.bits)


def _background(shape: tuple[int, int], how: Conditions, rng: np.random.Generator) -> Real:
    """Uneven light, texture and debris out of focus, around 1; the disturbance is drawn between none and full."""
    trouble = rng.uniform()
    gx, gy = np.clip(trouble * how.gradient * rng.standard_normal(2), -how.steepest, how.steepest)
    light: Real = 1 + gx * np.linspace(-0.5, 0.5, shape[1]) + gy * np.linspace(-0.5, 0.5, shape[0])[:, None]
    light = light * (1 + how.texture * trouble * rng.uniform() * smooth_field(shape, log_uniform(3, 25, rng), rng))
    for _ in range(rng.poisson(how.debris * trouble * shape[0] * shape[1])):
        cx, cy = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
        width, stretch, angle = log_uniform(0.8, 4, rng), rng.uniform(0.5, 2), rng.uniform(0, np.pi)
        box, dy, dx = around(shape, cx, cy, 5 * width * max(1, stretch))
        along, across = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
        blob = np.exp(-0.5 * ((along / width) ** 2 + (across / (width * stretch)) ** 2))
        light[box] *= 1 + rng.uniform(*DEBRIS_CONTRAST) * blob
    np.clip(light, 0.05, None, out=light)
    return light
