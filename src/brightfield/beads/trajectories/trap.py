"""A bead in a harmonic trap: corner frequency, diffusion constant and stiffness from its power spectrum.

The motion is that of Ornstein and Uhlenbeck: a Lorentzian spectrum with the corner kappa / (2 pi gamma). What a camera records is
its mean over each exposure (Wong & Halvorsen 2006, Opt. Express 14, 12517), sampled at the frame rate, plus localisation noise
that is white. All of it is in the model, so the corner may lie above the frame rate's fifth; how far above, the intervals say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import minimize

from brightfield.beads.trajectories import Estimate, Real, Sampling, Track
from brightfield.beads.trajectories.likelihood import Model, blurred, correlation
from brightfield.beads.trajectories.spectrum import Spectrum, averaged, spectrum

BOLTZMANN = 1.380649e-5  # pN um / K
FEWEST = 8  # values of a spectrum: three numbers are fitted
GOODNESS_BLOCKS = 20  # into which a spectrum is divided to hold the fit against it


@dataclass(frozen=True)
class Trap:
    """A fit of the spectrum of a trapped bead.

    Attributes:
        corner_hz: corner frequency.
        variance_um2: of the position in the trap, one coordinate, without blur and noise: kT / kappa.
        diffusion_um2_s: 2 pi corner variance.
        localisation_um: standard error of one coordinate of one position.
        evidence: twice the gain in log likelihood over a white spectrum (without a corner rarely above 13.8).
        turns: the corner times the duration, times 2 pi: how many relaxation times the record lasts.
        goodness: probability of so large a misfit, or a larger one, if the model were right; below 0.01, something else moves too.
        deviance: twice the log likelihood that blocks of the spectrum lose to the model, for each degree of freedom: 1 is right.
    """

    corner_hz: Estimate
    variance_um2: Estimate
    diffusion_um2_s: Estimate
    localisation_um: Estimate
    evidence: float
    turns: float
    goodness: float
    deviance: float

    def covariance(self, sampling: Sampling, frames: int) -> Real:
        """Of one coordinate with itself 0, 1, ... frames later, in um^2, (frames,): motion, blur and noise."""
        found = self.variance_um2.value * correlation(self.corner_hz.value, sampling, frames)
        found[0] += self.localisation_um.value**2
        return found


UNKNOWN = Trap(
    Estimate.unknown(),
    Estimate.unknown(),
    Estimate.unknown(),
    Estimate.unknown(),
    evidence=0.0,
    turns=0.0,
    goodness=float("nan"),
    deviance=float("nan"),
)


def fit(whole: Spectrum, sampling: Sampling, *, localisation_um: float | None = None) -> Trap:
    """Fit by Whittle's likelihood: each value of the periodogram is exponentially distributed about its expectation.

    Args:
        whole: of both coordinates, or of one.
        sampling: when its frames were taken.
        localisation_um: if it is known; else it is fitted.

    Returns:
        ``UNKNOWN`` for a spectrum of fewer than eight values, or without power.
    """
    if len(whole.frequency_hz) < FEWEST or not whole.power_um2_hz.any():
        return UNKNOWN
    model = Model(whole, sampling, localisation_um)
    found = minimize(
        model.loss, model.start(), method="Nelder-Mead", bounds=model.bounds(), options={"xatol": 1e-4, "fatol": 1e-6}
    )
    corner, variance, noise = model.parameters(found.x)
    covariance = model.covariance(corner, variance, noise)
    errors = np.sqrt(np.diag(covariance))
    # of the logarithm of corner times variance
    product = np.sqrt(covariance[0, 0] + covariance[1, 1] + 2 * covariance[0, 1])
    diffusion = 2 * np.pi * corner * variance
    expected = variance * model.motion(np.log(corner)) + noise * model.noise
    goodness, deviance = _goodness(whole, expected, 2 + model.fits_noise)
    squared = Estimate.positive(noise, errors[2]) if model.fits_noise else Estimate(noise, noise, noise)
    return Trap(
        corner_hz=Estimate.positive(corner, corner * errors[0]),
        variance_um2=Estimate.positive(variance, variance * errors[1]),
        diffusion_um2_s=Estimate.positive(diffusion, diffusion * product),
        localisation_um=squared.map(np.sqrt),
        evidence=max(0.0, 2 * (model.white() - found.fun)),
        turns=2 * np.pi * corner * len(whole.overlap) * sampling.interval_s,
        goodness=goodness,
        deviance=deviance,
    )


def fit_track(
    track: Track, sampling: Sampling, *, lowest_hz: float = 0.0, localisation_um: float | None = None
) -> Trap:
    """Fit both coordinates of a track; without the frequencies below ``lowest_hz``, where drift may be left."""
    return fit(spectrum(track, sampling).above(lowest_hz), sampling, localisation_um=localisation_um)


def stiffness(variance_um2: Estimate, kt: float) -> Estimate:
    """kappa in pN/um from the variance in the trap; the same as 2 pi gamma corner with gamma = kT / D of the same fit.

    Args:
        variance_um2: of :class:`Trap`.
        kt: thermal energy in pN um.
    """
    return variance_um2.map(lambda variance: kt / variance if variance else float("inf"))


def equipartition(track: Track, found: Trap, sampling: Sampling, kt: float) -> Estimate:
    """kappa in pN/um from the measured variance, less noise, corrected for blur and for the mean being that of the same record.

    Corner and noise are those of the fit. The interval is that of the variance of a normal process, or that of the fit where it is
    wider: above a fifth of the frame rate noise and motion are hard to tell apart, and what is uncertain there is how much to
    take off.
    """
    filled, seen = track.filled()
    count, shape = float(seen.sum()), found.covariance(sampling, len(seen))
    measured = float((filled[seen] ** 2).mean())
    later = 1 - np.arange(len(seen)) / len(seen)
    later[1:] *= 2
    of_mean = float((later * shape).sum()) / count
    blur = blurred(2 * np.pi * found.corner_hz.value * sampling.open_s)
    variance = max((measured + of_mean - found.localisation_um.value**2) / blur, 0.0)
    error = np.sqrt(float((later * shape**2).sum()) / count) / blur  # twice the sum of squares, over two coordinates
    by_itself = Estimate.positive(variance, error)
    of_fit, share = found.variance_um2, variance / found.variance_um2.value
    low, high = min(by_itself.low, of_fit.low * share), max(by_itself.high, of_fit.high * share)
    return stiffness(Estimate(variance, low, high), kt)


def _goodness(whole: Spectrum, expected: Real, fitted: int) -> tuple[float, float]:
    """Probability of the misfit of blocks, whose means are gamma distributed, and the deviance for each degree of freedom."""
    edges = whole.edges(GOODNESS_BLOCKS)
    counts = whole.power_um2_hz.shape[1] * np.diff(np.append(edges, len(expected)))
    share = averaged(whole.power_um2_hz.mean(axis=1) / expected, edges)
    many = counts >= FEWEST  # of few, the deviance is not distributed as chi squared
    deviance = float((2 * counts * (share - 1 - np.log(np.maximum(share, np.finfo(float).tiny))))[many].sum())
    freedom = int(many.sum()) - fitted
    if freedom < 1:
        return float("nan"), float("nan")
    return float(stats.chi2.sf(deviance, freedom)), deviance / freedom
