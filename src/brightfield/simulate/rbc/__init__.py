"""Simulated crops of single red blood cells of stained smears, with the exact probability that an expert calls each bad.

Each cell is a thickness map h(x, y) in um with at most one defect of severity s in [0, 1]. Light is absorbed as
exp(-alpha h) in each colour (Beer-Lambert), redistributed by the cell's curvature when out of focus (transport of
intensity, Teague 1983) and blurred by the objective.

The label is random: the probability of bad is 1 - prod_j (1 - sigmoid((s_j - t_j) / tau)) over the defects j, so the best accuracy
that any model can reach on these crops is known: the mean of max(p, 1 - p).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates
from scipy.special import expit

from brightfield.data.records import Record
from brightfield.params import RbcAppearance, RbcSimulation, Suite, Variety
from brightfield.simulate.optics import Camera, Real, dust, illumination, pixel_response, smooth_field
from brightfield.simulate.rbc.erythrocyte import SICK, cell_thickness, healthy_cell
from brightfield.simulate.rbc.processing import compressed, sharpened, toned
from brightfield.simulate.rbc.smears import SUITES, Smear, matched_smear, usual_smear
from brightfield.simulate.rbc.variety import crowd, wide_smear

SUPERSAMPLING = 2  # samples per pixel and axis
DELTA_N = 0.06  # refractive index of a cell above that of the plasma
WAVELENGTH_UM = 0.55
APERTURE = 0.75  # numerical aperture of a 40x objective
MEDIUM = 1.33  # refractive index of the medium
CONTRAST_LIMITS = (0.4, 1.8)  # transport of intensity is linear in z and overshoots far from focus,
LINEAR_UM = 1.5  # so it saturates about here: farther out the blur dominates
CROP_FOCUS_UM = 0.42  # standard deviation of the focus within a smear
FAIR_CONTOUR = 0.37  # largest error, as a severity, of a contour that did not fail
CONTOUR_ERROR_UM = 1.0  # error of a contour of severity 1
CONTOUR_SCALE_UM = 1.26  # length over which this error varies
OVERLAP_UM = (7.9, 4.5)  # distance of an overlapping cell at severity 0, and its decrease to severity 1
APART_UM = (8.8, 10.5)  # distance of a neighbour that does not touch
FOCUS_UM = (0.3, 4.0)  # |z| of an out-of-focus cell at severity 0, and its increase to severity 1

# Shares of the defects among crops with one, and the severity at which half of the experts say bad
CAUSES = {"sick": 0.4, "out_of_focus": 0.2, "overlapping": 0.2, "failed_contour": 0.2}
THRESHOLDS = {"sick": 0.30, "out_of_focus": 0.25, "overlapping": 0.02, "failed_contour": 0.42}
TAU = 0.05  # spread of the experts' thresholds, in severity

VARIETIES: dict[Variety, Callable[[np.random.Generator], Smear]] = {"usual": usual_smear, "wide": wide_smear}


@dataclass(frozen=True)
class Crop:
    """The parameters of one crop."""

    kind: str  # normal, one of SICK, or one of the other causes
    severity: float  # of the cause, 0 to 1
    z_um: float  # distance from focus
    contour_error: float  # as a severity
    p_positive: float  # probability of good
    label: int  # 1 good, 0 bad


def groups(params: RbcSimulation) -> int:
    """Number of smears."""
    return params.smears


def per_group(params: RbcSimulation) -> int:
    """Number of crops per smear."""
    return params.crops_per_smear


def simulate_group(
    params: RbcSimulation, number: int, rng: np.random.Generator, suite: Suite | None = None
) -> Iterator[Record]:
    """Simulate the crops of one smear.

    Yields:
        Records with an image (size_px, size_px, 3) uint8 on which the cell's contour is a pure red line of 1 px (where the
        variety is wide, in few smears: in others a cell is as far off the middle as its contour is wrong), and
        a row of label (1 good, 0 bad), p_positive (the probability from which the label was drawn), kind and smear.
    """
    smear, name = draw_smear(rng, suite, params.appearance, params.variety), f"smear{number:03d}"
    for i, crop_rng in enumerate(rng.spawn(params.crops_per_smear)):
        crop = draw_crop(params.good_fraction, smear, crop_rng)
        image = render(crop, smear, params.size_px, params.pixel_size_um / smear.magnification, crop_rng)
        row = {"label": crop.label, "p_positive": crop.p_positive, "kind": crop.kind, "smear": name}
        yield Record(f"{name}_{i:03d}", name, image, row=row)


def draw_smear(
    rng: np.random.Generator,
    suite: Suite | None = None,
    appearance: RbcAppearance | None = None,
    variety: Variety = "usual",
) -> Smear:
    """Draw stain, light, focus and density of one smear; a suite changes one of them and leaves the others as drawn."""
    smear = VARIETIES[variety](rng)
    if appearance is not None:
        smear = matched_smear(smear, appearance, rng)
    return smear if suite is None else SUITES[suite](smear, rng)


def draw_crop(good_fraction: float, smear: Smear, rng: np.random.Generator) -> Crop:
    """Draw the defect of one crop and its severity, the exact probability that it is good, and its label."""
    cause = "none" if rng.uniform() < good_fraction else str(rng.choice(list(CAUSES), p=list(CAUSES.values())))
    kind = str(rng.choice(list(SICK))) if cause == "sick" else "normal" if cause == "none" else cause
    severity = float(rng.uniform() ** 0.4) if cause != "none" else 0.0  # severe cases are more frequent than mild ones
    z_um = smear.focus_um + rng.normal(0, CROP_FOCUS_UM)
    contour_error = float(rng.uniform(0, FAIR_CONTOUR))
    if cause == "out_of_focus":
        z_um = float(rng.choice([-1, 1])) * (FOCUS_UM[0] + FOCUS_UM[1] * severity)
    if cause == "failed_contour":
        contour_error = severity
    severities = {"out_of_focus": (abs(z_um) - FOCUS_UM[0]) / FOCUS_UM[1], "failed_contour": contour_error}
    if cause in ("sick", "overlapping"):
        severities[cause] = severity
    p_positive = float(np.prod([expit((THRESHOLDS[name] - s) / TAU) for name, s in severities.items()]))
    return Crop(kind, severity, z_um, contour_error, p_positive, label=int(rng.uniform() < p_positive))


def render(crop: Crop, smear: Smear, size_px: int, pixel_um: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Render one crop, (size_px, size_px, 3) uint8."""
    thickness, mask = _scene(crop, smear, size_px, pixel_um, rng)
    light = _transmitted(thickness, crop.z_um, smear, pixel_um)
    shape = (size_px, size_px)
    shade = illumination(shape, rng, vignette=0.04) * dust(shape, rng) * pixel_response(shape, rng)
    shade = shade**smear.unevenness * (1 + smear.texture * smooth_field(shape, 2.0, rng))
    camera = Camera(
        electrons_per_count=smear.electrons / 255, offset=0, read_noise=smear.read_noise, row_noise=1, bits=8
    )
    electrons = smear.electrons * (light * smear.white * shade[..., None]) @ smear.mixing
    image = toned(camera.expose(electrons, rng), smear.gamma)
    image = compressed(sharpened(image, smear.sharpening), smear.compression)
    if smear.contour:
        image[_contour(_displaced(mask, crop.contour_error, pixel_um, rng))] = (255, 0, 0)
    return image


def _scene(
    crop: Crop, smear: Smear, size_px: int, pixel_um: float, rng: np.random.Generator
) -> tuple[Real, npt.NDArray[np.bool_]]:
    """Thickness in um on the supersampled grid, and the pixels (not supersampled) that the contour should enclose."""
    size, step = size_px * SUPERSAMPLING, pixel_um / SUPERSAMPLING
    shape = healthy_cell(rng)
    if crop.kind in SICK:
        shape = SICK[crop.kind](shape, crop.severity)
    centre = rng.uniform(-0.5, 0.5, 2)
    if smear.off_centre_um and not smear.contour:
        # a contour that did not fail leaves its cell near the middle
        angle, away = rng.uniform(0, 2 * np.pi), smear.off_centre_um * crop.contour_error**2
        centre = away * np.array([np.cos(angle), np.sin(angle)])
    thickness = cell_thickness(shape, centre, size, step, rng)
    inside = thickness > 0
    overlapping = crop.kind == "overlapping"
    if overlapping or rng.uniform() < smear.neighbours:
        distance = OVERLAP_UM[0] - OVERLAP_UM[1] * crop.severity if overlapping else rng.uniform(*APART_UM)
        angle = rng.uniform(0, 2 * np.pi)
        other = centre + distance * np.array([np.cos(angle), np.sin(angle)])
        second = cell_thickness(healthy_cell(rng), other, size, step, rng)
        if overlapping:
            inside |= second > 0
        else:
            second[inside] = 0  # a neighbour ends at the edge of a large cell
        thickness = thickness + second
    if smear.crowding:
        thickness = np.where(inside, thickness, thickness + crowd(smear.crowding, centre, APART_UM[0], size, step, rng))
    return thickness, _binned(inside.astype(np.float32)) > 0.5


def _transmitted(thickness: Real, z_um: float, smear: Smear, pixel_um: float) -> Real:
    """The transmitted light in three colours, (H, W, 3), 1 where there is no cell."""
    step = pixel_um / SUPERSAMPLING
    smooth = gaussian_filter(thickness, 0.1 / step)
    gy, gx = np.gradient(smooth, step)
    laplacian = np.gradient(gy, step, axis=0) + np.gradient(gx, step, axis=1)
    z_linear = LINEAR_UM * float(np.tanh(z_um / LINEAR_UM))
    focusing = np.clip(1 - z_linear * DELTA_N * laplacian, *CONTRAST_LIMITS)
    sigma = np.hypot(0.21 * WAVELENGTH_UM / APERTURE, 0.45 * abs(z_um) * APERTURE / MEDIUM)
    sigma = np.hypot(sigma, smear.blur_um)
    # the blur is wider than a pixel even in focus, so binning before it loses nothing and costs a quarter
    sharp = (_binned(np.exp(-alpha * thickness) * focusing) for alpha in smear.stain.astype(np.float32))
    return np.stack([gaussian_filter(c, sigma / pixel_um, mode="nearest", truncate=3) for c in sharp], axis=-1)


def _binned(image: Real) -> Real:
    s = SUPERSAMPLING
    binned: Real = np.sum([image[i::s, j::s] for i in range(s) for j in range(s)], axis=0) / np.float32(s**2)
    return binned


def _displaced(
    mask: npt.NDArray[np.bool_], error: float, pixel_um: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """The mask from a contour finder with this error: shifted and smoothly warped."""
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
