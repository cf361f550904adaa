"""Nuclei and rods: irregular ellipses and stretched discs of log-normal brightness, with texture and puncta."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brightfield.simulate.denoise.conditions import NUCLEUS_SPREAD, Acquisition, Range
from brightfield.simulate.optics import Real, around, log_uniform, smooth_field

NUCLEUS_ASPECT = (1.0, 2.0)
ROD_RADIUS_PX = (3.0, 6.0)
ROD_ASPECT = (3.0, 8.0)
RODS = 0.35  # share of the fields with rods among or instead of nuclei
OUTLINE = 0.10  # relative amplitude of the outline's n-th harmonic: this over n
STACKED = 0.03  # share of the cells that may overlap others
BRIGHTNESS_SIGMA = 0.35  # standard deviation of the logarithm, from cell to cell
TEXTURE = (0.05, 0.40)  # relative standard deviation inside a cell
PUNCTA = (0.0, 0.006)  # number per pixel of a cell


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


def draw_nuclei(
    shape: tuple[int, int], rng: np.random.Generator, how: Acquisition, psf_px: float | None = None
) -> tuple[Real, float]:
    """The light of nuclei and rods before the blur, (H, W), and the blur's standard deviation in px: drawn, if not given."""
    cells = _draw_cells(shape, how, rng)
    texture = rng.uniform(*TEXTURE) * smooth_field(shape, log_uniform(1.5, 5, rng), rng)
    sharp, inside = np.zeros(shape, np.float32), np.zeros(shape, bool)
    for cell in cells:
        _paint(sharp, inside, cell, rng)
    sharp = sharp * np.clip(1 + texture, 0.1, None)
    puncta = inside & (rng.random(shape) < rng.uniform(*PUNCTA))
    psf = rng.uniform(*how.psf_sigma_px) if psf_px is None else psf_px
    # after the blur, spots have a few times the brightness of their cell
    sharp = sharp + puncta * sharp * rng.exponential(1.5, shape) * 2 * np.pi * psf**2
    return sharp, psf


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
