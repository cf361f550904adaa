"""What a fluorescent label may show beside nuclei: filaments, puncta, cytoplasm and the membranes of a tissue.

Each function draws the light before the blur, (H, W), in any unit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from scipy.special import expit

from brightfield.simulate.denoise.cells import draw_nuclei
from brightfield.simulate.denoise.conditions import Acquisition
from brightfield.simulate.optics import Real, Shape, around, log_uniform, smooth_field

PATCH = (0.08, 0.3)  # size of the patches of cells, relative to the field
FILAMENTS = (0.08, 1.2)  # number, over the side of the field in px
BEND = (0.004, 0.06)  # change of a filament's direction along a pixel, in rad
PUNCTA_SHARE = 1 / 8  # share that puncta cover, relative to cells
SOFT = 0.04  # width of a patch's border, in the field that it is cut from
MEMBRANE_PX = (0.5, 1.5)  # width
COMPARTMENT_PX = (8.0, 25.0)  # typical distance of two membranes


def draw_layers(shape: Shape, psf_px: float, how: Acquisition, rng: np.random.Generator) -> Real:
    """The sum of the structures of a field before a blur of ``psf_px``, (H, W), each as bright as its weight after it."""
    light = np.zeros(shape)
    for name, weight in how.layers:
        sharp = STRUCTURES[name](shape, psf_px, how, rng)
        blurred = gaussian_filter(sharp, psf_px, mode="nearest")
        # a few bright spots cover less than the percentile counts
        light += weight * sharp / max(float(np.percentile(blurred, 99.5)), 0.2 * float(blurred.max()), 1e-9)
    return light


def _nuclei(shape: Shape, psf_px: float, how: Acquisition, rng: np.random.Generator) -> Real:
    return draw_nuclei(shape, rng, how, psf_px)[0]


def _filaments(shape: Shape, psf_px: float, how: Acquisition, rng: np.random.Generator) -> Real:
    """Actin or tubulin: side by side, from centres, or in any direction."""
    del psf_px
    side = max(shape)
    n, steps = max(8, round(log_uniform(*FILAMENTS, rng) * side)), round(1.2 * side)
    start = rng.uniform((0, 0), shape, (n, 2))
    pattern = rng.choice(["parallel", "radial", "any"])
    angle = rng.uniform(0, 2 * np.pi, n)
    if pattern == "parallel":
        turn = 0.9 * smooth_field(shape, 0.25 * side, rng)
        angle = rng.uniform(0, np.pi) + turn[tuple(start.astype(int).T)] + rng.normal(0, 0.12, n)
    if pattern == "radial":
        centres = rng.uniform((0, 0), shape, (int(rng.integers(1, 4)), 2))
        start = rng.choice(centres, n) + rng.normal(0, 0.02 * side, (n, 2))
    else:  # through the start, not from it
        start = start - steps / 2 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    angles = angle[:, None] + np.cumsum(rng.normal(0, log_uniform(*BEND, rng), (n, steps)), axis=1)
    rows = start[:, :1] + np.cumsum(np.sin(angles), axis=1)
    columns = start[:, 1:] + np.cumsum(np.cos(angles), axis=1)
    brightness = rng.lognormal(0, 0.6, (n, 1)) * (1 + 0.4 * rng.uniform(-1, 1, (n, steps)))
    light = _deposited(shape, rows.ravel(), columns.ravel(), brightness.ravel())
    return light * _patches(shape, how, rng)


def _puncta(shape: Shape, psf_px: float, how: Acquisition, rng: np.random.Generator) -> Real:
    """Vesicles, foci or beads of two sizes, within cells or anywhere."""
    wide = rng.uniform(0.5, 2.0)
    area = 2 * np.pi * (psf_px**2 + wide**2)
    n = max(8, round(PUNCTA_SHARE * rng.uniform(*how.cover) * shape[0] * shape[1] / area))
    rows, columns = rng.uniform(-0.5, shape[0] - 0.5, n), rng.uniform(-0.5, shape[1] - 0.5, n)
    light = _deposited(shape, rows, columns, rng.lognormal(0, 0.6, n))
    inside = _patches(shape, how, rng) if rng.uniform() < 0.5 else 1.0
    spots: Real = (light + 2 * gaussian_filter(light, wide, mode="nearest")) * (0.1 + 0.9 * inside)
    return spots


def _cytoplasm(shape: Shape, psf_px: float, how: Acquisition, rng: np.random.Generator) -> Real:
    """Cells with coarse and fine texture, a brighter or darker rim, and dark nuclei."""
    del psf_px
    inside = _patches(shape, how, rng)
    fine, coarse = (smooth_field(shape, log_uniform(*ends, rng), rng) for ends in ((0.8, 3.0), (4.0, 15.0)))
    light = inside * np.exp(rng.uniform(0.1, 0.6) * fine + rng.uniform(0.1, 0.5) * coarse)
    rim = np.clip(inside - gaussian_filter(inside, 3.0, mode="nearest"), 0, None)
    light *= 1 + rng.uniform(-1, 3) * rim
    radius, dark = log_uniform(*how.radius_px, rng), rng.uniform(0, 0.6)
    for _ in range(rng.poisson(shape[0] * shape[1] / (np.pi * (3 * radius) ** 2))):
        box, dy, dx = around(shape, rng.uniform(0, shape[1]), rng.uniform(0, shape[0]), 1.3 * radius)
        light[box] *= 1 - (1 - dark) * np.exp(-((np.hypot(dy, rng.uniform(0.8, 1.25) * dx) / radius) ** 8))
    return light


def _membranes(shape: Shape, psf_px: float, how: Acquisition, rng: np.random.Generator) -> Real:
    """Borders between the cells of a tissue: where the two nearest centres are equally far."""
    del psf_px, how
    apart = log_uniform(*COMPARTMENT_PX, rng)
    margin = 2 * apart
    n = round((shape[0] + 2 * margin) * (shape[1] + 2 * margin) / apart**2)
    centres = rng.uniform(-margin, np.add(shape, margin), (n, 2))
    pixels = np.indices(shape).reshape(2, -1).T
    nearest, second = cKDTree(centres).query(pixels, k=2)[0].T.reshape(2, *shape)
    lines = np.exp(-(((second - nearest) / (2 * rng.uniform(*MEMBRANE_PX))) ** 2)) + rng.uniform(0, 0.2)
    uneven = smooth_field(shape, log_uniform(4, 30, rng), rng) + 0.5 * smooth_field(shape, 1.5, rng)
    light: Real = lines * np.exp(rng.uniform(0.2, 0.8) * uneven)
    return light


STRUCTURES: dict[str, Callable[[Shape, float, Acquisition, np.random.Generator], Real]] = {
    "nuclei": _nuclei,
    "filaments": _filaments,
    "puncta": _puncta,
    "cytoplasm": _cytoplasm,
    "membranes": _membranes,
}


def _patches(shape: Shape, how: Acquisition, rng: np.random.Generator) -> Real:
    """Where there are cells: 1 inside, 0 outside, (H, W), with soft and irregular borders."""
    field = smooth_field(shape, log_uniform(*PATCH, rng) * max(shape), rng) + 0.1 * smooth_field(shape, 3.0, rng)
    threshold = np.quantile(field, 1 - min(0.95, 1.5 * rng.uniform(*how.cover)))
    inside: Real = expit((field - threshold) / SOFT)
    return inside


def _deposited(shape: Shape, rows: Real, columns: Real, brightness: Real) -> Real:
    """Points of light at continuous positions, each shared by the four pixels around it; those outside are lost."""
    light = np.zeros(shape[0] * shape[1])
    row, column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - row, columns - column
    for i, share_i in ((0, 1 - down), (1, down)):
        for j, share_j in ((0, 1 - right), (1, right)):
            y, x = row + i, column + j
            seen = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
            light += np.bincount(y[seen] * shape[1] + x[seen], (brightness * share_i * share_j)[seen], light.size)
    return light.reshape(shape)
