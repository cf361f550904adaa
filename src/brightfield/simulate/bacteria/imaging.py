"""The light from a field of bacteria at the camera: transmitted, in brightfield or phase contrast, and fluorescence.

A cell of thickness h delays the phase of a wave by k dn h and reduces its amplitude by exp(-mu h / 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield.simulate.bacteria.abbe import BRIGHTFIELD, WAVELENGTH_UM, Illumination, form_image, phase_contrast
from brightfield.simulate.bacteria.placement import E_COLI, SPECIES, Species
from brightfield.simulate.bacteria.rendering import Scene
from brightfield.simulate.optics import Real, around, log_uniform, smooth_field

REFRACTION_SPREAD = 0.12  # relative standard deviation from cell to cell
GRANULES = 0.07  # relative standard deviation of the refraction inside a cell
# Phase of agar and medium, standard deviation in rad; lower in phase contrast, which needs cleaner slides
BACKGROUND_PHASE = {"brightfield": (0.015, 0.06), "phase": (0.003, 0.015)}
BACKGROUND_UM = (0.25, 0.8)  # length over which it varies, standard deviation of a Gaussian
SPECKS_PER_UM2 = 4 / 33**2  # density of debris smaller than a cell
SPECK_UM = (0.1, 0.2)  # size of a speck, standard deviation of a Gaussian
SPECK_PHASE = (0.1, 0.4)  # rad
BLOB_UM = (0.6, 3.0)  # radius of a blob
BLOB_PHASE = (-0.3, 1.2)  # rad
RING_AMPLITUDE = (0.4, 0.65)  # amplitude transmission of the phase ring
RING_WIDTH = (0.16, 0.34)  # numerical aperture
# Illumination of the slide, by modality
LIGHT: dict[str, Callable[[np.random.Generator], Illumination]] = {
    "brightfield": lambda rng: BRIGHTFIELD,
    "phase": lambda rng: phase_contrast(rng.uniform(*RING_AMPLITUDE), rng.uniform(*RING_WIDTH)),
}
# standard deviation of the logarithm of brightness, from cell to cell; it differs from field to field, as expression does
BRIGHTNESS_SPREAD = (0.2, 0.8)
PATCHES = (0.05, 0.25)  # relative standard deviation of the brightness inside a cell
PATCH_UM = 0.2  # size of the patches
FLUORESCENCE_PEAK = (20.0, 200.0)  # electrons in the middle of a typical cell
BLEED = (0.03, 0.15)  # brightness of the other species, relative
HAZE = (0.05, 0.20)  # light from out of focus, relative to the light in focus
HAZE_UM = 2.0  # standard deviation of its blur
EMISSION_BLUR_UM = 0.21 * 0.52 / 1.3  # 0.21 lambda / NA, green light
DARK_ELECTRONS = 1.0  # mean electrons per pixel without light
READ_NOISE = 1.6  # electrons


@dataclass(frozen=True)
class Focus:
    """The focal plane: ``z_um`` from the cells in the middle of the image, ``tilt_um`` more or less at the edges."""

    z_um: float
    tilt_um: float


@dataclass(frozen=True)
class Slide:
    """What lies on the slide beside the shapes of cells, and the light that falls on it.

    Attributes:
        species: by code, refraction and absorption of the cells.
        spread: relative standard deviation of the refraction from cell to cell.
        background: by modality, range of the standard deviation of the medium's phase in rad.
        specks_per_um2: density of debris smaller than a cell.
        blobs_per_um2: density of debris as large as a cell, of irregular shape.
        light: by modality, draws the illumination.
    """

    species: Mapping[int, Species] = field(default_factory=lambda: SPECIES)
    spread: float = REFRACTION_SPREAD
    background: Mapping[str, tuple[float, float]] = field(default_factory=lambda: BACKGROUND_PHASE)
    specks_per_um2: float = SPECKS_PER_UM2
    blobs_per_um2: float = 0.0
    light: Mapping[str, Callable[[np.random.Generator], Illumination]] = field(default_factory=lambda: LIGHT)


def transmitted_light(
    scene: Scene,
    modality: str,
    focus: Focus,
    pixel_um: float,
    rng: np.random.Generator,
    slide: Slide | None = None,
) -> Real:
    """The image of a scene before the camera, (H, W), 1 where there is no cell; the slide may be tilted."""
    slide, shape = slide or Slide(), scene.owner.shape
    refraction = np.array([0.0, *(slide.species[code].refraction for code in scene.rods[1:])], np.float32)
    refraction *= rng.normal(1, slide.spread, len(refraction)).astype(np.float32)
    absorption = np.array([0.0, *(slide.species[code].absorption for code in scene.rods[1:])], np.float32)
    wavenumber = np.float32(2 * np.pi / WAVELENGTH_UM)
    granules = 1 + np.float32(GRANULES) * smooth_field(shape, 0.15 / pixel_um, rng)
    phase = wavenumber * refraction[scene.owner] * scene.thickness * granules
    roughness = np.float32(rng.uniform(*slide.background[modality]))
    phase += roughness * smooth_field(shape, rng.uniform(*BACKGROUND_UM) / pixel_um, rng)
    _add_specks(phase, pixel_um, slide.specks_per_um2, rng)
    if slide.blobs_per_um2:
        _add_blobs(phase, pixel_um, slide.blobs_per_um2, rng)
    transmission = np.exp(1j * phase - absorption[scene.owner] * scene.thickness / 2)
    planes = (focus.z_um - focus.tilt_um, focus.z_um, focus.z_um + focus.tilt_um)
    images = form_image(transmission, pixel_um, planes, slide.light[modality](rng))
    inner = slice(scene.pad, -scene.pad)
    return _tilted(images[:, inner, inner], rng)


def _add_specks(phase: Real, pixel_um: float, per_um2: float, rng: np.random.Generator) -> None:
    """Add debris to a phase in rad, in place."""
    rows, columns = phase.shape
    for _ in range(rng.poisson(per_um2 * rows * columns * pixel_um**2)):
        cx, cy = rng.uniform(0, columns), rng.uniform(0, rows)
        sigma = rng.uniform(*SPECK_UM) / pixel_um
        box, dy, dx = around((rows, columns), cx, cy, 4 * sigma)
        phase[box] += rng.uniform(*SPECK_PHASE) * np.exp(-(dx**2 + dy**2) / (2 * sigma**2))


def _add_blobs(phase: Real, pixel_um: float, per_um2: float, rng: np.random.Generator) -> None:
    """Add clots and crystals, whose outline is that of a smooth random field within a disc, in place."""
    rows, columns = phase.shape
    for _ in range(rng.poisson(per_um2 * rows * columns * pixel_um**2)):
        cx, cy = rng.uniform(0, columns), rng.uniform(0, rows)
        radius = rng.uniform(*BLOB_UM) / pixel_um
        box, dy, dx = around((rows, columns), cx, cy, 2 * radius)
        texture = smooth_field((phase[box].shape[0], phase[box].shape[1]), radius / 3, rng)
        inside = 1 - (dx**2 + dy**2) / radius**2 + 0.7 * texture
        edge = 1 / (1 + np.exp(-np.clip(inside, -5, 5) / 0.1))
        phase[box] += rng.uniform(*BLOB_PHASE) * edge * np.exp(-(((dx**2 + dy**2) / (1.7 * radius) ** 2) ** 4))


def _tilted(planes: Real, rng: np.random.Generator) -> Real:
    """One image of a slide tilted in a random direction: its focus runs from the first plane to the last."""
    height, width = planes.shape[1:]
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    ramp = np.cos(angle) * x + np.sin(angle) * y
    position = (ramp / abs(ramp).max()).astype(np.float32)  # -1 on the first plane, 0 on the middle one, 1 on the last
    below, above = np.clip(-position, 0, 1), np.clip(position, 0, 1)
    image: Real = planes[0] * below + planes[1] * (1 - below - above) + planes[2] * above
    return image


def fluorescence(scene: Scene, pixel_um: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A fluorescence image in electrons, (H, W): bright E. coli, weak bleed-through of the other species, with noise."""
    light = fluorescent_light(scene, pixel_um, rng) * log_uniform(*FLUORESCENCE_PEAK, rng)
    collected = rng.poisson(light + DARK_ELECTRONS) + rng.normal(0, READ_NOISE, light.shape)
    return np.asarray(collected, dtype=np.float32)


def fluorescent_light(scene: Scene, pixel_um: float, rng: np.random.Generator) -> Real:
    """The fluorescent light without the camera, (H, W): about 1 in the middle of a typical isolated E. coli."""
    bleed = np.where(scene.rods == E_COLI.code, 1.0, rng.uniform(*BLEED))
    brightness = bleed * rng.lognormal(0, rng.uniform(*BRIGHTNESS_SPREAD), len(scene.rods)) / E_COLI.width[0]
    brightness[0] = 0
    patches = np.clip(1 + rng.uniform(*PATCHES) * smooth_field(scene.owner.shape, PATCH_UM / pixel_um, rng), 0, None)
    sharp = brightness[scene.owner] * scene.thickness * patches
    light = ndimage.gaussian_filter(sharp, EMISSION_BLUR_UM / pixel_um)
    light = light + rng.uniform(*HAZE) * ndimage.gaussian_filter(sharp, HAZE_UM / pixel_um)
    inner = slice(scene.pad, -scene.pad)
    focal: Real = light[inner, inner]
    return focal
