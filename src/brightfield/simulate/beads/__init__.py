"""Simulated movies of micro-beads, free or in optical traps, drawn as diffraction rings at continuous positions.

The truth is the mean position of each bead over the exposure; (0, 0) is the centre of the first pixel, x is the
column, y the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from brightfield.data.records import Record
from brightfield.params import BeadsAppearance, BeadsSimulation, Suite
from brightfield.simulate.beads.diffraction import MEDIUM, RingProfile, Sphere, draw_rings, ring_profile
from brightfield.simulate.beads.motion import SEPARATION_PX, Room, contact_px, place, wander
from brightfield.simulate.optics import (
    PIXEL_RESPONSE,
    Camera,
    Real,
    around,
    log_uniform,
    pixel_response,
    smooth_field,
)

Range = tuple[float, float]

RADIUS_UM = (0.3, 1.4)  # of a bead
INDEX = (1.43, 1.59)  # refractive index: silica to polystyrene
CLEAR = 0.5  # share of the movies with clear beads; the others absorb
ABSORPTION = (0.0, 0.9)  # absorption coefficient per um: clear to magnetic
DEFOCUS_UM = (0.3, 12.0)  # to either side of the focal plane
CONDENSER = (0.06, 0.9)  # numerical aperture: from nearly closed, with many rings, to open, with a core in one ring,
BLUR_UM = 0.35  # but limited so that its blur (see diffraction) is at most this wide and the image keeps its structure
EVERYDAY = 0.4  # share of the movies with clear beads near focus under an open condenser: a core in one narrow ring
NEAR = 4.0  # largest defocus over the smallest one in those movies
SPREAD_UM = 0.3  # standard deviation of the heights in a movie; a tenth of the defocus is added
RAMPS = 0.25  # share of the movies in which the focus changes from first to last frame
RAMP_UM = (0.3, 2.0)  # size of that change
TOUCHING = 0.2  # share of the movies with beads that touch
CONTRAST = (0.25, 1.0)  # factor of the deviation of a bead from the background
VISIBLE = 0.2  # smallest deviation, over the background, of a bead's strongest point in the first frame
ELECTRONS = (100.0, 3000.0)  # per pixel of the empty background
SATURATION = (1.6, 5.0)  # full scale of the camera, relative to the background
OFFSET = (20.0, 120.0)  # counts without light
READ_NOISE = (1.5, 6.0)  # electrons
DEBRIS = 3 / 64**2  # blobs per pixel, at full disturbance
DEBRIS_CONTRAST = (-0.45, 0.3)  # change of the light by a blob
GRADIENT = 0.25  # standard deviation of the change of the light across the frame, at full disturbance
STEEPEST = 0.6  # largest change of the light across the frame
TEXTURE = 0.06  # largest standard deviation of the background's texture


@dataclass(frozen=True)
class Conditions:
    """Ranges from which the conditions of each movie are drawn; a suite changes those of one kind."""

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


@dataclass(frozen=True)
class Movie:
    """The parameters common to all frames of a movie; lengths of beads in um, positions in px."""

    defocus_um: npt.NDArray[np.float64]  # (frames,) common to all beads; positive: a bright core
    electrons: float
    contrast: npt.NDArray[np.float64]  # (N,) for each bead
    heights_um: npt.NDArray[np.float64]  # (N,) height of each bead, added to the defocus
    rings: RingProfile
    profiles: npt.NDArray[np.float32]  # (N, n) for each bead in the first frame (RingProfile.at)
    paths: npt.NDArray[np.float64]  # (frames, SUBSTEPS, N, 2): x and y in px
    background: Real  # (H, W) around 1
    response: Real  # (H, W)
    camera: Camera


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
    usual = usual_conditions(params)
    how = usual if suite is None else SUITES[suite](usual)
    shape = (params.size_px, params.width_px or params.size_px)
    # one random stream per aspect, so that further draws of one leave the others as they are
    look, layout, walk, ground, sensor = rng.spawn(5)
    everyday = bool(look.uniform() < EVERYDAY)
    absorption = look.uniform(*ABSORPTION) * (look.uniform() > CLEAR) * (not everyday)
    sphere = Sphere(log_uniform(*how.radius_um, look), look.uniform(*INDEX), absorption)
    defocus = _defocus(params.frames_per_movie, everyday, how, look)
    far = float(np.abs(defocus).max())
    widest = max(CONDENSER[0], min(CONDENSER[1], 2 * MEDIUM * BLUR_UM / far))
    narrowest = max(CONDENSER[0], widest / 2) if everyday else CONDENSER[0]
    rings = ring_profile(sphere, log_uniform(narrowest, widest, look), params.pixel_size_um)
    contrast = look.uniform(*how.contrast)

    contact, touching = contact_px(sphere.radius_um, params.pixel_size_um), layout.uniform() < how.touching
    room = Room(shape, contact if touching else max(contact, SEPARATION_PX))
    start = place(room, _bead_count(params.max_beads, how, touching, layout), touching, layout)
    heights = (SPREAD_UM + 0.1 * far) * np.clip(layout.standard_normal(len(start)), -2, 2)
    profiles = rings.at(defocus[0] + heights)
    visible = VISIBLE / np.abs(profiles - 1).max(axis=1)

    electrons = log_uniform(*how.electrons, sensor)
    return Movie(
        defocus_um=defocus,
        electrons=electrons,
        contrast=np.maximum(contrast * layout.uniform(0.8, 1, len(start)), visible),
        heights_um=heights,
        rings=rings,
        profiles=profiles,
        paths=wander(room, start, sphere.radius_um, params.frames_per_movie, params.pixel_size_um, walk),
        background=_background(shape, how, ground),
        camera=_camera(electrons, how, sensor),
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


def usual_conditions(params: BeadsSimulation) -> Conditions:
    """The conditions without a suite: the ranges above, or those of the section ``appearance``."""
    own = params.appearance or BeadsAppearance()
    return Conditions(
        radius_um=own.radius_um or RADIUS_UM,
        contrast=own.contrast or CONTRAST,
        defocus_um=(own.defocus_um or DEFOCUS_UM,),
        electrons=own.electrons or ELECTRONS,
        electrons_per_count=own.electrons_per_count,
        offset=own.offset or OFFSET,
        read_noise=own.read_noise or READ_NOISE,
        bits=12 if own.electrons_per_count is None else 16,  # a given gain may need more counts
    )


def _bead_count(most: int, how: Conditions, touching: bool, rng: np.random.Generator) -> int:
    """Draw the number of beads."""
    if how.crowding is not None:
        return int(rng.integers(how.crowding[0] * most, how.crowding[1] * most + 1))
    return max(int(rng.integers(1, most + 1)), 2 if touching else 1)


def _defocus(frames: int, near: bool, how: Conditions, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The defocus of each frame, (frames,) in um: constant, or a ramp on one side of the focal plane, towards it or away."""
    low, high = how.defocus_um[int(len(how.defocus_um) * rng.uniform())]
    side, nearest = float(rng.choice([-1, 1])), log_uniform(low, min(high, NEAR * low) if near else high, rng)
    ramp = log_uniform(*RAMP_UM, rng)
    ramp *= rng.uniform() < how.ramps
    return side * (nearest + ramp * np.linspace(0, 1, frames)[:: int(rng.choice([-1, 1]))])


def _camera(electrons: float, how: Conditions, rng: np.random.Generator) -> Camera:
    """A camera whose gain suits the light, unless it is given."""
    saturation = rng.uniform(*SATURATION)
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
    light = light * (1 + TEXTURE * trouble * rng.uniform() * smooth_field(shape, log_uniform(3, 25, rng), rng))
    for _ in range(rng.poisson(DEBRIS * trouble * shape[0] * shape[1])):
        cx, cy = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
        width, stretch, angle = log_uniform(0.8, 4, rng), rng.uniform(0.5, 2), rng.uniform(0, np.pi)
        box, dy, dx = around(shape, cx, cy, 5 * width * max(1, stretch))
        along, across = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
        blob = np.exp(-0.5 * ((along / width) ** 2 + (across / (width * stretch)) ** 2))
        light[box] *= 1 + rng.uniform(*DEBRIS_CONTRAST) * blob
    np.clip(light, 0.05, None, out=light)
    return light
