"""Windows of one bead each with one disturbance at a time, with the exact position and the Cramer-Rao bound of each window.

They serve to compare methods: which disturbances reduce precision, and which cause outliers. The bound holds for a known profile
and known surroundings (light, debris, the second bead): no method is better, and one without this knowledge may not reach it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.bound import cramer_rao
from brightfield.simulate.beads.diffraction import RingProfile, Sphere, draw_rings, ring_profile
from brightfield.simulate.optics import Camera, around, log_uniform

Real = npt.NDArray[np.float64]
SIZE_PX, PIXEL_UM = 64, 0.1
SPHERE, CONDENSER, HEIGHT_UM = Sphere(1.4, 1.57, 0.9), 0.06, 6.0
ELECTRONS, READ_NOISE, OFFSET = 1000.0, 3.0, 100.0
LOW_ELECTRONS = 50.0  # per pixel of the background
DEBRIS = 3.0  # mean number of blobs per window
DEBRIS_CONTRAST = (-0.45, 0.3)  # change of the light by a blob
DISTURBED = 0.02  # relative change of the light above which a pixel counts as debris
GRADIENT = 0.25  # standard deviation of the change of the light across the window
STEEPEST = 0.6  # largest change of the light across the window
SECOND_PX = (28.0, 44.0)  # distance of the second bead: from contact to the corner
HEIGHTS_UM = (2.0, 10.0)  # range of the defocus


@dataclass(frozen=True)
class Window:
    """The content of one window: its bead, and the light (H, W) around 1 on which the bead is drawn.

    ``ground`` is that light without other beads, ``debris`` the mask of debris, ``others`` (K, 2) the positions of other beads.
    """

    position: tuple[float, float]
    profile: npt.NDArray[np.float32]
    light: Real
    electrons: float
    ground: Real
    debris: npt.NDArray[np.bool_]
    others: Real

    def expected(self, x: float, y: float) -> Real:
        """Expected electrons (H, W) with the bead at x and y in px."""
        drawn = self.light.astype(np.float32)
        draw_rings(drawn, self.profile, 1.0, np.array([[x, y]]), PIXEL_UM)
        return self.electrons * drawn.astype(np.float64)


@dataclass(frozen=True)
class Windows:
    """Simulated windows.

    Attributes:
        pixels: (N, 64, 64) uint16, one count per electron.
        positions: (N, 2) x and y in px of the bead nearest to the middle.
        bounds: (N, 2) smallest standard deviations of x and y in px.
        beads: for each window (K, 2), all beads whose centres lie in it, the one of ``positions`` first.
        transmission: (N, 64, 64) float16 of the beads alone, 1 where there is none.
        debris: (N, 64, 64) bool, True where debris changes the light by more than 2%.
    """

    pixels: npt.NDArray[np.uint16]
    positions: Real
    bounds: Real
    beads: tuple[Real, ...]
    transmission: npt.NDArray[np.float16]
    debris: npt.NDArray[np.bool_]


def simulate_windows(trouble: str, count: int, rng: np.random.Generator) -> Windows:
    """Simulate windows with one disturbance; the bead is within half a pixel of the middle, at a uniform sub-pixel phase.

    Args:
        trouble: the disturbance, a key of ``TROUBLES``.
        count: number of windows.
        rng: source of everything random.

    Raises:
        ValueError: the disturbance is unknown.
    """
    if trouble not in TROUBLES:
        raise ValueError(f"unknown disturbance {trouble!r}; known: {', '.join(TROUBLES)}")
    rings = ring_profile(SPHERE, CONDENSER, PIXEL_UM)
    usual, camera = rings.at([HEIGHT_UM])[0], Camera(1.0, OFFSET, READ_NOISE, 0.0)
    even, none = np.ones((SIZE_PX, SIZE_PX)), np.zeros((SIZE_PX, SIZE_PX), dtype=np.bool_)
    pixels, positions, bounds, beads, alone, debris = [], [], [], [], [], []
    known: Real | None = None
    for _ in range(count):
        x, y = (SIZE_PX - 1) / 2 + rng.uniform(-0.5, 0.5, 2)
        window = TROUBLES[trouble](Window((x, y), usual, even, ELECTRONS, even, none, np.empty((0, 2))), rings, rng)
        expected = window.expected(x, y)
        pixels.append(camera.expose(expected, rng))
        positions.append((x, y))
        if known is None or trouble not in SHARED_BOUND:
            known = cramer_rao(window.expected, (x, y), READ_NOISE)
        bounds.append(known)
        inside = ((window.others > -0.5) & (window.others < SIZE_PX - 0.5)).all(axis=1)
        beads.append(np.concatenate([[(x, y)], window.others[inside]]))
        alone.append((expected / (window.electrons * window.ground)).astype(np.float16))
        debris.append(window.debris)
    return Windows(
        np.stack(pixels), np.array(positions), np.array(bounds), tuple(beads), np.stack(alone), np.stack(debris)
    )


def _clean(window: Window, rings: RingProfile, rng: np.random.Generator) -> Window:
    del rings, rng
    return window


def _low_signal(window: Window, rings: RingProfile, rng: np.random.Generator) -> Window:
    del rings, rng
    return replace(window, electrons=LOW_ELECTRONS)


def _uneven(window: Window, rings: RingProfile, rng: np.random.Generator) -> Window:
    del rings
    gx, gy = np.clip(GRADIENT * rng.standard_normal(2), -STEEPEST, STEEPEST)
    across = np.linspace(-0.5, 0.5, SIZE_PX)
    light = window.light + gx * across + gy * across[:, None]
    return replace(window, light=light, ground=light)


def _debris(window: Window, rings: RingProfile, rng: np.random.Generator) -> Window:
    del rings
    light = window.light.copy()
    for _ in range(rng.poisson(DEBRIS)):
        width = log_uniform(0.8, 4, rng)
        x, y = rng.uniform(0, SIZE_PX, 2)
        box, dy, dx = around((SIZE_PX, SIZE_PX), x, y, 5 * width)
        light[box] *= 1 + rng.uniform(*DEBRIS_CONTRAST) * np.exp(-0.5 * (dx**2 + dy**2) / width**2)
    return replace(window, light=light, ground=light, debris=np.abs(light - 1) > DISTURBED)


def _second_bead(window: Window, rings: RingProfile, rng: np.random.Generator) -> Window:
    del rings
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(*SECOND_PX)
    place = np.array([window.position]) + away * np.array([np.cos(angle), np.sin(angle)])
    light = window.light.astype(np.float32)
    draw_rings(light, window.profile, 1.0, place, PIXEL_UM)
    return replace(window, light=light.astype(np.float64), others=place)


def _defocus(window: Window, rings: RingProfile, rng: np.random.Generator) -> Window:
    return replace(window, profile=rings.at([rng.uniform(*HEIGHTS_UM)])[0])


TROUBLES: dict[str, Callable[[Window, RingProfile, np.random.Generator], Window]] = {
    "clean": _clean,
    "debris": _debris,
    "second bead": _second_bead,
    "uneven light": _uneven,
    "defocus": _defocus,
    "low signal": _low_signal,
}
SHARED_BOUND = ("clean", "low signal")  # disturbances with one bound for all windows: it hardly depends on the phase
