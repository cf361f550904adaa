"""The stability of a position: its overlapping Allan deviation.

For a trapped bead it first rises while the bead explores its trap, then falls as the thermal motion averages out, and rises again
where drift dominates: the minimum marks the best averaging time (Czerwinski, Richardson & Oddershede 2009, Opt. Express 17, 13255).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from brightfield.beads.trajectories import Real, Sampling, Track

TIMES = 40  # largest number of averaging times, evenly spaced in their logarithm
LEAST_SEEN = 0.5  # smallest share of a window's frames that must be seen for its mean to count
LEVEL = 0.95  # confidence level of the interval
COLUMNS = ("averaged_frames", "tau_s", "deviation_um", "low_um", "high_um", "windows")


def allan(track: Track, sampling: Sampling) -> pd.DataFrame:
    """The overlapping Allan deviation of a coordinate, as the root mean square of x and y.

    It is the root of half the mean squared difference between the mean positions in consecutive windows, over all windows
    (Riley 2008, NIST Special Publication 1065). A window with gaps counts if at least half of its frames were seen, with the mean
    over those. The interval is that of chi squared with the degrees of freedom of white noise in the position (Riley, table 5);
    where the position wanders there are fewer, so the true interval is at least as wide.

    Returns:
        Columns averaged_frames, tau_s, deviation_um, low_um, high_um (of a 95 % interval) and windows (pairs compared).
    """
    filled, seen = track.filled()
    sums = np.vstack([np.zeros(2), np.cumsum(filled, axis=0)])
    counts = np.concatenate([[0], np.cumsum(seen)])
    longest = len(seen) // 2
    sizes = np.unique(np.geomspace(1, longest, TIMES).round().astype(int)) if longest else np.zeros(0, dtype=int)
    rows = []
    for size in sizes:
        number = counts[size:] - counts[:-size]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (sums[size:] - sums[:-size]) / number[:, None]
        means[number < LEAST_SEEN * size] = np.nan
        difference = means[size:] - means[:-size]
        difference = difference[np.isfinite(difference[:, 0])]
        if len(difference):
            deviation = float(np.sqrt((difference**2).mean() / 2))
            low, high = _interval(deviation, len(seen), int(size), len(difference) / (len(means) - size))
            rows.append((size, size * sampling.interval_s, deviation, low, high, len(difference)))
    return pd.DataFrame(np.array(rows).reshape(-1, len(COLUMNS)), columns=list(COLUMNS)).astype(
        {"averaged_frames": int, "windows": int}
    )


def _interval(deviation: float, frames: int, size: int, share: float) -> tuple[float, float]:
    """The confidence interval of a deviation, from both coordinates, if a share of the windows could be compared."""
    freedom = max(1.0, share * 2 * degrees_of_freedom(frames, size))
    low, high = stats.chi2.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], freedom)
    return float(deviation * np.sqrt(freedom / high)), float(deviation * np.sqrt(freedom / low))


def degrees_of_freedom(frames: int, size: int) -> float:
    """Degrees of freedom of one coordinate over so many frames, averaged over ``size`` of them, for white noise."""
    n = frames + 1  # samples of the integrated position, the counterpart of a clock's phase
    return float((3 * (n - 1) / (2 * size) - 2 * (n - 2) / n) * 4 * size**2 / (4 * size**2 + 5))


def best_averaging(table: pd.DataFrame) -> Real:
    """Time in s and deviation in um where the deviation is smallest, (2,); nan for an empty table."""
    if table.empty:
        return np.full(2, np.nan)
    return np.asarray(table[["tau_s", "deviation_um"]].iloc[int(table["deviation_um"].argmin())], dtype=np.float64)
