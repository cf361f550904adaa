"""The mean squared displacement (MSD) of beads as a function of the time lag.

For a free bead in two dimensions it is 4 D (tau - t_exp / 3) + 4 sigma^2, with the motion blur of the exposure t_exp and the
localisation error sigma of a coordinate (Berglund 2010, Phys. Rev. E 82, 011917); for a trapped bead it levels off. Its points are
correlated, so D is not fitted to them (see :mod:`brightfield.beads.trajectories.diffusion`): they are for inspection.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import fft

from brightfield.beads.trajectories import Real, Sampling, Track

LONGEST = 0.25  # longest lag as a share of the track: longer ones have too few pairs
LAGS = 60  # largest number of lags, evenly spaced in their logarithm

COLUMNS = ("lag_frames", "lag_s", "msd_um2", "standard_error_um2", "pairs")


def msd(track: Track, sampling: Sampling) -> pd.DataFrame:
    """The MSD of one bead, at each lag over all pairs of frames that were both seen.

    The standard error is that of a mean over a normal process whose covariance follows from the MSD itself, so it holds for free
    and for trapped beads (Isserlis 1918, Biometrika 12, 134: the covariance of two squares is twice the square of the covariance).

    Returns:
        Columns lag_frames, lag_s, msd_um2 (sum of both coordinates), standard_error_um2 and pairs; no rows for one frame.
    """
    filled, seen = track.filled()
    every, pairs = _all_lags(filled, seen)
    longest = max(1, int(LONGEST * track.span))
    lags = np.unique(np.geomspace(1, longest, LAGS).round().astype(int)) if track.span > 1 else np.zeros(0, dtype=int)
    lags = lags[pairs[lags] > 0]
    error = [_standard_error(int(lag), every / 2, pairs) for lag in lags]
    columns = (lags, lags * sampling.interval_s, every[lags], np.array(error, dtype=np.float64), pairs[lags])
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def ensemble(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The mean MSD of several beads, each pair of frames weighted equally; the error is that of the spread between beads.

    Args:
        tables: results of :func:`msd`.

    Returns:
        The same columns and ``beads``, their number; the error is nan for a single bead.
    """
    whole = pd.concat([pd.DataFrame(columns=list(COLUMNS), dtype=np.float64), *tables], ignore_index=True)
    whole["weighted"] = whole["msd_um2"] * whole["pairs"]
    grouped = whole.groupby("lag_frames")
    summed = grouped[["weighted", "pairs"]].sum()
    mean = summed["weighted"] / summed["pairs"]
    away = whole["pairs"] * (whole["msd_um2"] - mean.reindex(whole["lag_frames"]).to_numpy())
    beads = grouped.size()
    spread = (
        np.sqrt((away**2).groupby(whole["lag_frames"]).sum() * beads / (beads - 1).where(beads > 1)) / summed["pairs"]
    )
    found = pd.DataFrame({"lag_s": grouped["lag_s"].first(), "msd_um2": mean, "standard_error_um2": spread})
    return found.assign(pairs=summed["pairs"].astype(int), beads=beads).reset_index().astype({"lag_frames": int})


def free_msd(lag_s: Real, diffusion_um2_s: float, localisation_um: float, sampling: Sampling) -> Real:
    """The expected MSD of a free bead in two dimensions, in um^2."""
    return 4 * diffusion_um2_s * (lag_s - sampling.open_s / 3) + 4 * localisation_um**2


def _all_lags(filled: Real, seen: np.typing.NDArray[np.bool_]) -> tuple[Real, np.typing.NDArray[np.int_]]:
    """The MSD at every lag (span,), by Fourier transform, and the number of pairs."""
    n = len(seen)
    size = fft.next_fast_len(2 * n, real=True)

    def products(a: Real, b: Real) -> Real:
        """Sum of a(t) b(t + lag) over t, for every lag."""
        found = fft.irfft(np.conj(fft.rfft(a, size, axis=0)) * fft.rfft(b, size, axis=0), size, axis=0)[:n]
        return np.asarray(found)

    mask, squares = seen.astype(np.float64), (filled**2).sum(axis=1)
    pairs = products(mask, mask).round().astype(int)
    total = products(squares, mask) + products(mask, squares) - 2 * products(filled, filled).sum(axis=1)
    return np.where(pairs > 0, np.maximum(total, 0) / np.maximum(pairs, 1), np.nan), pairs


def _standard_error(lag: int, one: Real, pairs: np.typing.NDArray[np.int_]) -> float:
    """The standard error of the MSD at one lag, from the MSD of one coordinate at every lag."""
    between = np.arange(1, min(2 * lag, len(one) - lag - 1) + 1)
    covariance = (one[lag + between] + one[np.abs(lag - between)] - 2 * one[between]) / 2
    # a lag without pairs has no MSD; its contribution is small
    sums = one[lag] ** 2 + 2 * np.nansum((1 - between / (len(one) - lag)) * covariance**2)
    return float(2 * np.sqrt(sums / pairs[lag]))  # twice the square, for two coordinates
