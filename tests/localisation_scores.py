"""How good located positions are beyond what the pipeline scores: preferred parts of a pixel, the Cramer-Rao bound, error bars.

The benchmarks print these; a model's report does not, because they need the bound of each bead or thousands of positions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def locking(found: npt.NDArray[np.float64], true: npt.NDArray[np.float64]) -> dict[str, float]:
    """How much positions prefer parts of a pixel: the error of each axis, fitted to constant, sin and cos of 2 pi times the truth.

    Args:
        found: (N, 2), columns x and y, row by row what ``true`` is.
        true: (N, 2), N of 3 or more.

    Returns:
        For each axis ``bias_x_px``, the mean error, and ``locking_x_px``, the amplitude of the wave; likewise of y.

    Raises:
        ValueError: the tables differ in shape, or are too short.
    """
    if found.shape != true.shape or found.ndim != 2 or found.shape[1] != 2 or len(found) < 3:
        raise ValueError(f"expected two tables (N, 2) with 3 rows or more, got {found.shape} and {true.shape}")
    fitted = {}
    for name, estimate, truth in zip("xy", found.T, true.T, strict=True):
        phase = 2 * np.pi * truth
        waves = np.stack([np.ones(len(phase)), np.sin(phase), np.cos(phase)], axis=1)
        mean, sine, cosine = np.linalg.lstsq(waves, estimate - truth, rcond=None)[0]
        fitted[f"bias_{name}_px"] = float(mean)
        fitted[f"locking_{name}_px"] = float(np.hypot(sine, cosine))
    return fitted


def phase_bias(
    found: npt.NDArray[np.float64], true: npt.NDArray[np.float64], bins: int = 16
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The mean error by where in its pixel a bead is, and how sure that mean is.

    Args:
        found: (N,) one coordinate in px.
        true: (N,) of the same beads.
        bins: of the phase, from -0.5 (the left edge of a pixel) to 0.5.

    Returns:
        Mean error (bins,) and its standard error (bins,); nan in bins with fewer than two beads.
    """
    phase = np.floor(((true + 0.5) % 1) * bins).astype(np.intp) % bins
    means, errors = np.full(bins, np.nan), np.full(bins, np.nan)
    for k in range(bins):
        members = (found - true)[phase == k]
        if len(members) > 1:
            means[k], errors[k] = members.mean(), members.std(ddof=1) / np.sqrt(len(members))
    return means, errors


def over_bound(found: npt.NDArray[np.float64], true: npt.NDArray[np.float64], bound: npt.NDArray[np.float64]) -> float:
    """The root mean square error as a multiple of the Cramer-Rao bound: each error is divided by its own bead's bound.

    Args:
        found: (N, 2) in px.
        true: (N, 2).
        bound: (N, 2) or (2,), the least standard deviations of x and y (:func:`brightfield.beads.localisation.bound.cramer_rao`).
    """
    return float(np.sqrt(np.mean(((found - true) / bound) ** 2)))


def coverage(
    found: npt.NDArray[np.float64],
    true: npt.NDArray[np.float64],
    errors: npt.NDArray[np.float64],
    deviations: float = 1.0,
) -> float:
    """The share of coordinates that lie within so many predicted standard errors of the truth: 0.683 within 1, 0.954 within 2.

    Args:
        found: (N, 2) in px.
        true: (N, 2).
        errors: (N, 2) predicted standard errors in px.
        deviations: how many of them.
    """
    return float(np.mean(np.abs(found - true) <= deviations * errors))
