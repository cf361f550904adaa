"""Simulated windows with exact truth, for the tests of several rooms."""

from __future__ import annotations

import numpy as np

from brightfield.simulate.beads.diffraction import Sphere, draw_rings, ring_profile

SIZE = (48, 56)
PIXEL_UM, ELECTRONS, READ_NOISE, OFFSET = 0.1, 1000.0, 3.0, 100.0
RINGS = ring_profile(Sphere(1.0, 1.57, 0.5), 0.15, PIXEL_UM).at([4.0])[0]


def light(x: float, y: float, size: tuple[int, int] = SIZE, contrast: float = 1.0) -> np.ndarray:
    """Expected electrons (H, W) of one bead."""
    drawn = np.ones(size, dtype=np.float32)
    draw_rings(drawn, RINGS, contrast, np.array([[x, y]]), PIXEL_UM)
    return ELECTRONS * drawn.astype(np.float64)


def exposed(electrons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Counts at one count an electron, with the camera's offset."""
    noisy = rng.poisson(electrons) + rng.normal(0, READ_NOISE, electrons.shape)
    return np.rint(noisy + OFFSET).astype(np.uint16)


def windows(number: int, rng: np.random.Generator, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Windows (N, 48, 56) with one bead each near the middle, and its positions (N, 2)."""
    positions = np.array([27.5, 23.5]) + rng.uniform(-spread, spread, (number, 2))
    return np.stack([exposed(light(x, y), rng) for x, y in positions]), positions
