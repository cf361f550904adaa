"""Link positions into trajectories, with trackpy's linker."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from brightfield.beads.trajectories import Real
from brightfield.errors import BrightfieldError
from brightfield.system import progress

MEMORY = 3  # number of frames that a bead may be missing
SHORTEST = 10  # smallest number of frames of a trajectory; half of the frames of a shorter movie
LEAST_STEP_PX = 1.0  # smallest value of the estimated largest step: stuck beads jitter
QUANTILE = 0.9  # quantile of the steps between mutual nearest neighbours,
FACTOR = 2.33  # whose product with this is five standard deviations of a coordinate, where steps are normal
SAMPLED = 400  # largest number of pairs of frames from which the step is estimated
ADAPTIVE = 0.9  # factor by which the step shrinks where a crowd allows too many links


@dataclass(frozen=True)
class Linked:
    """Positions linked into trajectories.

    Attributes:
        table: the positions with a column ``particle`` (0, 1, ... in the order of appearance), sorted by frame and particle,
            without strays.
        max_step_px: the largest step allowed.
        strays: number of positions left out.
    """

    table: pd.DataFrame
    max_step_px: float
    strays: int


def link(
    positions: pd.DataFrame, *, max_step_px: float | None = None, memory: int = MEMORY, shortest: int | None = None
) -> Linked:
    """Link positions frame by frame, so that the sum of squared steps is smallest (Crocker & Grier 1996).

    J. C. Crocker and D. G. Grier, Journal of Colloid and Interface Science 179, 298 (1996), as implemented in trackpy.

    Args:
        positions: columns ``frame`` (whole numbers), ``x`` and ``y`` in px, and any others, which stay. May be empty.
        max_step_px: largest distance that a bead moves from one sighting to the next; None: see :func:`estimate_max_step`.
        memory: largest number of frames that a bead may be missing before it counts as a new one.
        shortest: beads seen in fewer frames are strays; None: 10, or half of the frames of a movie that is shorter than 20.

    Raises:
        BrightfieldError: beads are too crowded to be linked within a step.
        ValueError: a step that is not positive, a memory below 0, or missing columns.
    """
    if missing := [name for name in ("frame", "x", "y") if name not in positions]:
        raise ValueError(f"expected positions with the columns frame, x, y; missing: {', '.join(missing)}")
    if memory < 0 or (max_step_px is not None and not max_step_px > 0):
        raise ValueError(f"expected a memory of at least 0 and a step above 0, got {memory} and {max_step_px}")
    table = positions.drop(columns="particle", errors="ignore").sort_values("frame", kind="stable", ignore_index=True)
    if table.empty:
        return Linked(table.assign(particle=pd.Series(dtype=np.int64)), max_step_px or LEAST_STEP_PX, 0)
    step = max_step_px or estimate_max_step(table, memory)
    whole = _linked(table, step, memory)
    if shortest is None:
        shortest = min(SHORTEST, -(-int(table["frame"].nunique()) // 2))
    kept = drop_short(whole, shortest)
    return Linked(kept, step, len(table) - len(kept))


def estimate_max_step(positions: pd.DataFrame, memory: int = 0) -> float:
    """Estimate the largest step of a bead in px from the positions.

    Mutual nearest neighbours in consecutive frames are mostly the same bead. The 0.9 quantile of their distances, times 2.33, is
    five standard deviations of a coordinate where steps are normal (the distance is then Rayleigh distributed). False pairs do
    not raise it if they are fewer than a tenth, and fast beads are covered if they are more than a tenth. Over a gap a bead moves
    farther, by the square root of the number of frames. The step is at most the median distance between neighbours in a frame,
    and at least 1 px.

    Args:
        positions: columns ``frame``, ``x``, ``y``.
        memory: number of frames that a bead may be missing.
    """
    steps, apart = [np.zeros(0)], [np.zeros(0)]
    for before, after in _consecutive(positions):
        there, back = cKDTree(after).query(before), cKDTree(before).query(after)
        mutual = back[1][there[1]] == np.arange(len(before))
        steps.append(there[0][mutual])
        if len(after) > 1:
            apart.append(cKDTree(after).query(after, k=2)[0][:, 1])
    walked, between = np.concatenate(steps), np.concatenate(apart)
    if not len(walked):
        return LEAST_STEP_PX
    step = FACTOR * float(np.quantile(walked, QUANTILE)) * np.sqrt(1 + memory)
    if len(between):
        step = min(step, float(np.median(between)))
    return float(max(step, LEAST_STEP_PX))


def drop_short(table: pd.DataFrame, shortest: int) -> pd.DataFrame:
    """Drop trajectories of fewer than ``shortest`` frames; number the others from 0 in the order of appearance."""
    frames = table.groupby("particle")["frame"].transform("size")
    kept = table[frames >= shortest].sort_values(["frame", "particle"], kind="stable", ignore_index=True)
    return kept.assign(particle=pd.factorize(kept["particle"])[0].astype(np.int64))


def _consecutive(positions: pd.DataFrame) -> Iterator[tuple[Real, Real]]:
    """Positions (N, 2) and (M, 2) of pairs of consecutive frames, evenly chosen from all of them."""
    frame, xy = positions["frame"].to_numpy(), positions[["x", "y"]].to_numpy(dtype=np.float64)
    order = np.argsort(frame, kind="stable")
    frame, xy = frame[order], xy[order]
    numbers, starts = np.unique(frame, return_index=True)
    ends = np.append(starts[1:], len(frame))
    pairs = np.flatnonzero(np.diff(numbers) == 1)
    for i in pairs[np.unique(np.linspace(0, len(pairs) - 1, min(SAMPLED, len(pairs))).astype(int))]:
        yield xy[starts[i] : ends[i]], xy[starts[i + 1] : ends[i + 1]]


def _linked(table: pd.DataFrame, step: float, memory: int) -> pd.DataFrame:
    """Add the column ``particle``, by trackpy, to a table sorted by frame."""
    import trackpy
    from trackpy.linking import link_iter
    from trackpy.linking.utils import SubnetOversizeException

    trackpy.quiet()  # it would log every frame
    frame, xy = table["frame"].to_numpy(), table[["x", "y"]].to_numpy(dtype=np.float64)
    numbers, starts = np.unique(frame, return_index=True)
    # the linker visits every frame number, so pauses are cut to the length after which every bead is forgotten
    walked = np.cumsum(np.minimum(np.diff(numbers, prepend=numbers[0]), memory + 2))
    seen = dict(zip(walked.tolist(), np.split(xy, starts[1:]), strict=True))
    every = ((number, seen.get(number, np.zeros((0, 2)))) for number in range(int(walked[-1]) + 1))
    found = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            linking = link_iter(every, step, memory=memory, adaptive_stop=step / 10, adaptive_step=ADAPTIVE)
            for _, particles in progress.track(linking, "link positions", int(walked[-1]) + 1, "frame"):
                found += particles
    except SubnetOversizeException as error:
        raise BrightfieldError(
            f"Positions are so crowded that beads cannot be linked within a step of {step:.3g} px. Give a smaller --max-step, the "
            "largest distance that a bead moves from one frame to the next."
        ) from error
    return table.assign(particle=np.array(found, dtype=np.int64))
