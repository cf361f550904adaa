"""Movies of micro-beads that wander in or out of optical traps, drawn as diffraction rings at continuous positions.

The truth is the mean position of each bead over the exposure; (0, 0) is the centre of the first pixel, x is the
column, y the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brightfield.params import BeadsSimulation, Suite
from brightfield.records import Record
from brightfield.simulate.beads.diffraction import MEDIUM, RingProfile, Sphere, draw_rings, ring_profile
from brightfield.simulate.optics import Camera, Real, around, log_uniform, pixel_response, smooth_field

MARGIN_PX = 12.0  # a bead's centre stays this far inside the frame,
SEPARATION_PX = 20.0  # and this far from any other
SUBSTEPS = 8  # of a movement within one exposure
THERMAL_ENERGY = 4.11e-3  # kT in pN um, at 25 degrees
VISCOSITY = 8.9e-4  # of water, pN s / um^2
STIFFNESS = (1.0, 100.0)  # of a trap, pN / um
FREE = 0.5  # share of the movies without a trap
FRAME_S = (0.01, 0.04)  # time between frames
EXPOSED = (0.3, 1.0)  # share of it in which the shutter is open
RADIUS_UM = (0.5, 1.4)
INDEX = (1.43, 1.59)  # refractive: silica to polystyrene
ABSORPTION = (0.0, 0.9)  # per um of bead: clear to magnetic
DEFOCUS_UM = (0.8, 12.0)  # to either side of the focal plane
CONDENSER = (0.06, 0.6)  # numerical aperture: nearly closed, many rings; open, a core in one ring,
BLUR_UM = 0.35  # but never so open that its blur (see diffraction) is wider than this and only a smudge remains
SPREAD_UM = 0.3  # between the heights of a movie's beads, standard deviation; and a tenth of the defocus
DRIFT_UM_S = 0.005  # of the stage, standard deviation in each direction
CONTRAST = (0.25, 1.0)
ELECTRONS = (100.0, 3000.0)  # in a pixel of the empty background
SATURATION = (1.6, 5.0)  # full scale of the camera, relative to the background
DEBRIS = 3 / 64**2  # blobs a pixel, at full trouble
DEBRIS_CONTRAST = (-0.45, 0.3)
GRADIENT = 0.25  # of the light across the frame, standard deviation at full trouble
TEXTURE = 0.08  # of the background, largest standard deviation
HEIGHTS = 9  # planes of the profile table


@dataclass(frozen=True)
class Movie:
    """What the frames of one movie share; lengths of beads in um, those of positions in px."""

    defocus_um: float
    electrons: float
    contrast: npt.NDArray[np.float64]  # (N,) of each bead
    heights_um: npt.NDArray[np.float64]  # (N,) of each bead; positive: a bright core
    profile: RingProfile
    paths: npt.NDArray[np.float64]  # (frames, SUBSTEPS, N, 2): x and y in px
    background: Real  # (H, W) around 1
    response: Real  # (H, W)
    camera: Camera


def groups(params: BeadsSimulation) -> int:
    """How many movies."""
    return params.movies


def per_group(params: BeadsSimulation) -> int:
    """Frames of a movie."""
    return params.frames_per_movie


def simulate_group(
    params: BeadsSimulation, number: int, rng: np.random.Generator, suite: Suite | None = None
) -> Iterator[Record]:
    """The frames of one movie.

    Yields:
        Records with an image (size_px, size_px) uint16, ``positions`` (N, 2) float64 (x and y in px) and a row of
        frame, movie, defocus_um (of the movie; positive where beads have a bright core) and electrons (in a pixel of
        the background).
    """
    shape = (params.size_px, params.size_px)
    movie, name = draw_movie(params, rng), f"movie{number:03d}"
    for frame in range(params.frames_per_movie):
        path = movie.paths[frame]
        light = movie.background * draw_beads(movie, path, params.pixel_size_um, shape)
        image = movie.camera.expose(movie.electrons * light, rng, movie.response)
        row = {"frame": frame, "movie": name, "defocus_um": movie.defocus_um, "electrons": movie.electrons}
        yield Record(f"{name}_{frame:04d}", name, image, {"positions": path.mean(axis=0)}, row)


def draw_movie(params: BeadsSimulation, rng: np.random.Generator) -> Movie:
    """Everything about one movie but its noise."""
    shape = (params.size_px, params.size_px)
    start = _place(shape, int(rng.integers(1, params.max_beads + 1)), rng)
    sphere = Sphere(rng.uniform(*RADIUS_UM), rng.uniform(*INDEX), rng.uniform(*ABSORPTION))
    defocus = float(rng.choice([-1, 1])) * log_uniform(*DEFOCUS_UM, rng)
    heights = defocus + (SPREAD_UM + 0.1 * abs(defocus)) * np.clip(rng.standard_normal(len(start)), -2, 2)
    planes = np.linspace(heights.min() - 0.1, heights.max() + 0.1, HEIGHTS)
    condenser = log_uniform(CONDENSER[0], min(CONDENSER[1], 2 * MEDIUM * BLUR_UM / abs(defocus)), rng)
    electrons = log_uniform(*ELECTRONS, rng)
    camera = Camera(
        electrons * rng.uniform(*SATURATION) / 4095, rng.uniform(20, 120), rng.uniform(1.5, 6), 0.3, bits=12
    )
    return Movie(
        defocus_um=defocus,
        electrons=electrons,
        contrast=rng.uniform(*CONTRAST) * rng.uniform(0.8, 1, len(start)),
        heights_um=heights,
        profile=ring_profile(sphere, condenser, planes),
        paths=_paths(params, start, sphere.radius_um, shape, rng),
        background=_background(shape, rng.uniform(), rng),
        response=pixel_response(shape, rng),
        camera=camera,
    )


def draw_beads(movie: Movie, path: Real, pixel_um: float, shape: tuple[int, int]) -> Real:
    """Light behind the beads of one frame, (H, W), 1 where there is none; ``path`` is (SUBSTEPS, N, 2) in px."""
    light = np.ones(shape, dtype=np.float32)
    for bead, (contrast, height) in enumerate(zip(movie.contrast, movie.heights_um, strict=True)):
        drawn = draw_rings(movie.profile.at(height), path[:, bead], pixel_um, shape)
        light *= 1 + np.float32(contrast) * (drawn - 1)
    return light


def _place(shape: tuple[int, int], n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Positions (N, 2) that keep their distances: ``n``, or as many as there is room for."""
    upper = np.array([shape[1], shape[0]]) - 1 - MARGIN_PX
    lower = np.minimum(MARGIN_PX, upper)
    placed = [rng.uniform(lower, upper)]
    for candidate in rng.uniform(lower, upper, (50 * (n - 1), 2)):
        if len(placed) < n and np.linalg.norm(candidate - np.array(placed), axis=1).min() >= SEPARATION_PX:
            placed.append(candidate)
    return np.array(placed)


def _paths(
    params: BeadsSimulation, start: Real, radius_um: float, shape: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Where the beads are in each sub-step of each exposure: Brownian motion, free or in a harmonic trap."""
    drag = 6 * np.pi * VISCOSITY * radius_um
    stiffness = 0.0 if rng.uniform() < FREE else log_uniform(*STIFFNESS, rng)
    frame_s = rng.uniform(*FRAME_S)
    open_s = frame_s * rng.uniform(*EXPOSED)
    drift = rng.normal(0, DRIFT_UM_S, 2) / params.pixel_size_um
    paths = np.empty((params.frames_per_movie, SUBSTEPS, *start.shape))
    position, trap = np.array(start), np.array(start)
    for frame in range(params.frames_per_movie):
        for step in range(SUBSTEPS):
            # the shutter opens after the first pause
            pause = frame_s - open_s if step == 0 else 0.0
            seconds = open_s / SUBSTEPS + pause
            decay, deviation = thermal_step(stiffness, drag, seconds)
            trap = trap + drift * seconds
            moved = trap + (position - trap) * decay if stiffness else position + drift * seconds
            moved = moved + deviation / params.pixel_size_um * rng.standard_normal(start.shape)
            position = _held(position, moved, shape)
            paths[frame, step] = position
    return paths


def thermal_step(stiffness: float, drag: float, seconds: float) -> tuple[float, float]:
    """A step of the Ornstein-Uhlenbeck process, exact for any duration.

    Args:
        stiffness: of the trap in pN / um; 0 is free.
        drag: 6 pi eta a in pN s / um.
        seconds: duration.

    Returns:
        What is left of the distance to the trap's centre, and the standard deviation of the thermal step in um.
    """
    if stiffness == 0:
        return 1.0, float(np.sqrt(2 * THERMAL_ENERGY / drag * seconds))
    decay = float(np.exp(-seconds * stiffness / drag))
    return decay, float(np.sqrt(THERMAL_ENERGY / stiffness * (1 - decay**2)))


def _held(position: Real, moved: Real, shape: tuple[int, int]) -> Real:
    """The new positions, but a bead that would leave the frame or come too near another stays where it is."""
    upper = np.array([shape[1], shape[0]]) - 1 - MARGIN_PX
    result = np.array(position)
    for bead, candidate in enumerate(moved):
        others = np.delete(result, bead, axis=0)
        apart = not len(others) or np.linalg.norm(others - candidate, axis=1).min() >= SEPARATION_PX
        if apart and bool(((candidate >= MARGIN_PX) & (candidate <= upper)).all()):
            result[bead] = candidate
    return result


def _background(shape: tuple[int, int], trouble: float, rng: np.random.Generator) -> Real:
    """Uneven light, texture and debris out of focus, around 1; ``trouble`` from 0 (none) to 1."""
    gx, gy = trouble * np.clip(rng.normal(0, GRADIENT, 2), -0.6, 0.6)
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
