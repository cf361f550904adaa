"""Beads whose truth is known: simulated with many sub-steps in each exposure."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from brightfield.beads.trajectories import Sampling, Track
from brightfield.simulate.beads.motion import THERMAL_ENERGY, VISCOSITY, thermal_step

RATE_HZ, SUBSTEPS = 400.0, 16
DRAG = 6 * np.pi * VISCOSITY * 0.5  # of a bead of 1 um
DIFFUSION = THERMAL_ENERGY / DRAG
SAMPLING = Sampling(RATE_HZ)


def stiffness_of(corner_hz: float) -> float:
    """pN/um."""
    return 2 * np.pi * corner_hz * DRAG


def bead(corner_hz: float, frames: int, seed: int, noise_um: float = 0.005, exposed: float = 1.0) -> Track:
    """A bead in a trap, in equilibrium; a free one for a corner of 0."""
    rng = np.random.default_rng(seed)
    stiffness = stiffness_of(corner_hz)
    decay, deviation = thermal_step(stiffness, DRAG, 1 / RATE_HZ / SUBSTEPS)
    thermal = deviation * rng.standard_normal((frames * SUBSTEPS, 2))
    if stiffness:
        thermal[0] *= np.sqrt(THERMAL_ENERGY / stiffness) / deviation
    path = lfilter([1.0], [1.0, -decay], thermal, axis=0).reshape(frames, SUBSTEPS, 2)
    seen = path[:, : round(exposed * SUBSTEPS)].mean(axis=1)
    return Track(np.arange(frames), seen + rng.normal(0, noise_um, seen.shape))


def with_gaps(track: Track, share: float, seed: int = 0) -> Track:
    """Without some of its frames."""
    kept = np.random.default_rng(seed).uniform(size=len(track)) >= share
    return Track(track.frames[kept], track.positions[kept])
