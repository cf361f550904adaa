"""What the motion of a bead looks like: free, trapped or stuck. Only then is it clear which physics to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from brightfield.beads.trajectories import Estimate, Sampling, Track
from brightfield.beads.trajectories.diffusion import Free, free
from brightfield.beads.trajectories.spectrum import Spectrum, spectrum
from brightfield.beads.trajectories.trap import Trap, fit

Kind = Literal["free", "trapped", "stuck", "unclear", "short"]

FEWEST_FRAMES = 20  # seen: of fewer nothing is said
# twice the log likelihood that a corner gains over white noise by chance once in a thousand (chi squared, 2)
COLOURED = 13.8
MOVING = 10.8  # the same of free diffusion (chi squared, 1)
# Relaxation times that the record of a free bead seems to last when a trap is fitted to it: a median of 2 to 5, and above these
# once in a hundred and in none of a thousand. A random walk is never wholly unlike a weak trap (Dickey & Fuller 1979, J. Am. Stat.
# Assoc. 74, 427); the limits are for the likelihood used here, and tests hold them.
PERHAPS, SURELY = 15.0, 25.0


@dataclass(frozen=True)
class Bead:
    """One bead, and what can be said of it.

    Attributes:
        kind: ``free``; ``trapped``: its MSD levels off, so no free diffusion constant is given; ``stuck``: white noise and nothing
            else, or drift smaller than that, as of a bead on the glass or in a trap too stiff for this frame rate; ``unclear``:
            free, or in a trap so weak that the record is too short for it; ``short``: seen in fewer than 20 frames.
        track: its positions.
        spectrum: without frequencies that were cut off.
        diffusion_um2_s: D of the model that fits its kind; nan unless free or trapped.
        localisation_um: standard error of one coordinate, of the same model.
        free: the fit of free diffusion; None of a short track.
        trap: the fit of a trap; None of a short track.
    """

    kind: Kind
    track: Track
    spectrum: Spectrum
    diffusion_um2_s: Estimate
    localisation_um: Estimate
    free: Free | None
    trap: Trap | None


def judge(track: Track, sampling: Sampling, *, lowest_hz: float = 0.0, localisation_um: float | None = None) -> Bead:
    """Say what a bead does, by the likelihood of white noise, free diffusion and a trap.

    Args:
        track: without drift.
        sampling: when its frames were taken.
        lowest_hz: frequencies below are left out where a trap is fitted: drift may be left there.
        localisation_um: standard error of one coordinate, if it is known; else it is fitted.
    """
    power = spectrum(track, sampling).above(lowest_hz)
    if len(track) < FEWEST_FRAMES:
        return Bead("short", track, power, Estimate.unknown(), Estimate.unknown(), None, None)
    trap, walk = fit(power, sampling, localisation_um=localisation_um), free(track, sampling)
    kind = _kind(track, trap, walk)
    if kind == "trapped":
        return Bead(kind, track, power, trap.diffusion_um2_s, trap.localisation_um, walk, trap)
    diffusion = walk.diffusion_um2_s if kind == "free" else Estimate.unknown()
    return Bead(kind, track, power, diffusion, walk.localisation_um, walk, trap)


def _kind(track: Track, trap: Trap, walk: Free) -> Kind:
    if trap.evidence < COLOURED:
        return "stuck"
    if trap.turns >= SURELY:
        return "trapped"
    wandered = float(track.positions.var(axis=0).mean())
    if walk.evidence < MOVING or not wandered > 2 * walk.localisation_um.value**2:
        return "stuck"
    return "unclear" if trap.turns >= PERHAPS else "free"


def usual_error_um(error_px: np.typing.ArrayLike, pixel_size_um: float) -> float:
    """One localisation error for a whole track: the root mean square of those that were given with its positions."""
    return float(np.sqrt(np.mean(np.square(np.asarray(error_px, dtype=np.float64))))) * pixel_size_um
