"""A bead in a harmonic trap: corner frequency, diffusion constant and stiffness from its power spectrum.

The motion is an Ornstein-Uhlenbeck process: its spectrum is a Lorentzian with the corner frequency kappa / (2 pi gamma). A camera
records its mean over each exposure (Wong & Halvorsen 2006, Opt. Express 14, 12517), sampled at the frame rate, plus white
localisation noise. The model includes all of this, so the corner may lie above a fifth of the frame rate; the intervals then widen.
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
FEWEST_VALUES = 8  # smallest number of values of a spectrum to which the three parameters are fitted
GOODNESS_BLOCKS = 20  # number of blocks of a spectrum that are compared with the fit


@dataclass(frozen=True)
class Trap:
    """A fit of the spectrum of a trapped bead.

    Attributes:
        corner_hz: corner frequency.
        variance_um2: variance of one coordinate in the trap, without blur and noise: kT / kappa.
        diffusion_um2_s: D = 2 pi corner variance.
        localisation_um: standard error of one coordinate of one position.
        evidence: twice the gain in log likelihood over a white spectrum (without a corner rarely above 13.8).
        relaxations: length of the record in relaxation times: 2 pi corner duration.
        goodness: probability of at least this misfit if the model is right; below 0.01, something else moves, too.
        deviance: twice the loss in log likelihood of blocks of the spectrum, per degree of freedom; expected: 1.
    """

    corner_hz: Estimate
    variance_um2: Estimate
    diffusion_um2_s: Estimate
    localisation_um: Estimate
    evidence: float
    relaxations: float
    goodness: float
    deviance: float

    def covariance(self, sampling: Sampling, frames: int) -> Real:
        """Autocovariance of one coordinate at lags of 0, 1, ... frames in um^2, (frames,): motion, blur and noise."""
        found = self.variance_um2.value * correlation(self.corner_hz.value, sampling, frames)
        found[0] += self.localisation_um.value**2
        return found


UNKNOWN = Trap(
    Estimate.unknown(),
    Estimate.unknown(),
    Estimate.unknown(),
    Estimate.unknown(),
    evidence=0.0,
    relaxations=0.0,
    goodness=float("nan"),
    deviance=float("nan"),
)


def fit(whole: Spectrum, sampling: Sampling, *, localisation_um: float | None = None) -> Trap:
    """Fit a trap by Whittle's likelihood: each value of the periodogram is exponentially distributed about its expectation.

    Args:
        whole: periodogram of both coordinates, or of one.
        sampling: frame rate and exposure.
        localisation_um: standard error of one coordinate; None: fitted.

    Returns:
        The fit; ``UNKNOWN`` for a spectrum of fewer than eight values, or without power.
    """
    if len(whole.frequency_hz) < FEWEST_VALUES or not whole.power_um2_hz.any():
        return UNKNOWN
    model = Model(whole, sampling, localisation_um)
    found = minimize(
        model.loss, model.start(), method="Nelder-Mead", bounds=model.bounds(), options={"xatol": 1e-4, "fatol": 1e-6}
    )
    corner, variance, noise = model.parameters(found.x)
    covariance = model.covariance(corner, variance, noise)
    errors = np.sqrt(np.diag(covariance))
    # standard error of the logarithm of corner times variance
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
        relaxations=2 * np.pi * corner * len(whole.overlap) * sampling.interval_s,
        goodness=goodness,
        deviance=deviance,
    )


def fit_track(
    track: Track, sampling: Sampling, *, lowest_hz: float = 0.0, localisation_um: float | None = None
) -> Trap:
    """Fit a trap to both coordinates of a track, without the frequencies below ``lowest_hz``, where drift may remain."""
    return fit(spectrum(track, sampling).above(lowest_hz), sampling, localisation_um=localisation_um)


def stiffness(variance_um2: Estimate, kt: float) -> Estimate:
    """The stiffness kappa = kT / variance in pN/um; it equals 2 pi gamma corner with gamma = kT / D of the same fit.

    Args:
        variance_um2: variance in the trap (see :class:`Trap`).
        kt: thermal energy in pN um.
    """
    return variance_um2.map(lambda variance: kt / variance if variance else float("inf"))


def equipartition(track: Track, found: Trap, sampling: Sampling, kt: float) -> Estimate:
    """The stiffness kappa in pN/um from the measured variance, corrected for noise, blur and the record's own mean.

    Corner and noise are those of the fit. The interval is that of the variance of a normal process, widened to that of the fit:
    above a fifth of the frame rate noise and motion are hard to distinguish, which makes the correction uncertain.
    """
    filled, seen = track.filled()
    count, shape = float(seen.sum()), found.covariance(sampling, len(seen))
    measured = float((filled[seen] ** 2).mean())
    later = 1 - np.arange(len(seen)) / len(seen)
    later[1:] *= 2
    of_mean = float((later * shape).sum()) / count
    blur = blurred(2 * np.pi * found.corner_hz.value * sampling.open_s)
    variance = max((measured + of_mean - found.localisation_um.value**2) / blur, 0.0)
    # the variance of a variance is twice the sum of squares, and two coordinates halve it
    error = np.sqrt(float((later * shape**2).sum()) / count) / blur
    by_itself = Estimate.positive(variance, error)
    of_fit, share = found.variance_um2, variance / found.variance_um2.value
    low, high = min(by_itself.low, of_fit.low * share), max(by_itself.high, of_fit.high * share)
    return stiffness(Estimate(variance, low, high), kt)


def _goodness(whole: Spectrum, expected: Real, fitted: int) -> tuple[float, float]:
    """Probability of the misfit of blocks, whose means are gamma distributed, and the deviance per degree of freedom."""
    edges = whole.edges(GOODNESS_BLOCKS)
    counts = whole.power_um2_hz.shape[1] * np.diff(np.append(edges, len(expected)))
    share = averaged(whole.power_um2_hz.mean(axis=1) / expected, edges)
    many = counts >= FEWEST_VALUES  # for fewer, the deviance is not chi squared distributed
    deviance = float((2 * counts * (share - 1 - np.log(np.maximum(share, np.finfo(float).tiny))))[many].sum())
    freedom = int(many.sum()) - fitted
    if freedom < 1:
        return float("nan"), float("nan")
    return float(stats.chi2.sf(deviance, freedom)), deviance / freedom
