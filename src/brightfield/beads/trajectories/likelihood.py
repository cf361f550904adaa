"""What a camera records of a bead in a harmonic trap, and how likely a spectrum is (Whittle 1953, Ark. Mat. 2, 423)."""

from __future__ import annotations

import numpy as np

from brightfield.beads.trajectories import Real, Sampling
from brightfield.beads.trajectories.spectrum import Spectrum

LOWEST_CORNER = 1e-2  # in turns of a record: below, a trap is not to be told from none,
HIGHEST_CORNER = 2.0  # in frame rates: above, not from white noise
CORNERS, RATIOS = 25, np.linspace(-16, 8, 25)  # starting points; logarithms of the power of noise to that of motion
FLOOR = 1e-12  # of the largest expected power: rounding must not leave any at or below 0
STEP = 1e-4  # of a logarithm, for derivatives
SMALL = 1e-4  # exposures in relaxation times for which a series is more exact


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


class Model:
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
        found = self.whole.expected(correlation(corner, self.sampling, len(self.whole.overlap)))
        return np.asarray(np.maximum(found, FLOOR * found.max()))

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
