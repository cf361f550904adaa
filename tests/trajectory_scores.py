"""Trajectories against truth: is each bead followed, as one and the same, to its end?

In every frame each true bead is paired with at most one found position within a tolerance. A pair that held in the frame before
holds on while it is within the tolerance; what is left is paired anew, as many as possible and of those the shortest (the rule of
CLEAR MOT: Bernardin & Stiefelhagen 2008, EURASIP J. Image Video Process. 246309). One true bead in one frame is a *sighting*.

- identity switch: a sighting paired with another particle than the last one before it that was paired.
- jump: a paired sighting whose error in x or in y is more than five sigma. Sigma is the standard error that came with the position
  where there is one (columns ``x_error``, ``y_error``); else that of the predicted step: a linker predicts that a bead stays where
  it is, so this is the root mean square of the true steps of one coordinate from frame to frame, over all beads.
- gap: a run of sightings without a pair, between two that have one.
- lost: a bead whose last sighting has no pair.

All distances in pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.metrics import Columns, every_image_once, of_one, ratio, totals
from brightfield.metrics.tracking import match

STATISTICS = (
    "n_beads",
    "n_sightings",
    "n_found",
    "paired",
    "switches",
    "jumps",
    "gaps",
    "lost",
    "sum_squared_error_px2",
)
SIGMAS = 5.0  # off by more is a jump

Real = npt.NDArray[np.float64]


def pair(found: pd.DataFrame, truth: pd.DataFrame, tolerance_px: float) -> pd.DataFrame:
    """Pair two tables of trajectories, each with the columns ``frame``, ``particle``, ``x`` and ``y``.

    Returns:
        The true sightings, sorted by frame: ``frame``, ``bead``, and ``row``, the row number in ``found`` (-1: none).

    Raises:
        ValueError: a particle is twice in one frame.
    """
    for name, table in (("found", found), ("true", truth)):
        if table.duplicated(["frame", "particle"]).any():
            raise ValueError(f"a {name} particle is in one frame twice")
    sightings = truth.sort_values("frame", kind="stable")
    rows = np.full(len(sightings), -1, dtype=np.intp)
    xy, beads = sightings[["x", "y"]].to_numpy(np.float64), sightings["particle"].to_numpy()
    found_xy, particles = found[["x", "y"]].to_numpy(np.float64), found["particle"].to_numpy()
    by_frame = found.groupby("frame").indices
    before: dict[object, object] = {}
    for frame, true in sightings.groupby("frame").indices.items():
        there = np.asarray(by_frame.get(frame, np.zeros(0, dtype=np.intp)))
        place = {particle: i for i, particle in enumerate(particles[there])}
        kept = [(i, place[before[bead]]) for i, bead in enumerate(beads[true]) if before.get(bead) in place]
        kept = [(i, j) for i, j in kept if np.hypot(*(xy[true[i]] - found_xy[there[j]])) <= tolerance_px]
        held, holding = np.array(kept, dtype=np.intp).reshape(-1, 2).T
        free, left = np.delete(true, held), np.delete(there, holding)
        found_rows, true_rows, _ = match(found_xy[left], xy[free], tolerance_px)
        rows[true[held]], rows[free[true_rows]] = there[holding], left[found_rows]
        before = {beads[i]: particles[rows[i]] for i in true if rows[i] >= 0}
    return pd.DataFrame({"frame": sightings["frame"].to_numpy(), "bead": beads, "row": rows})


def statistics(found: pd.DataFrame, truth: pd.DataFrame, tolerance_px: float) -> dict[str, float]:
    """What one movie contributes.

    Args:
        found: columns ``frame``, ``particle``, ``x``, ``y``; optional ``x_error`` and ``y_error``, standard errors.
        truth: columns ``frame``, ``particle``, ``x``, ``y``.
        tolerance_px: the farthest that a position may be off.

    Returns:
        ``n_beads``, ``n_sightings``, ``n_found`` (positions), ``paired``, ``switches``, ``jumps``, ``gaps``, ``lost`` and
        ``sum_squared_error_px2``, of x and y together over the paired.
    """
    pairs = pair(found, truth, tolerance_px)
    counted = dict.fromkeys(("switches", "gaps", "lost"), 0)
    particles = found["particle"].to_numpy()
    for _, rows in pairs.groupby("bead")["row"]:
        seen = rows.to_numpy() >= 0
        names = particles[rows.to_numpy()[seen]]
        counted["switches"] += int((names[1:] != names[:-1]).sum())
        at = np.flatnonzero(seen)
        counted["gaps"] += int((np.diff(at) > 1).sum())
        counted["lost"] += int(not seen[-1])
    on = pairs["row"].to_numpy() >= 0
    error = found[["x", "y"]].to_numpy(np.float64)[pairs["row"][on]]
    error = error - truth.sort_values("frame", kind="stable")[["x", "y"]].to_numpy(np.float64)[on]
    sigma = _sigma(found.iloc[pairs["row"][on]], truth)
    return {
        "n_beads": float(pairs["bead"].nunique()),
        "n_sightings": float(len(pairs)),
        "n_found": float(len(found)),
        "paired": float(on.sum()),
        "jumps": float((np.abs(error) > SIGMAS * sigma).any(axis=1).sum()),
        "sum_squared_error_px2": float((error**2).sum()),
        **{name: float(count) for name, count in counted.items()},
    }


def summarise(columns: Columns) -> dict[str, float]:
    """The pooled metrics of a table with the columns of :func:`statistics`, a row a movie.

    Returns:
        ``switches_per_1000``, ``jumps_per_1000`` and ``gaps_per_1000`` sightings (frames of a bead); ``lost_percent`` of the beads;
        ``recall`` and ``precision`` of positions within the tolerance, and ``rmse_px``, of one coordinate.
    """
    total = totals(columns, STATISTICS, every_image_once(columns))
    sightings = total["n_sightings"]
    metrics = {
        **{f"{name}_per_1000": 1000 * ratio(total[name], sightings) for name in ("switches", "jumps", "gaps")},
        "lost_percent": 100 * ratio(total["lost"], total["n_beads"]),
        "recall": ratio(total["paired"], sightings),
        "precision": ratio(total["paired"], total["n_found"]),
        "rmse_px": np.sqrt(ratio(total["sum_squared_error_px2"], 2 * total["paired"])),
    }
    return of_one(metrics)


def _sigma(found: pd.DataFrame, truth: pd.DataFrame) -> Real:
    """Of x and y of each found position, (N, 2)."""
    step = _usual_step(truth)
    given = [
        found[name].to_numpy(np.float64) if name in found else np.full(len(found), np.nan)
        for name in ("x_error", "y_error")
    ]
    errors = np.stack(given, axis=1)
    return np.where(np.isfinite(errors), errors, step)


def _usual_step(truth: pd.DataFrame) -> float:
    """Root mean square of the true steps of one coordinate between consecutive frames; nan without any: then nothing is a jump."""
    table = truth.sort_values(["particle", "frame"])
    change = table.groupby("particle")[["frame", "x", "y"]].diff()
    steps = change.loc[change["frame"] == 1, ["x", "y"]].to_numpy(np.float64)
    return float(np.sqrt((steps**2).mean())) if len(steps) else float("nan")
