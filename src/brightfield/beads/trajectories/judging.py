"""Classify the motion of a bead as free, trapped or stuck, which decides which model describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from brightfield.beads.trajectories import Estimate, Sampling, Track
from brightfield.beads.trajectories.diffusion import Free, free
from brightfield.beads.trajectories.spectrum import Spectrum, spectrum
from brightfield.beads.trajectories.trap import Trap, fit

Kind = Literal["free", "trapped", "stuck", "unclear", "short"]

FEWEST_FRAMES = 20  # smallest number of frames seen in which a bead is classified
# twice the log likelihood that a trap gains over white noise by chance once in a thousand (chi squared, 2)
CORNER_EVIDENCE = 13.8
MOTION_EVIDENCE = 10.8  # the same for free diffusion over no motion (chi squared, 1)
# Length of the record in relaxation times of the fitted trap: below the first a moving bead is free, above the second trapped. For
# free beads the median is 2 to 5; one in a hundred exceeds the first, none of a thousand the second. A random walk cannot be fully
# distinguished from a weak trap (Dickey & Fuller 1979, J. Am. Stat. Assoc. 74, 427). Tests check the limits for this likelihood.
UNCLEAR_FROM, TRAPPED_FROM = 15.0, 25.0


@dataclass(frozen=True)
class Bead:
    """The classified motion of one bead, and its fits.

    Attributes:
        kind: ``free``; ``trapped``: its MSD levels off, so D is that of the trap's model; ``stuck``: white noise alone, or drift
            smaller than the noise, as for a bead on the glass or in a trap too stiff for this frame rate; ``unclear``: free, or
            in a trap too weak for the length of the record; ``short``: seen in fewer than 20 frames.
        track: the trajectory.
        spectrum: its periodogram, without the frequencies cut off.
        diffusion_um2_s: D of the model that describes this kind; nan unless free or trapped.
        localisation_um: standard error of one coordinate, by the same model.
        free: the fit of free diffusion; None for a short track.
        trap: the fit of a trap; None for a short track.
    """

    kind: Kind
    track: Track
    spectrum: Spectrum
    diffusion_um2_s: Estimate
    localisation_um: Estimate
    free: Free | None
    trap: Trap | None


def classify(track: Track, sampling: Sampling, *, lowest_hz: float = 0.0, localisation_um: float | None = None) -> Bead:
    """Classify the motion of a bead by the likelihoods of white noise, free diffusion and a trap.

    Args:
        track: trajectory, drift subtracted.
        sampling: frame rate and exposure.
        lowest_hz: lowest frequency to which a trap is fitted: below, drift may remain.
        localisation_um: standard error of one coordinate; None: fitted.
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
    if trap.evidence < CORNER_EVIDENCE:
        return "stuck"
    if trap.relaxations >= TRAPPED_FROM:
        return "trapped"
    wandered = float(track.positions.var(axis=0).mean())
    if walk.evidence < MOTION_EVIDENCE or not wandered > 2 * walk.localisation_um.value**2:
        return "stuck"
    return "unclear" if trap.relaxations >= UNCLEAR_FROM else "free"


def rms_error_um(error_px: np.typing.ArrayLike, pixel_size_um: float) -> float:
    """The root mean square of the localisation errors of a track's positions, in um."""
    return float(np.sqrt(np.mean(np.square(np.asarray(error_px, dtype=np.float64))))) * pixel_size_um
