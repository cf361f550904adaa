"""Metrics of positions: how many beads are found, and how accurately.

Each true position is paired with at most one found position. A pair counts as *matched* when its distance is at most the
tolerance; a bead that is missing or further off is a failure. All distances are in pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from brightfield.metrics import Columns, Real, Weights, every_image_once, of_one, ratio, totals
from brightfield.results import Points

STATISTICS = ("n_true", "n_found", "matched", "sum_squared_error_px2", "sum_capped_error_px")
# largest distance in tolerances at which an unmatched position counts as a missed bead, badly located; beyond, as invented
ATTRIBUTION = 3.0

Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]


def match(found: npt.NDArray[np.float64], true: npt.NDArray[np.float64], gate_px: float) -> Pairs:
    """Pair positions one to one within a gate: as many pairs as possible, and of those the shortest in total.

    Args:
        found: (N, 2), columns x and y.
        true: (M, 2), columns x and y.
        gate_px: largest distance of a pair, inclusive.

    Returns:
        Row numbers in ``found``, row numbers in ``true`` and the distance of each pair.
    """
    from scipy.optimize import linear_sum_assignment  # takes long to load, and not every kind of task needs it

    distance = cdist(found, true)
    reward = gate_px * (min(distance.shape) + 1)  # exceeds any sum of distances, so that one more pair always pays
    rows, cols = linear_sum_assignment(np.where(distance <= gate_px, distance - reward, 0.0))
    paired = distance[rows, cols] <= gate_px
    return rows[paired], cols[paired], distance[rows[paired], cols[paired]]


def statistics(predicted: Points, truth: Points, tolerance_px: float) -> dict[str, float]:
    """The contribution of one frame.

    Positions are matched within ``tolerance_px`` first. The rest is paired within three tolerances: such a bead has been
    seen but badly located, and costs one tolerance; it never replaces a good match, and does not count as matched.

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
    """The metrics of :func:`pooled`, with every image once."""
    return of_one(pooled(columns, every_image_once(columns)))


def pooled(columns: Columns, weights: Weights) -> dict[str, Real]:
    """The pooled metrics of each resample of a table with the columns of :func:`statistics`.

    Returns:
        ``recall``, ``precision`` and ``f1`` of matched beads; ``rmse_px``, the root mean square error of one
        coordinate over the matched; ``capped_error_px``, the capped error per true bead (lower is better; one tolerance if
        nothing is found); and ``failure_percent``, the share of true beads that are missing or further off than the tolerance.
    """
    total = totals(columns, STATISTICS, weights)
    true, found, matched = total["n_true"], total["n_found"], total["matched"]
    return {
        "recall": ratio(matched, true),
        "precision": ratio(matched, found),
        "f1": ratio(2 * matched, true + found),
        "rmse_px": np.sqrt(ratio(total["sum_squared_error_px2"], 2 * matched)),
        "capped_error_px": ratio(total["sum_capped_error_px"], true),
        "failure_percent": 100 * ratio(true - matched, true),
    }
