"""Positions in one frame: how many beads are found, and how far off.

Each true position is paired with at most one found position. A pair counts as *matched* when it is not further apart
than the tolerance; a bead that is missing or further off is a failure. All distances in pixels.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from brightfield.metrics import Columns, ratio, totals
from brightfield.results import Points

STATISTICS = ("n_true", "n_found", "matched", "sum_squared_error_px2", "sum_capped_error_px")
# tolerances: a stray position this near to a missed bead is that bead, badly located; further off, invented
ATTRIBUTION = 3.0

Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]


def match(found: npt.NDArray[np.float64], true: npt.NDArray[np.float64], gate_px: float) -> Pairs:
    """Pair positions one to one within a gate: as many pairs as possible, and of those the shortest in total.

    Args:
        found: (N, 2), columns x and y.
        true: (M, 2), columns x and y.
        gate_px: the longest distance of a pair, inclusive.

    Returns:
        Row numbers in ``found``, row numbers in ``true`` and the distance of each pair.
    """
    distance = cdist(found, true)
    reward = gate_px * (min(distance.shape) + 1)  # so large that one more pair always pays
    rows, cols = linear_sum_assignment(np.where(distance <= gate_px, distance - reward, 0.0))
    paired = distance[rows, cols] <= gate_px
    return rows[paired], cols[paired], distance[rows[paired], cols[paired]]


def statistics(predicted: Points, truth: Points, tolerance_px: float) -> dict[str, float]:
    """What one frame contributes.

    Positions are matched within ``tolerance_px`` first. What is left over is paired within three tolerances: such a
    bead has been seen but badly located, and costs one tolerance; it never takes a good match away, and does not count
    as matched.

    Returns:
        ``n_true``, ``n_found``, ``matched``; ``sum_squared_error_px2``, of x and y together, over the matched; and
        ``sum_capped_error_px``: the error of each matched bead, one tolerance for each other bead, and one for each
        position that belongs to no bead.
    """
    found, true = predicted.positions, truth.positions
    rows, cols, distance = match(found, true, tolerance_px)
    left_found, left_true = np.delete(found, rows, axis=0), np.delete(true, cols, axis=0)
    strays = len(left_found) - len(match(left_found, left_true, ATTRIBUTION * tolerance_px)[0])
    return {
        "n_true": float(len(true)),
        "n_found": float(len(found)),
        "matched": float(len(distance)),
        "sum_squared_error_px2": float((distance**2).sum()),
        "sum_capped_error_px": float(distance.sum()) + tolerance_px * (len(left_true) + strays),
    }


def summarise(columns: Columns) -> dict[str, float]:
    """The pooled metrics of a table with the columns of :func:`statistics`.

    Returns:
        ``recall``, ``precision`` and ``f1`` of matched beads; ``rmse_px``, the root mean square error of one
        coordinate over the matched; ``capped_error_px``, the capped error for each true bead (lower is better; finding
        nothing costs one tolerance); and ``failure_percent``, the share of true beads that are missing or further off
        than the tolerance.
    """
    total = totals(columns, STATISTICS)
    true, found, matched = total["n_true"], total["n_found"], total["matched"]
    return {
        "recall": ratio(matched, true),
        "precision": ratio(matched, found),
        "f1": ratio(2 * matched, true + found),
        "rmse_px": math.sqrt(ratio(total["sum_squared_error_px2"], 2 * matched)),
        "capped_error_px": ratio(total["sum_capped_error_px"], true),
        "failure_percent": 100 * ratio(true - matched, true),
    }


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
    told = {}
    for name, estimate, truth in zip("xy", found.T, true.T, strict=True):
        phase = 2 * np.pi * truth
        waves = np.stack([np.ones(len(phase)), np.sin(phase), np.cos(phase)], axis=1)
        mean, sine, cosine = np.linalg.lstsq(waves, estimate - truth, rcond=None)[0]
        told[f"bias_{name}_px"] = float(mean)
        told[f"locking_{name}_px"] = float(np.hypot(sine, cosine))
    return told


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
