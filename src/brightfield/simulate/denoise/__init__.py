"""Simulated fluorescent cells with little light, with and without noise.

A scene is a sum of nuclei (irregular ellipses) and rods of log-normal brightness with texture and puncta, blurred by the
point-spread function, over a haze of light from out of focus. The clean image is the expectation of the noisy one: both are in
camera counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from brightfield.data.records import Record
from brightfield.params import DenoiseAppearance, DenoiseSimulation, Suite
from brightfield.simulate.optics import (
    PIXEL_RESPONSE,
    Camera,
    Real,
    around,
    illumination,
    log_uniform,
    pixel_response,
    smooth_field,
)

Range = tuple[float, float]

NUCLEUS_RADIUS_PX = (8.0, 30.0)
NUCLEUS_SPREAD = 1.15  # ratio of the largest radius in a field to the typical one, and of that to the smallest
# range of a field's typical radius, log-uniform
NUCLEUS_TYPICAL_PX = (NUCLEUS_RADIUS_PX[0] * NUCLEUS_SPREAD, NUCLEUS_RADIUS_PX[1] / NUCLEUS_SPREAD)
NUCLEUS_ASPECT = (1.0, 2.0)
ROD_RADIUS_PX = (3.0, 6.0)
ROD_ASPECT = (3.0, 8.0)
RODS = 0.35  # share of the fields with rods among or instead of nuclei
COVER = (0.08, 0.45)  # share of the field that is covered, before cells overlap
OUTLINE = 0.10  # relative amplitude of the outline's n-th harmonic: this over n
STACKED = 0.03  # share of the cells that may overlap others
BRIGHTNESS_SIGMA = 0.35  # standard deviation of the logarithm, from cell to cell
TEXTURE = (0.05, 0.40)  # relative standard deviation inside a cell
PUNCTA = (0.0, 0.006)  # number per pixel of a cell
PSF_SIGMA_PX = (1.0, 2.0)
HAZE = (0.05, 0.35)  # light from out of focus, relative to the light in focus
HAZE_SIGMA_PX = 12.0
BACKGROUND = (0.01, 0.08)  # autofluorescence and stray light, relative to the peak
READ_NOISE = (1.0, 2.2)  # electrons, of an sCMOS or a good CCD
ROW_NOISE = 0.1  # electrons
ELECTRONS_PER_COUNT = (0.2, 0.5)
OFFSET = (90.0, 130.0)  # counts without light
# limits of peak electrons between which images are of one kind: from one to the next, relative noise falls by a factor of about 1.6
LEVELS = (4, 10, 25, 60)


@dataclass(frozen=True)
class Acquisition:
    """Ranges from which the conditions of each field are drawn; a suite changes some of them."""

    peak_electrons: Range  # at the 99.5th percentile, log-uniform
    cover: Range = COVER
    psf_sigma_px: Range = PSF_SIGMA_PX
    radius_px: Range = NUCLEUS_TYPICAL_PX
    haze: Range = HAZE
    background: Range = BACKGROUND
    offset: Range = OFFSET
    electrons_per_count: Range = ELECTRONS_PER_COUNT
    read_noise: Range = READ_NOISE
    row_noise: float = ROW_NOISE
    response: float = PIXEL_RESPONSE


# focus: more blur than in training; density: cells side by side; light: less than in training; camera: a noisy sensor with a fixed
# pattern
SUITES: dict[Suite, Callable[[Acquisition], Acquisition]] = {
    "focus": lambda usual: replace(usual, psf_sigma_px=(1.5 * usual.psf_sigma_px[1], 2.25 * usual.psf_sigma_px[1])),
    "density": lambda usual: replace(usual, cover=(0.6, 0.8)),
    "light": lambda usual: replace(
        usual, peak_electrons=(0.35 * usual.peak_electrons[0], 0.8 * usual.peak_electrons[0])
    ),
    "camera": lambda usual: replace(usual, read_noise=(4.0, 6.0), row_noise=1.5, response=0.03),
}


@dataclass(frozen=True)
class Cell:
    """One cell: a disc stretched along its angle, with an irregular outline; lengths in px."""

    x: float
    y: float
    radius: float
    aspect: float
    angle: float
    brightness: float
    rod: bool


def groups(params: DenoiseSimulation) -> int:
    """Number of fields; each is a separate acquisition."""
    return params.images


def per_group(params: DenoiseSimulation) -> int:
    """One image per field."""
    del params
    return 1


def simulate_group(
    params: DenoiseSimulation, number: int, rng: np.random.Generator, suite: Suite | None = None
) -> Iterator[Record]:
    """Simulate one field.

    Yields:
        A record with an image (size_px, size_px) uint16, ``clean`` (size_px, size_px) float32, the expected counts of the same
        camera, and a row of peak_electrons (at the 99.5th percentile of the scene) and kind (the level of light: see
        :func:`level`).
    """
    shape = (params.size_px, params.size_px)
    usual = usual_acquisition(params)
    how = usual if suite is None else SUITES[suite](usual)
    peak = log_uniform(*how.peak_electrons, rng)
    electrons = peak * draw_scene(shape, rng, how)
    camera = Camera(
        electrons_per_count=rng.uniform(*how.electrons_per_count),
        offset=rng.uniform(*how.offset),
        read_noise=rng.uniform(*how.read_noise),
        row_noise=how.row_noise,
    )
    image = camera.expose(electrons, rng, pixel_response(shape, rng, how.response))
    clean = camera.expected_counts(electrons).astype(np.float32)
    name = f"field{number:04d}"
    yield Record(name, name, image, {"clean": clean}, {"peak_electrons": peak, "kind": level(peak)})


def level(peak_electrons: float) -> str:
    """The kind of an image by its light: ``4 to 10 electrons`` and so on, ``below 4`` and ``60 and more``."""
    place = sum(peak_electrons >= edge for edge in LEVELS)
    if place == 0:
        return f"below {LEVELS[0]} electrons"
    if place == len(LEVELS):
        return f"{LEVELS[-1]} electrons and more"
    return f"{LEVELS[place - 1]} to {LEVELS[place]} electrons"


def usual_acquisition(params: DenoiseSimulation) -> Acquisition:
    """The conditions without a suite: the ranges above, or those of the section ``appearance``."""
    own = params.appearance or DenoiseAppearance()
    return Acquisition(
        peak_electrons=params.peak_electrons,
        cover=own.cover or COVER,
        psf_sigma_px=own.blur_px or PSF_SIGMA_PX,
        radius_px=own.radius_px or NUCLEUS_TYPICAL_PX,
        haze=own.haze or HAZE,
        background=own.background or BACKGROUND,
        offset=own.offset or OFFSET,
        electrons_per_count=own.electrons_per_count or ELECTRONS_PER_COUNT,
        read_noise=own.read_noise or READ_NOISE,
    )


def draw_scene(shape: tuple[int, int], rng: np.random.Generator, how: Acquisition) -> Real:
    """The light of one field, (H, W) float32, 1 at its 99.5th percentile."""
    cells = _draw_cells(shape, how, rng)
    texture = rng.uniform(*TEXTURE) * smooth_field(shape, log_uniform(1.5, 5, rng), rng)
    sharp, inside = np.zeros(shape, np.float32), np.zeros(shape, bool)
    for cell in cells:
        _paint(sharp, inside, cell, rng)
    sharp = sharp * np.clip(1 + texture, 0.1, None)
    puncta = inside & (rng.random(shape) < rng.uniform(*PUNCTA))
    psf = rng.uniform(*how.psf_sigma_px)
    # after the blur, spots have a few times the brightness of their cell
    sharp = sharp + puncta * sharp * rng.exponential(1.5, shape) * 2 * np.pi * psf**2
    light = gaussian_filter(sharp, psf, mode="nearest")
    light += rng.uniform(*how.haze) * gaussian_filter(sharp, HAZE_SIGMA_PX, mode="nearest")
    light = light / np.percentile(light, 99.5) + rng.uniform(*how.background)
    light = light / np.percentile(light, 99.5) * illumination(shape, rng)
    return np.asarray(light, dtype=np.float32)


def _draw_cells(shape: tuple[int, int], how: Acquisition, rng: np.random.Generator) -> list[Cell]:
    """Draw cells of about one size that cover a random share of the field; some overlap a little, as in a projection."""
    typical = log_uniform(*how.radius_px, rng)
    rods = rng.uniform(0.3, 1.0) if rng.uniform() < RODS else 0.0
    target = rng.uniform(*how.cover) * shape[0] * shape[1]
    cells: list[Cell] = []
    discs = np.empty((0, 3))  # x, y and radius of a disc a little smaller than each cell
    limits = (how.radius_px[0] / NUCLEUS_SPREAD, how.radius_px[1] * NUCLEUS_SPREAD)
    covered = 0.0
    while covered < target:
        cell = _draw_cell(shape, typical, limits, bool(rng.uniform() < rods), rng)
        covered += 4 * cell.radius**2 * cell.aspect if cell.rod else np.pi * cell.radius**2
        reach = 0.8 * cell.radius * np.sqrt(cell.aspect if cell.rod else 1.0)
        distances = np.hypot(discs[:, 0] - cell.x, discs[:, 1] - cell.y)
        if bool((distances > discs[:, 2] + reach).all()) or rng.uniform() < STACKED:
            cells.append(cell)
            discs = np.vstack([discs, (cell.x, cell.y, reach)])
    return cells


def _draw_cell(shape: tuple[int, int], typical: float, limits: Range, rod: bool, rng: np.random.Generator) -> Cell:
    radius = rng.uniform(*ROD_RADIUS_PX) if rod else typical * rng.lognormal(0, 0.15)
    return Cell(
        x=rng.uniform(0, shape[1] - 1),
        y=rng.uniform(0, shape[0] - 1),
        radius=radius if rod else float(np.clip(radius, *limits)),
        aspect=rng.uniform(*(ROD_ASPECT if rod else NUCLEUS_ASPECT)),
        angle=rng.uniform(0, np.pi),
        brightness=rng.lognormal(0, BRIGHTNESS_SIGMA),
        rod=rod,
    )


def _paint(light: Real, inside: npt.NDArray[np.bool_], cell: Cell, rng: np.random.Generator) -> None:
    """Add one cell, with a brightness that follows its thickness."""
    long, wide = (
        (cell.radius * cell.aspect, cell.radius)
        if cell.rod
        else (
            cell.radius * np.sqrt(cell.aspect),
            cell.radius / np.sqrt(cell.aspect),
        )
    )
    reach = 1.4 * long + 2
    box, dy, dx = around((light.shape[0], light.shape[1]), cell.x, cell.y, reach)
    cos, sin = np.cos(cell.angle), np.sin(cell.angle)
    along, across = cos * dx + sin * dy, -sin * dx + cos * dy
    if cell.rod:  # distance to the rod's axis, in units of its radius
        relative = np.hypot(np.maximum(abs(along) - (long - wide), 0), across) / wide
    else:
        theta = np.arctan2(across / wide, along / long)
        relative = np.hypot(along / long, across / wide)
        for n in range(2, 6):
            relative = relative * (1 + OUTLINE / n * rng.normal() * np.cos(n * theta + rng.uniform(0, 2 * np.pi)))
    thickness = np.sqrt(np.clip(1 - relative**2, 0, None))
    height = thickness if cell.rod else thickness**0.35  # nuclei in culture are flat
    light[box] += cell.brightness * height
    inside[box] |= height > 0
