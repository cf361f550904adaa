"""Single red blood cells of stained smears, each with the exact probability that an expert calls it bad.

A cell is a thickness map h(x, y) in um: the biconcave disc of Evans and Fung (Microvascular Research 4, 335, 1972) on an outline
with a few harmonics, changed by one defect of severity s in [0, 1]. Light is absorbed as exp(-alpha h) in each colour (Beer-Lambert),
redistributed by the cell's curvature when out of focus (transport of intensity, Teague 1983) and blurred by the objective.

The label is drawn, not decided: the probability of bad is 1 - prod_j (1 - sigmoid((s_j - t_j) / tau)) over the defects j, so the best
accuracy that any model can reach on these crops is known: the mean of max(p, 1 - p).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates
from scipy.special import expit

from brightfield.params import RbcSimulation
from brightfield.records import Record
from brightfield.simulate.optics import Camera, Real, dust, illumination, log_uniform, pixel_response, smooth_field

SUPERSAMPLING = 2
RADIUS_UM = (3.9, 0.28)  # mean and standard deviation of a red blood cell's radius
DELTA_N = 0.06  # refractive index above the plasma's
WAVELENGTH_UM = 0.55
APERTURE = 0.75  # numerical, of a 40x objective
MEDIUM = 1.33  # refractive index
CONTRAST_LIMITS = (0.4, 1.8)  # transport of intensity is linear in z and overshoots far from focus,
LINEAR_UM = 1.5  # so it stops growing about here: further out the blur takes over
OUTLINE = 0.03  # relative amplitude of the outline's first harmonic; the n-th has 1/n of it
# Absorption per um of cell in red, green and blue: the corners between which smears lie
STAINS = np.array([[0.03, 0.14, 0.20], [0.05, 0.19, 0.13], [0.15, 0.18, 0.09]])  # eosin, eosin rich in azure, azure
CONTOUR_ERROR_UM = 1.0  # how far a contour of severity 1 is off
CONTOUR_SCALE_UM = 1.26  # over which its error varies
OVERLAP_UM = (7.9, 4.5)  # distance of an overlapping cell at severity 0, and what severity 1 takes from it
APART_UM = (8.8, 10.5)  # distance of a neighbour that does not touch
FOCUS_UM = (0.3, 4.0)  # |z| of an out-of-focus cell at severity 0, and what severity 1 adds

CAUSES = {
    "sick": 0.4,
    "out_of_focus": 0.2,
    "overlapping": 0.2,
    "failed_contour": 0.2,
}  # shares of the crops with a defect
THRESHOLDS = {
    "sick": 0.30,
    "out_of_focus": 0.25,
    "overlapping": 0.02,
    "failed_contour": 0.42,
}  # severity at which half the experts say bad
ANGLES = np.linspace(-np.pi, np.pi, 2048)  # of the tables from which outlines and profiles are read
RADII = np.linspace(0, 1, 4096)
TAU = 0.05  # how much experts differ, in severity


@dataclass(frozen=True)
class Shape:
    """The shape of one cell; lengths in um, the rest are ratios."""

    radius: float
    aspect: float
    dimple: float  # 1: biconcave, 0: no dimple
    height: float  # scales the thickness
    bend: float = 0.0  # per um: y is shifted by bend * x^2
    tail: float = 0.0  # a drop's tail, relative to the radius
    spikes: float = 0.0
    n_spikes: int = 0
    bump: float = 0.0  # thickness added in the centre, um
    slit: float = 0.0  # 1: a slit instead of the dimple


# What a defect of severity s makes of a healthy cell
SICK: Mapping[str, Callable[[Shape, float], Shape]] = {
    "elliptocyte": lambda c, s: replace(c, aspect=1.05 + 0.75 * s),
    "spherocyte": lambda c, s: replace(c, radius=3.9 * (1 - 0.28 * s), dimple=1 - s, height=1 + 0.5 * s),
    "sickle": lambda c, s: replace(c, radius=c.radius * (1 - 0.15 * s), aspect=1.05 + 1.2 * s, bend=0.15 * s),
    "tear": lambda c, s: replace(c, radius=c.radius * (1 - 0.22 * s), tail=0.9 * s),
    "burr": lambda c, s: replace(c, spikes=s),
    "target": lambda c, s: replace(c, bump=1.6 * s),
    "stomatocyte": lambda c, s: replace(c, slit=s),
}


@dataclass(frozen=True)
class Smear:
    """What the crops of one smear share."""

    stain: Real  # (3,) absorption per um
    white: Real  # (3,) brightness of the empty background, 1 is white
    focus_um: float
    electrons: float  # at white
    neighbours: float  # probability of a neighbour in the crop
    texture: float  # of the dried plasma, relative


@dataclass(frozen=True)
class Crop:
    """One crop before it is drawn."""

    kind: str
    severity: float
    z_um: float
    contour_error: float
    p_good: float
    label: int


def count(params: RbcSimulation) -> int:
    """How many crops :func:`simulate` gives."""
    return params.smears * params.crops_per_smear


def simulate(params: RbcSimulation, rng: np.random.Generator) -> Iterator[Record]:
    """Crops, smear after smear.

    Yields:
        Records with an image (size_px, size_px, 3) uint8 on which the cell's contour is a line of 1 px in (255, 0, 0), and a row
        of label (1 good, 0 bad), p_good (the probability from which the label was drawn), kind and smear.
    """
    for k, smear_rng in enumerate(rng.spawn(params.smears)):
        smear, name = draw_smear(smear_rng), f"smear{k:03d}"
        for i, crop_rng in enumerate(smear_rng.spawn(params.crops_per_smear)):
            crop = draw_crop(params.good_fraction, smear, crop_rng)
            image = render(crop, smear, params.size_px, params.pixel_size_um, crop_rng)
            row = {"label": crop.label, "p_good": crop.p_good, "kind": crop.kind, "smear": name}
            yield Record(f"{name}_{i:03d}", name, image, row=row)


def draw_smear(rng: np.random.Generator) -> Smear:
    """Stain, light, focus and density of one smear."""
    blue = rng.uniform() ** 3  # a blue filter left in the lamp: a few smears strongly, most hardly
    return Smear(
        stain=rng.dirichlet([0.7, 1.0, 0.6]) @ STAINS * rng.lognormal(0.1, 0.22),
        white=rng.uniform(0.6, 0.95) * rng.lognormal(0, 0.04, 3) * np.exp(-blue * np.array([0.7, 0.45, 0.05])),
        focus_um=rng.normal(0, 0.3),
        electrons=log_uniform(1500, 6000, rng),
        neighbours=rng.uniform(0.05, 0.45),
        texture=rng.uniform(0.0, 0.02),
    )


def draw_crop(good_fraction: float, smear: Smear, rng: np.random.Generator) -> Crop:
    """What is wrong with one crop and how badly, the exact probability that it is good, and its label."""
    cause = "none" if rng.uniform() < good_fraction else str(rng.choice(list(CAUSES), p=list(CAUSES.values())))
    kind = str(rng.choice(list(SICK))) if cause == "sick" else "normal" if cause == "none" else cause
    severity = float(rng.uniform() ** 0.4) if cause != "none" else 0.0  # more severe than mild
    z_um = smear.focus_um + rng.normal(0, 0.4)
    contour_error = float(rng.uniform(0, 0.33))
    if cause == "out_of_focus":
        z_um = float(rng.choice([-1, 1])) * (FOCUS_UM[0] + FOCUS_UM[1] * severity)
    if cause == "failed_contour":
        contour_error = severity
    severities = {"out_of_focus": (abs(z_um) - FOCUS_UM[0]) / FOCUS_UM[1], "failed_contour": contour_error}
    if cause in ("sick", "overlapping"):
        severities[cause] = severity
    p_good = float(np.prod([expit((THRESHOLDS[name] - s) / TAU) for name, s in severities.items()]))
    return Crop(kind, severity, z_um, contour_error, p_good, label=int(rng.uniform() < p_good))


def render(crop: Crop, smear: Smear, size_px: int, pixel_um: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw one crop, (size_px, size_px, 3) uint8."""
    thickness, mask = _scene(crop, smear, size_px, pixel_um, rng)
    light = _transmitted(thickness, crop.z_um, smear.stain, pixel_um)
    shape = (size_px, size_px)
    shade = illumination(shape, rng, vignette=0.04) * dust(shape, rng) * pixel_response(shape, rng)
    shade = shade * (1 + smear.texture * smooth_field(shape, 2.0, rng))
    camera = Camera(electrons_per_count=smear.electrons / 255, offset=0, read_noise=6, row_noise=1, bits=8)
    image: npt.NDArray[np.uint8] = camera.expose(smear.electrons * light * smear.white * shade[..., None], rng)
    image[_contour(_displaced(mask, crop.contour_error, pixel_um, rng))] = (255, 0, 0)
    return image


def _scene(
    crop: Crop, smear: Smear, size_px: int, pixel_um: float, rng: np.random.Generator
) -> tuple[Real, npt.NDArray[np.bool_]]:
    """Thickness in um on the supersampled grid, and the pixels (not supersampled) that the contour should enclose."""
    centre = rng.uniform(-0.5, 0.5, 2)
    thickness = cell_thickness(_draw_shape(crop, rng), centre, size_px * SUPERSAMPLING, pixel_um / SUPERSAMPLING, rng)
    inside = thickness > 0
    overlapping = crop.kind == "overlapping"
    if overlapping or rng.uniform() < smear.neighbours:
        distance = OVERLAP_UM[0] - OVERLAP_UM[1] * crop.severity if overlapping else rng.uniform(*APART_UM)
        angle = rng.uniform(0, 2 * np.pi)
        other = centre + distance * np.array([np.cos(angle), np.sin(angle)])
        second = cell_thickness(_healthy(rng), other, size_px * SUPERSAMPLING, pixel_um / SUPERSAMPLING, rng)
        if overlapping:
            inside |= second > 0
        else:
            second[inside] = 0  # a neighbour stops at a cell that reaches far
        thickness = thickness + second
    return thickness, _binned(inside.astype(np.float32)) > 0.5


def _healthy(rng: np.random.Generator) -> Shape:
    return Shape(
        radius=rng.normal(*RADIUS_UM),
        aspect=1 + abs(rng.normal(0, 0.04)),
        dimple=float(np.clip(rng.normal(1, 0.18), 0.4, 1.4)),
        height=rng.normal(1, 0.08),
        n_spikes=int(rng.integers(9, 18)),
    )


def _draw_shape(crop: Crop, rng: np.random.Generator) -> Shape:
    shape = _healthy(rng)
    return SICK[crop.kind](shape, crop.severity) if crop.kind in SICK else shape


def cell_thickness(shape: Shape, centre_um: npt.ArrayLike, size: int, step_um: float, rng: np.random.Generator) -> Real:
    """Thickness of one cell in um, (size, size) float32 sampled every ``step_um``, turned by a random angle.

    Args:
        shape: the cell.
        centre_um: x and y of the cell, relative to the middle of the grid.
        size: samples a side.
        step_um: between samples.
        rng: draws the angle and the irregular outline.
    """
    cx, cy = np.asarray(centre_um, dtype=np.float32)
    axis = ((np.arange(size) - (size - 1) / 2) * step_um).astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x = cos * (axis - cx)[None] + sin * (axis - cy)[:, None]
    y = -sin * (axis - cx)[None] + cos * (axis - cy)[:, None]
    y = y - shape.bend * (
        x**2 - shape.aspect * shape.radius**2 / 4
    )  # the second term keeps the centre of mass in place
    x, y = x / np.sqrt(shape.aspect), y * np.sqrt(shape.aspect)
    direction = np.arctan2(y, x) / np.float32(2 * np.pi) + np.float32(0.5)
    rho = np.hypot(x, y) / (shape.radius * _sampled(_outline(shape, rng), direction))
    thickness = _sampled(_profile(shape), np.minimum(rho, 1))
    if shape.slit:
        slit = np.exp(-((x / (0.62 * shape.radius)) ** 4) - (y / (0.16 * shape.radius)) ** 2)
        thickness = thickness * (1 - shape.slit * slit)
    if shape.spikes:
        ridge = np.clip(np.cos(shape.n_spikes * ANGLES), 0, 1).astype(np.float32)
        thickness = thickness + 0.5 * shape.spikes * _sampled(ridge, direction) * np.exp(-(((rho - 0.75) / 0.18) ** 2))
    return np.where(rho < 1, np.clip(thickness, 0.01, None), 0).astype(np.float32)


def _sampled(table: Real, position: Real) -> Real:
    """Entries of a fine table at positions in [0, 1]: several times faster than evaluating a formula at every sample."""
    values: Real = table[(position * np.float32(len(table) - 1)).astype(np.int32)]
    return values


def _outline(shape: Shape, rng: np.random.Generator) -> Real:
    """Radius at each of ``ANGLES``, relative to the mean radius."""
    outline = np.ones_like(ANGLES)
    for n in range(2, 6):
        outline += OUTLINE / n * rng.normal() * np.cos(n * ANGLES + rng.uniform(0, 2 * np.pi))
    outline *= 1 + shape.tail * np.exp(-((ANGLES / 0.28) ** 2))
    outline *= 1 + 0.10 * shape.spikes * np.cos(shape.n_spikes * ANGLES)
    return outline.astype(np.float32)


def _profile(shape: Shape) -> Real:
    """Thickness at each of ``RADII`` in um: Evans and Fung's disc, more or less dimpled, with a bump in a pale ring or filled for a slit."""
    edge = np.sqrt(1 - RADII**2)
    disc = edge * (0.81 + 7.83 * RADII**2 - 4.39 * RADII**4)
    flat = 2.2 * edge**0.7
    dimple = shape.dimple * (1 - shape.slit)
    profile = dimple * disc + (1 - dimple) * flat
    profile += shape.bump * (np.exp(-((RADII / 0.22) ** 2)) - 0.6 * np.exp(-(((RADII - 0.5) / 0.16) ** 2)))
    return (shape.height * np.clip(profile, 0, None)).astype(np.float32)


def _transmitted(thickness: Real, z_um: float, stain: Real, pixel_um: float) -> Real:
    """Light behind the smear in three colours, (H, W, 3), 1 where there is no cell."""
    step = pixel_um / SUPERSAMPLING
    smooth = gaussian_filter(thickness, 0.1 / step)
    gy, gx = np.gradient(smooth, step)
    laplacian = np.gradient(gy, step, axis=0) + np.gradient(gx, step, axis=1)
    z_linear = LINEAR_UM * np.tanh(z_um / LINEAR_UM)
    focusing = np.clip(1 - z_linear * DELTA_N * laplacian, *CONTRAST_LIMITS)
    sigma = np.hypot(0.21 * WAVELENGTH_UM / APERTURE, 0.45 * abs(z_um) * APERTURE / MEDIUM)
    # the blur is wider than a pixel even in focus, so binning before it loses nothing and costs a quarter
    channels = [_binned(np.exp(-alpha * thickness) * focusing) for alpha in stain.astype(np.float32)]
    sigma_px = sigma / pixel_um
    return np.stack([gaussian_filter(c, sigma_px, mode="nearest", truncate=3) for c in channels], axis=-1)


def _binned(image: Real) -> Real:
    s = SUPERSAMPLING
    return sum(image[i::s, j::s] for i in range(s) for j in range(s)) / np.float32(s**2)


def _displaced(
    mask: npt.NDArray[np.bool_], error: float, pixel_um: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """The mask that a contour finder of this error returns: shifted and smoothly warped."""
    amplitude = error * CONTOUR_ERROR_UM / pixel_um
    angle = rng.uniform(0, 2 * np.pi)
    shift = 0.6 * amplitude * np.array([np.sin(angle), np.cos(angle)])
    grid = np.indices(mask.shape)
    warp = [
        axis + 0.5 * amplitude * smooth_field(mask.shape, CONTOUR_SCALE_UM / pixel_um, rng) + offset
        for axis, offset in zip(grid, shift, strict=True)
    ]
    moved: npt.NDArray[np.bool_] = map_coordinates(mask.astype(np.float32), warp, order=1, mode="nearest") > 0.5
    return moved


def _contour(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The pixels of the mask that have a 4-neighbour outside; the frame's edge is not a contour."""
    edge: npt.NDArray[np.bool_] = mask & ~binary_erosion(mask, border_value=1)
    return edge
