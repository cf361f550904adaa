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

from brightfield.trajectories import Estimate, Real, Sampling, Track
from brightfield.trajectories.spectrum import Spectrum, averaged, spectrum

BOLTZMANN = 1.380649e-5  # pN um / K
FEWEST = 8  # values of a spectrum: three numbers are fitted
LOWEST_CORNER = 1e-2  # in turns of a record: below, a trap is not to be told from none,
HIGHEST_CORNER = 2.0  # in frame rates: above, not from white noise
CORNERS, RATIOS = 25, np.linspace(-16, 8, 25)  # starting points; logarithms of the power of noise to that of motion
GOODNESS_BLOCKS = 20  # into which a spectrum is divided to hold the fit against it
STEP = 1e-4  # of a logarithm, for derivatives
SMALL = 1e-4  # exposures in relaxation times for which a series is more exact


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


def correlation(corner_hz: float, sampling: Sampling, frames: int) -> Real:
    """Covariance of exposures 0, 1, ... frames apart, (frames,), for a trap in which the position has variance 1."""
    rate = 2 * np.pi * corner_hz
    exposed = rate * sampling.open_s
    half = max(exposed / 2, SMALL)
    found = np.exp(-rate * sampling.interval_s * np.arange(frames)) * (np.sinh(half) / half) ** 2
    found[0] = blurred(exposed)
    return np.asarray(found)


def blurred(exposed: float) -> float:
    """Share of the variance that an exposure of so many relaxation times leaves (Wong & Halvorsen 2006, their eq. 8)."""
    if exposed < SMALL:
        return 1 - exposed / 3
    return float(2 / exposed - 2 / exposed**2 * -np.expm1(-exposed))


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
    model = _Model(whole, sampling, localisation_um)
    found = minimize(
        model.loss, model.start(), method="Nelder-Mead", bounds=model.bounds(), options={"xatol": 1e-4, "fatol": 1e-6}
    )
    corner, variance, noise = model.parameters(found.x)
    covariance = model.covariance(corner, variance, noise)
    errors = np.sqrt(np.diag(covariance))
    product = np.sqrt(
        covariance[0, 0] + covariance[1, 1] + 2 * covariance[0, 1]
    )  # of the logarithm of corner times variance
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


class _Model:
    """Expected power as variance times a shape that the corner sets, plus noise; the loss is minus the log likelihood."""

    def __init__(self, whole: Spectrum, sampling: Sampling, localisation_um: float | None) -> None:
        self.whole, self.sampling = whole, sampling
        self.known = None if localisation_um is None else localisation_um**2
        self.power, self.axes = whole.power_um2_hz.mean(axis=1), whole.power_um2_hz.shape[1]
        impulse = np.zeros(len(whole.overlap))
        impulse[0] = 1.0
        self.noise = whole.expected(impulse)
        self.scale = float((self.power / self.noise).mean())  # um^2: about the variance of what was recorded

    @property
    def fits_noise(self) -> bool:
        """Whether the localisation error is one of the numbers that are fitted."""
        return self.known is None

    def motion(self, log_corner: float) -> Real:
        """Expected power for a variance of 1 um^2."""
        corner = float(np.exp(log_corner))
        return self.whole.expected(correlation(corner, self.sampling, len(self.whole.overlap)))

    def parameters(self, at: Real) -> tuple[float, float, float]:
        """Corner in Hz, variance and squared localisation error in um^2."""
        motion = self.motion(at[0])
        if self.known is not None:
            return (
                float(np.exp(at[0])),
                self.scale * float(np.exp(at[1])) / float((motion / self.noise).mean()),
                self.known,
            )
        shape, unit, ratio = self._shape(motion, at[1])
        scale = float((self.power / shape).mean())
        return float(np.exp(at[0])), scale / unit, scale * ratio

    def loss(self, at: Real) -> float:
        """At the logarithm of the corner, and of the noise over the motion (or, if noise is known, of the motion)."""
        motion = self.motion(at[0])
        return self._loss(motion, at[1])

    def start(self) -> Real:
        """The best of a grid."""
        (low, high), _ = self.bounds()
        best, at = np.inf, np.zeros(2)
        for corner in np.linspace(low, high, CORNERS):
            motion = self.motion(corner)
            losses = [self._loss(motion, ratio) for ratio in RATIOS]
            if min(losses) < best:
                best, at = min(losses), np.array([corner, RATIOS[int(np.argmin(losses))]])
        return at

    def bounds(self) -> list[tuple[float, float]]:
        """Of the corner's logarithm and the other's."""
        rate = self.sampling.frame_rate_hz
        low, high = np.log(LOWEST_CORNER * rate / len(self.whole.overlap)), np.log(HIGHEST_CORNER * rate)
        return [(float(low), float(high)), (float(RATIOS[0]) - 4, float(RATIOS[-1]) + 4)]

    def white(self) -> float:
        """The loss of noise alone."""
        level = self.scale * self.noise if self.known is None else max(self.known, self.scale) * self.noise
        return float(self.axes * (np.log(level) + self.power / level).sum())

    def covariance(self, corner: float, variance: float, noise: float) -> Real:
        """(3, 3) of the logarithms of corner and variance, and of the squared localisation error: Fisher's information inverted."""
        at = float(np.log(corner))
        expected = variance * self.motion(at) + noise * self.noise
        slope = variance * (self.motion(at + STEP) - self.motion(at - STEP)) / (2 * STEP)
        rows = [slope, variance * self.motion(at), self.noise][: 2 + self.fits_noise]
        slopes = np.stack(rows) / expected
        information = self.axes * slopes @ slopes.T
        norm = np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
        found = np.zeros((3, 3))
        try:
            inverse = np.linalg.inv(information / np.outer(norm, norm))
            inverse = np.where(np.diag(inverse).min() > 0, inverse, np.inf)
        except np.linalg.LinAlgError:
            inverse = np.full_like(information, np.inf)
        found[: len(rows), : len(rows)] = inverse / np.outer(norm, norm)
        return found

    def _loss(self, motion: Real, second: float) -> float:
        if self.known is not None:
            expected = self.scale * np.exp(second) * motion / (motion / self.noise).mean() + self.known * self.noise
            return float(self.axes * (np.log(expected) + self.power / expected).sum())
        shape, _, _ = self._shape(motion, second)
        level = float((self.power / shape).mean())
        return float(self.axes * (np.log(shape).sum() + len(shape) * (np.log(level) + 1)))

    def _shape(self, motion: Real, log_ratio: float) -> tuple[Real, float, float]:
        """Power without its scale; what the motion was divided by, and how much noise was added."""
        unit, ratio = float((motion / self.noise).mean()), float(np.exp(log_ratio))
        return motion / unit + ratio * self.noise, unit, ratio


def _goodness(whole: Spectrum, expected: Real, fitted: int) -> tuple[float, float]:
    """Probability of the misfit of blocks, whose means are gamma distributed, and the deviance for each degree of freedom."""
    edges = whole.edges(GOODNESS_BLOCKS)
    counts = whole.power_um2_hz.shape[1] * np.diff(np.append(edges, len(expected)))
    share = averaged(whole.power_um2_hz.mean(axis=1) / expected, edges)
    many = counts >= FEWEST  # of few, the deviance is not distributed as chi squared
    deviance = float((2 * counts * (share - 1 - np.log(share)))[many].sum())
    freedom = int(many.sum()) - fitted
    if freedom < 1:
        return float("nan"), float("nan")
    return float(stats.chi2.sf(deviance, freedom)), deviance / freedom
