"""The shape of a red blood cell, healthy or sick, as a thickness map.

The healthy profile is the biconcave disc of Evans and Fung (Microvascular Research 4, 335, 1972), with a few harmonics in its
outline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from brightfield.simulate.optics import Real

RADIUS_UM = (3.9, 0.28)  # mean and standard deviation
OUTLINE = 0.03  # relative amplitude of the outline's n-th harmonic: this over n
ANGLES = np.linspace(-np.pi, np.pi, 2048)  # of the table of an outline
RADII = np.linspace(0, 1, 4096)  # of the table of a profile, relative to the outline


@dataclass(frozen=True)
class Shape:
    """The shape of one cell; lengths in um, the rest are ratios."""

    radius: float
    aspect: float
    dimple: float  # 1: biconcave, 0: no dimple
    height: float  # factor of the thickness
    bend: float = 0.0  # per um: y is shifted by bend * x^2
    tail: float = 0.0  # length of a tear's tail, relative to the radius
    spikes: float = 0.0
    n_spikes: int = 0
    bump: float = 0.0  # thickness added in the centre, um
    slit: float = 0.0  # 1: a slit instead of the dimple


# The change of a healthy cell by each defect of severity s
SICK: Mapping[str, Callable[[Shape, float], Shape]] = {
    "elliptocyte": lambda c, s: replace(c, aspect=1.05 + 0.75 * s),
    "spherocyte": lambda c, s: replace(c, radius=3.9 * (1 - 0.28 * s), dimple=1 - s, height=1 + 0.5 * s),
    "sickle": lambda c, s: replace(c, radius=c.radius * (1 - 0.15 * s), aspect=1.05 + 1.2 * s, bend=0.15 * s),
    "tear": lambda c, s: replace(c, radius=c.radius * (1 - 0.22 * s), tail=0.9 * s),
    "burr": lambda c, s: replace(c, spikes=s),
    "target": lambda c, s: replace(c, bump=1.6 * s),
    "stomatocyte": lambda c, s: replace(c, slit=s),
}


def healthy_cell(rng: np.random.Generator) -> Shape:
    """Draw a healthy cell, with natural variation."""
    return Shape(
        radius=rng.normal(*RADIUS_UM),
        aspect=1 + abs(rng.normal(0, 0.04)),
        dimple=float(np.clip(rng.normal(1, 0.18), 0.4, 1.4)),
        height=rng.normal(1, 0.08),
        n_spikes=int(rng.integers(9, 18)),
    )


def cell_thickness(shape: Shape, centre_um: npt.ArrayLike, size: int, step_um: float, rng: np.random.Generator) -> Real:
    """Thickness of one cell in um, (size, size) float32 sampled every ``step_um``, turned by a random angle.

    Args:
        shape: the cell.
        centre_um: x and y of the cell, relative to the middle of the grid.
        size: samples per side.
        step_um: distance between samples.
        rng: source of the angle and of the irregular outline.
    """
    cx, cy = np.asarray(centre_um, dtype=np.float32)
    axis = ((np.arange(size) - (size - 1) / 2) * step_um).astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x = cos * (axis - cx)[None] + sin * (axis - cy)[:, None]
    y = -sin * (axis - cx)[None] + cos * (axis - cy)[:, None]
    # less its mean, so that the centre of mass does not move
    y = y - shape.bend * (x**2 - shape.aspect * shape.radius**2 / 4)
    stretch = float(np.sqrt(shape.aspect))
    x, y = x / stretch, y * stretch
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
    """Look up a fine table at positions in [0, 1]: several times faster than a formula at every sample."""
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
    """Thickness in um at each of ``RADII``: Evans and Fung's disc with a deeper or shallower dimple, or with a bump."""
    edge = np.sqrt(1 - RADII**2)
    disc = edge * (0.81 + 7.83 * RADII**2 - 4.39 * RADII**4)
    flat = 2.2 * edge**0.7
    dimple = shape.dimple * (1 - shape.slit)
    profile = dimple * disc + (1 - dimple) * flat
    profile += shape.bump * (np.exp(-((RADII / 0.22) ** 2)) - 0.6 * np.exp(-(((RADII - 0.5) / 0.16) ** 2)))
    return (shape.height * np.clip(profile, 0, None)).astype(np.float32)
