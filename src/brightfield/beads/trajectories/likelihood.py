"""The recorded motion of a bead in a harmonic trap, and the likelihood of its spectrum (Whittle 1953, Ark. Mat. 2, 423)."""

from __future__ import annotations

import numpy as np

from brightfield.beads.trajectories import Real, Sampling
from brightfield.beads.trajectories.spectrum import Spectrum

LOWEST_CORNER = 1e-2  # lowest corner, in periods per record: below, a trap looks like no trap
HIGHEST_CORNER = 2.0  # highest corner, in frame rates: above, motion looks like white noise
# grid of starting points: number of corners, and logarithms of the ratio of the noise's power to that of the motion
CORNERS, RATIOS = 25, np.linspace(-16, 8, 25)
FLOOR = 1e-12  # smallest expected power over the largest: rounding must not bring it to 0 or below
STEP = 1e-4  # step of a logarithm in numerical derivatives
SMALL = 1e-4  # exposure in relaxation times below which a series is more exact


def correlation(corner_hz: float, sampling: Sampling, frames: int) -> Real:
    """Autocovariance of exposures at lags of 0, 1, ... frames, (frames,), for a trap in which the position has variance 1."""
    rate = 2 * np.pi * corner_hz
    exposed = rate * sampling.open_s
    half = max(exposed / 2, SMALL)
    found = np.exp(-rate * sampling.interval_s * np.arange(frames)) * (np.sinh(half) / half) ** 2
    found[0] = blurred(exposed)
    return np.asarray(found)


def blurred(exposed: float) -> float:
    """Share of the variance that remains in an exposure of so many relaxation times (Wong & Halvorsen 2006, eq. 8)."""
    if exposed < SMALL:
        return 1 - exposed / 3
    return float(2 / exposed - 2 / exposed**2 * -np.expm1(-exposed))


class Model:
    """Expected power: variance times a shape set by the corner, plus noise; the loss is the negative log likelihood."""

    def __init__(self, whole: Spectrum, sampling: Sampling, localisation_um: float | None) -> None:
        self.whole, self.sampling = whole, sampling
        self.known = None if localisation_um is None else localisation_um**2
        self.power, self.axes = whole.power_um2_hz.mean(axis=1), whole.power_um2_hz.shape[1]
        impulse = np.zeros(len(whole.overlap))
        impulse[0] = 1.0
        self.noise = whole.expected(impulse)
        self.scale = float((self.power / self.noise).mean())  # um^2: about the recorded variance

    @property
    def fits_noise(self) -> bool:
        """Whether the localisation error is fitted, too."""
        return self.known is None

    def motion(self, log_corner: float) -> Real:
        """Expected power for a variance of 1 um^2."""
        corner = float(np.exp(log_corner))
        found = self.whole.expected(correlation(corner, self.sampling, len(self.whole.overlap)))
        return np.asarray(np.maximum(found, FLOOR * found.max()))

    def parameters(self, at: Real) -> tuple[float, float, float]:
        """Corner in Hz, variance and squared localisation error in um^2 at a point (see :meth:`loss`)."""
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
        """The loss at a point: the logarithms of the corner and of noise over motion (where noise is known, of the motion)."""
        motion = self.motion(at[0])
        return self._loss(motion, at[1])

    def start(self) -> Real:
        """The best point of a grid."""
        (low, high), _ = self.bounds()
        best, at = np.inf, np.zeros(2)
        for corner in np.linspace(low, high, CORNERS):
            motion = self.motion(corner)
            losses = [self._loss(motion, ratio) for ratio in RATIOS]
            if min(losses) < best:
                best, at = min(losses), np.array([corner, RATIOS[int(np.argmin(losses))]])
        return at

    def bounds(self) -> list[tuple[float, float]]:
        """Bounds of both coordinates of a point."""
        rate = self.sampling.frame_rate_hz
        low, high = np.log(LOWEST_CORNER * rate / len(self.whole.overlap)), np.log(HIGHEST_CORNER * rate)
        return [(float(low), float(high)), (float(RATIOS[0]) - 4, float(RATIOS[-1]) + 4)]

    def white(self) -> float:
        """The loss of white noise alone."""
        level = self.scale * self.noise if self.known is None else max(self.known, self.scale) * self.noise
        return float(self.axes * (np.log(level) + self.power / level).sum())

    def covariance(self, corner: float, variance: float, noise: float) -> Real:
        """Covariance (3, 3) of log corner, log variance and squared localisation error: the inverse Fisher information."""
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
        """Expected power up to a factor; the divisor of the motion, and the factor of the noise."""
        unit, ratio = float((motion / self.noise).mean()), float(np.exp(log_ratio))
        return motion / unit + ratio * self.noise, unit, ratio
