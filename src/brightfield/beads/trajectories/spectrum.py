"""The power spectrum of a bead's position, and its expectation under a model for exactly this record.

One-sided: the integral over 0 to half the frame rate is the variance of one coordinate, in um^2; so the unit is um^2/Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from brightfield.beads.trajectories import Real, Sampling, Track

BLOCKS = 60  # number of averaged values of a spectrum, evenly spaced in the logarithm of the frequency


@dataclass(frozen=True)
class Spectrum:
    """The periodogram of a track.

    Attributes:
        frequency_hz: (K,) in ascending order, without 0 and half the frame rate.
        power_um2_hz: (K, 2) for x and y. Each value is distributed exponentially about its expectation.
        interval_s: time from frame to frame.
        overlap: (span,) number of pairs of seen frames at each lag, in frames.
        first: the first frequency, in multiples of the inverse length of the record.
    """

    frequency_hz: Real
    power_um2_hz: Real
    interval_s: float
    overlap: Real
    first: int = 1

    def expected(self, covariance_um2: Real) -> Real:
        """The expectation of the periodogram of a stationary process, (K,).

        It holds for the sampled process and the finite record with its gaps, so aliasing and leakage are included (the debiased
        Whittle likelihood: Sykulski, Olhede, Guillaumin, Lilly & Early 2019, Biometrika 106, 251).

        Args:
            covariance_um2: (span,) autocovariance of one coordinate at lags of 0, 1, ... frames.
        """
        # subtracting their own mean takes its variance from the positions: with gaps, that leaks into every frequency
        of_mean = (2 * (self.overlap @ covariance_um2) - self.overlap[0] * covariance_um2[0]) / self.overlap[0] ** 2
        weighted = self.overlap * (covariance_um2 - of_mean)
        folded = weighted.copy()
        folded[1:] += weighted[:0:-1]
        scale = 2 * self.interval_s / self.overlap[0]
        return np.asarray(scale * fft.rfft(folded).real[self.first : self.first + len(self.frequency_hz)])

    def above(self, lowest_hz: float) -> Spectrum:
        """The spectrum from a frequency on: below, drift and air currents may dominate."""
        left_out = int(np.searchsorted(self.frequency_hz, lowest_hz))
        kept, power = self.frequency_hz[left_out:], self.power_um2_hz[left_out:]
        return Spectrum(kept, power, self.interval_s, self.overlap, self.first + left_out)

    def axis(self, number: int) -> Spectrum:
        """The spectrum of x (0) or y (1) alone: the power becomes (K, 1)."""
        one = self.power_um2_hz[:, number : number + 1]
        return Spectrum(self.frequency_hz, one, self.interval_s, self.overlap, self.first)

    def edges(self, blocks: int = BLOCKS) -> npt.NDArray[np.intp]:
        """First indices of blocks, about evenly spaced in the logarithm of the frequency; at low ones a block is one value."""
        n = len(self.frequency_hz)
        return np.unique(np.geomspace(1, n + 1, blocks + 1).astype(np.intp))[:-1] - 1 if n else np.zeros(0, np.intp)


def spectrum(track: Track, sampling: Sampling) -> Spectrum:
    """The periodogram about the mean position; gaps add nothing, and :meth:`Spectrum.expected` accounts for them."""
    filled, seen = track.filled()
    n = len(seen)
    inside = slice(1, (n - 1) // 2 + 1)
    power = np.abs(fft.rfft(filled, axis=0)[inside]) ** 2 * (2 * sampling.interval_s / seen.sum())
    size = fft.next_fast_len(2 * n, real=True)
    overlap = fft.irfft(np.abs(fft.rfft(seen.astype(np.float64), size)) ** 2, size)[:n].round()
    return Spectrum(fft.rfftfreq(n, sampling.interval_s)[inside], power, sampling.interval_s, overlap)


def averaged(values: Real, edges: npt.NDArray[np.intp]) -> Real:
    """The mean of each block along the first axis; ``edges`` as of :meth:`Spectrum.edges`."""
    if not len(edges):
        return values[:0]
    counts = np.diff(np.append(edges, len(values)))
    sums = np.add.reduceat(values, edges, axis=0)
    return np.asarray(sums / counts.reshape(-1, *[1] * (values.ndim - 1)))
