"""How fast movies of beads are drawn, and how exactly, in one process."""

from __future__ import annotations

import time

import numpy as np
from claims import Claim

from brightfield.params import BeadsSimulation
from brightfield.simulate import simulate
from brightfield.simulate.beads.diffraction import Sphere, draw_rings, ring_profile

FRAMES = 1000
SECONDS = 5.0  # for so many frames of 128 x 128
ERROR_PX = 0.002
RUNS = 4  # the least disturbed counts


def rows() -> list[Claim]:
    """Time of a thousand frames, by the clock and of the processor, and the largest error of a drawn position."""
    movies = FRAMES // 10 // RUNS
    params = BeadsSimulation(simulator="beads", movies=movies, frames_per_movie=10, size_px=128)
    next(simulate(params))  # the tables that all movies share
    clocks, processors = [], []
    for run in range(RUNS):
        clock, processor = time.perf_counter(), time.process_time()
        frames = sum(1 for _ in simulate(params.model_copy(update={"seed": run})))
        clocks.append((time.perf_counter() - clock) * FRAMES / frames)
        processors.append((time.process_time() - processor) * FRAMES / frames)
    what = f"{FRAMES} frames of 128 x 128"
    return [
        Claim(f"{what}, clock, least disturbed quarter", min(clocks), "s", aim=SECONDS),
        Claim(f"{what}, processor, least disturbed quarter", min(processors), "s", aim=SECONDS),
        Claim(f"{what}, processor, mean", float(np.mean(processors)), "s", aim=SECONDS),
        Claim("largest error of a position over 100 phases", _largest_error(), "px", aim=ERROR_PX),
    ]


def _largest_error() -> float:
    """Of the centre of mass of the squared deviation from the background, on a frame that is not square."""
    profile = ring_profile(Sphere(1.0, 1.57, 0.5), condenser=0.15, pixel_um=0.1).at([2.0])[0]
    row, column = np.indices((190, 230))
    errors = []
    for dx in np.linspace(-0.5, 0.5, 10):
        for dy in np.linspace(-0.5, 0.5, 10):
            light = np.ones(row.shape, dtype=np.float32)
            draw_rings(light, profile, 1.0, np.array([[110 + dx, 93 + dy]]), 0.1)
            weight = (light.astype(np.float64) - 1) ** 2
            errors.append((column * weight).sum() / weight.sum() - 110 - dx)
            errors.append((row * weight).sum() / weight.sum() - 93 - dy)
    return float(np.abs(errors).max())
