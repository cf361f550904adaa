"""Dense fields of Myxococcus xanthus and E. coli in brightfield and phase contrast, with every cell known.

A cell is a rod of thickness h = 2 sqrt(R^2 - d^2), d the distance to its axis; a wave that crosses it is delayed by
k dn h and dimmed by exp(-mu h / 2). Where two cells meet, the thicker one owns the pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import ndimage

from brightfield.params import BacteriaSimulation, Suite
from brightfield.records import Record
from brightfield.simulate.bacteria.abbe import BRIGHTFIELD, WAVELENGTH_UM, Illumination, form_image, phase_contrast
from brightfield.simulate.bacteria.placement import E_COLI, MYXOCOCCUS, SPECIES, Rod, place
from brightfield.simulate.optics import (
    Camera,
    Real,
    around,
    dust,
    illumination,
    log_uniform,
    pixel_response,
    smooth_field,
)

COVER = {MYXOCOCCUS.code: (0.05, 0.40), E_COLI.code: (0.0, 0.22)}  # share of the area
PAD_UM = 2.0  # the scene reaches this far beyond the image, so that light from there comes in
MIN_PIECE_PX = 12  # a cell of which less is to be seen is left out of image and truth
FOCUS_UM = {"brightfield": (-1.0, 1.0), "phase": (-0.35, 0.35)}
TILT_UM = 0.4  # of the slide: largest difference in focus from the middle to an edge
REFRACTION_SPREAD = 0.12  # relative, from cell to cell
GRANULES = 0.10  # relative standard deviation of the refraction inside a cell
# Agar and medium, standard deviation in rad; slides for phase contrast are made with more care
BACKGROUND_PHASE = {"brightfield": (0.015, 0.06), "phase": (0.003, 0.015)}
BACKGROUND_UM = (0.25, 0.8)  # over which it varies, standard deviation of a Gaussian
SPECKS_PER_UM2 = 4 / 33**2  # debris smaller than a cell
SPECK_UM = (0.1, 0.2)  # standard deviation of a Gaussian
SPECK_PHASE = (0.1, 0.4)  # rad
RING_AMPLITUDE = (0.4, 0.65)
RING_WIDTH = (0.16, 0.34)  # numerical aperture
# What lights the slide, by modality
LIGHT: dict[str, Callable[[np.random.Generator], Illumination]] = {
    "brightfield": lambda rng: BRIGHTFIELD,
    "phase": lambda rng: phase_contrast(rng.uniform(*RING_AMPLITUDE), rng.uniform(*RING_WIDTH)),
}
ELECTRONS = (700.0, 6000.0)  # in a pixel of the empty background
ELECTRONS_PER_COUNT = (0.3, 1.2)
FLUORESCENCE_PEAK = (20.0, 200.0)  # electrons
BLEED = (0.03, 0.15)  # light of the other species
HAZE = (0.05, 0.20)  # light from out of focus, relative
HAZE_UM = 2.0
EMISSION_BLUR_UM = 0.21 * 0.52 / 1.3  # 0.21 lambda / NA, green light


@dataclass(frozen=True)
class Scene:
    """The object: everything but the light. It reaches ``pad`` px beyond the image on every side.

    Attributes:
        thickness: (H + 2 pad, W + 2 pad) um.
        owner: like ``thickness``, int32: which rod a pixel belongs to, 0 is background.
        rods: (rods + 1,) uint8 species by owner, entry 0 unused.
        labels: (H, W) int32: the truth of the image, 1 to n, 0 is background.
        species: (n + 1,) uint8 by label, entry 0 unused.
        pad: px.
    """

    thickness: npt.NDArray[np.float32]
    owner: npt.NDArray[np.int32]
    rods: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    species: npt.NDArray[np.uint8]
    pad: int


def groups(params: BacteriaSimulation) -> int:
    """How many fields; each is an acquisition of its own."""
    return params.images


def per_group(params: BacteriaSimulation) -> int:
    """One image a field."""
    del params
    return 1


def simulate_group(
    params: BacteriaSimulation, number: int, rng: np.random.Generator, suite: Suite | None = None
) -> Iterator[Record]:
    """One field.

    Yields:
        A record with an image (size_px, size_px) uint16; ``labels`` (size_px, size_px) int32, 1 to n without gaps,
        each a connected region without holes; ``species`` (n + 1,) uint8 (1 Myxococcus, 2 E. coli); if asked for,
        ``fluorescence`` (size_px, size_px) float32 electrons, E. coli lit; and a row of modality, focus_um, cover
        (share of the pixels) and electrons.
    """
    name = f"field{number:04d}"
    scene = draw_scene(params.size_px, params.pixel_size_um, rng)
    modality = "phase" if rng.uniform() < params.phase_fraction else "brightfield"
    focus = float(rng.uniform(*FOCUS_UM[modality]))
    light = transmitted_light(scene, modality, focus, params.pixel_size_um, rng)
    electrons = log_uniform(*ELECTRONS, rng)
    image = _photograph(light, electrons, rng)
    fields: dict[str, npt.NDArray[Any]] = {"labels": scene.labels, "species": scene.species}
    if params.fluorescence:
        fields["fluorescence"] = fluorescence(scene, params.pixel_size_um, rng)
    cover = float((scene.labels > 0).mean())
    row = {"modality": modality, "focus_um": focus, "cover": cover, "electrons": electrons}
    yield Record(name, name, image, fields, row)


def draw_scene(size_px: int, pixel_um: float, rng: np.random.Generator) -> Scene:
    """Place the cells of one field and draw their thickness and labels."""
    covers = {code: rng.uniform(*limits) for code, limits in COVER.items()}
    rods = place(size_px * pixel_um, covers, rng)
    pad = round(PAD_UM / pixel_um)
    pad += (scipy.fft.next_fast_len(size_px + 2 * pad) - size_px - 2 * pad) // 2  # sizes that transform fast
    thickness, owner = draw_rods(rods, size_px + 2 * pad, pixel_um, pad)
    species = np.array([0, *(rod.species for rod in rods)], np.uint8)
    inner = slice(pad, size_px + pad)
    labels, origin = _separate(owner[inner, inner])
    # what is left out of the truth is left out of the image, too
    thickness[inner, inner][labels == 0] = 0
    return Scene(thickness, owner, species, labels, species[origin], pad)


def draw_rods(
    rods: Sequence[Rod], size: int, pixel_um: float, pad: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Draw rods on a square canvas on which the point (0, 0) um is the centre of pixel (pad, pad).

    Returns:
        The thickness in um, and the rod that owns each pixel (i + 1 for rod i, 0 for none), both (size, size).
    """
    thickness, owner = np.zeros((size, size), np.float32), np.zeros((size, size), np.int32)
    for number, rod in enumerate(rods, start=1):
        axis, radius = rod.axis / pixel_um + pad, rod.radius_um / pixel_um
        low = np.maximum(np.floor(axis.min(axis=0) - radius).astype(int), 0)
        high = np.minimum(np.ceil(axis.max(axis=0) + radius).astype(int) + 1, size)
        if (low >= high).any():
            continue
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        within = radius**2 - _squared_distance(axis - low, radius, high - low)
        own = (2 * pixel_um * np.sqrt(np.clip(within, 0, None))).astype(np.float32)
        wins = own > thickness[box]
        thickness[box][wins] = own[wins]
        owner[box][wins] = number
    return thickness, owner


def _squared_distance(axis: Real, radius: float, size: npt.NDArray[np.intp]) -> Real:
    """From each pixel of a box, ``size`` wide and high, to the axis: exact up to ``radius``, too large beyond."""
    nearest = np.full((size[1], size[0]), np.inf)
    for a, b in pairwise(axis):
        low = np.maximum(np.floor(np.minimum(a, b) - radius).astype(int), 0)
        high = np.minimum(np.ceil(np.maximum(a, b) + radius).astype(int) + 1, size)
        if (low >= high).any():
            continue
        y, x = np.ogrid[low[1] : high[1], low[0] : high[0]]
        v = b - a
        t = np.clip(((x - a[0]) * v[0] + (y - a[1]) * v[1]) / (v @ v + 1e-9), 0, 1)
        part = nearest[low[1] : high[1], low[0] : high[0]]
        np.minimum(part, (x - a[0] - t * v[0]) ** 2 + (y - a[1] - t * v[1]) ** 2, out=part)
    return nearest


def _separate(owner: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], list[int]]:
    """Give each connected piece of a rod a label of its own, without holes; leave out pieces too small to be a cell.

    Returns:
        The labels, 1 to n, and the rod of each label (entry 0 unused).
    """
    labels, origin = np.zeros_like(owner), [0]
    for rod, box in enumerate(ndimage.find_objects(owner), start=1):
        if box is None:
            continue
        pieces, n = ndimage.label(ndimage.binary_fill_holes(owner[box] == rod))
        for piece in range(1, n + 1):
            mask = pieces == piece
            if mask.sum() >= MIN_PIECE_PX:
                labels[box][mask] = len(origin)
                origin.append(rod)
    return labels, origin


def transmitted_light(scene: Scene, modality: str, focus_um: float, pixel_um: float, rng: np.random.Generator) -> Real:
    """The image of a scene before the camera, (H, W), 1 where there is no cell; the slide may be tilted."""
    shape = scene.owner.shape
    refraction = np.array([0.0, *(SPECIES[code].refraction for code in scene.rods[1:])])
    refraction *= rng.normal(1, REFRACTION_SPREAD, len(refraction))
    absorption = np.array([0.0, *(SPECIES[code].absorption for code in scene.rods[1:])])
    wavenumber = 2 * np.pi / WAVELENGTH_UM
    granules = 1 + GRANULES * smooth_field(shape, 0.15 / pixel_um, rng)
    phase = wavenumber * refraction[scene.owner] * scene.thickness * granules
    phase += rng.uniform(*BACKGROUND_PHASE[modality]) * smooth_field(shape, rng.uniform(*BACKGROUND_UM) / pixel_um, rng)
    phase += _specks(shape, pixel_um, rng)
    transmission = np.exp(1j * phase - absorption[scene.owner] * scene.thickness / 2).astype(np.complex64)
    tilt = rng.uniform(0, TILT_UM)
    light = LIGHT[modality](rng)
    planes = form_image(transmission, pixel_um, (focus_um - tilt, focus_um, focus_um + tilt), light)
    inner = slice(scene.pad, -scene.pad)
    return _tilted(planes[:, inner, inner], rng)


def _specks(shape: tuple[int, int], pixel_um: float, rng: np.random.Generator) -> Real:
    """Debris as phase in rad."""
    phase = np.zeros(shape)
    for _ in range(rng.poisson(SPECKS_PER_UM2 * shape[0] * shape[1] * pixel_um**2)):
        cx, cy = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
        sigma = rng.uniform(*SPECK_UM) / pixel_um
        box, dy, dx = around(shape, cx, cy, 4 * sigma)
        phase[box] += rng.uniform(*SPECK_PHASE) * np.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    return phase


def _tilted(planes: Real, rng: np.random.Generator) -> Real:
    """One image of a slide that leans in a random direction: its focus runs from the first plane to the last."""
    height, width = planes.shape[1:]
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    ramp = np.cos(angle) * x + np.sin(angle) * y
    position = (ramp / abs(ramp).max()).astype(np.float32)  # -1 on the first plane, 0 on the middle one, 1 on the last
    below, above = np.clip(-position, 0, 1), np.clip(position, 0, 1)
    image: Real = planes[0] * below + planes[1] * (1 - below - above) + planes[2] * above
    return image


def _photograph(light: Real, electrons: float, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    shape = (light.shape[0], light.shape[1])
    camera = Camera(rng.uniform(*ELECTRONS_PER_COUNT), rng.uniform(90, 130), rng.uniform(1.5, 3.0), 0.4)
    uneven = illumination(shape, rng) * dust(shape, rng)
    image: npt.NDArray[np.uint16] = camera.expose(electrons * light * uneven, rng, pixel_response(shape, rng))
    return image


def fluorescence(scene: Scene, pixel_um: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A fluorescence image in electrons, (H, W): E. coli lit, the other species bleeding through, noise included."""
    bleed = np.where(scene.rods == E_COLI.code, 1.0, rng.uniform(*BLEED))
    brightness = bleed * rng.lognormal(0, 0.3, len(scene.rods))
    brightness[0] = 0
    sharp = brightness[scene.owner] * scene.thickness
    light = ndimage.gaussian_filter(sharp, EMISSION_BLUR_UM / pixel_um)
    light = light + rng.uniform(*HAZE) * ndimage.gaussian_filter(sharp, HAZE_UM / pixel_um)
    inner = slice(scene.pad, -scene.pad)
    light = light[inner, inner]
    peak = log_uniform(*FLUORESCENCE_PEAK, rng) / max(float(light.max()), 1e-6)
    collected: npt.NDArray[np.float64] = rng.poisson(light * peak + 1) + rng.normal(0, 1.6, light.shape)
    return collected.astype(np.float32)
