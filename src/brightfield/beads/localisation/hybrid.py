"""The last step after a network: refine the positions that it found against the raw frame.

Every bead has a profile of its own, fitted to its window together with its position and the tilt of the light. This costs no
precision: a change of a radial profile is even around the centre and a shift odd, so their entries in the Fisher matrix are 0, and
the bound is that of a known profile. Beads may thus differ in height, light and kind. Beads whose rings reach into a window are
fitted together with its own.

The network's judgement of pixels comes as weights: 1 on beads and background, 0 on debris.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.neighbours import fit_with_neighbours
from brightfield.beads.localisation.windows import corners, cut
from brightfield.errors import BrightfieldError
from brightfield.system import processes, progress

Real = npt.NDArray[np.float64]
HALF_PX = 32  # half of a window: narrower ones lose outer rings, and neighbours that must be fitted, too
FARTHEST_PX = 2.0  # largest shift of a position: farther away is another bead, or debris
REACHING_PX = 60.0  # beads this near have rings in each other's windows, and are fitted together,
MOST_OTHERS = 3  # but only so many of the nearest: the time grows with the square of their number
UNSEEN_PX = 36.0  # a bead without known neighbours this near to the edge may have one beyond it
FEW = 60  # number of beads up to which starting processes takes longer than refining
LEAST_PIXELS = 200  # smallest sum of weights in a window that determines profile and position


def refine_found(
    frame: npt.NDArray[Any],
    positions: Real,
    *,
    starts: Real | None = None,
    trusted: npt.ArrayLike | None = None,
    half: int = HALF_PX,
    camera_offset: float | None = None,
) -> tuple[Real, Real]:
    """Refine positions against the pixels of a frame.

    Args:
        frame: (H, W), raw.
        positions: (N, 2) x and y in px, accurate to about a pixel; returned where a bead cannot be refined.
        starts: (N, 2) more accurate ones, from images cleaned by a network; None: ``positions``.
        trusted: weights of the pixels from 0 (ignored) to 1, (H, W) for all beads or (N, H, W) for each; None: all 1.
        half: half of a window in px.
        camera_offset: counts of the camera without light; None: 0, or for images with negative values a level well below their
            smallest.

    Returns:
        Positions (N, 2) and their standard errors (N, 2) in px; the errors are nan where a bead could not be refined.
    """
    side = 2 * half + 1
    refined, errors = positions.copy(), np.full(positions.shape, np.nan)
    begin = positions if starts is None else starts
    first = corners(begin, side)
    if not len(positions):
        return refined, errors
    windows, inside = cut(frame, first, side)
    gates = np.ones_like(windows) if inside is None else inside
    if trusted is not None:
        weights = np.broadcast_to(np.asarray(trusted, dtype=np.float32), (len(positions), *frame.shape))
        gates = gates * np.stack(
            [cut(weight, corner[None], side)[0][0] for weight, corner in zip(weights, first, strict=True)]
        )
    black = _black(frame) if camera_offset is None else camera_offset
    for n, (window, gate) in enumerate(zip(windows, gates, strict=True)):
        if gate.sum() < LEAST_PIXELS:
            continue
        try:
            others = _others(begin, n, frame.shape)
            others = None if others is None else others - first[n]
            found = fit_with_neighbours(window, begin[n] - first[n], others=others, gate=gate, camera_offset=black)
        except BrightfieldError:
            continue  # there is no light: the position stays as it was, without an error
        place = found.positions[0] + first[n]
        if found.converged and found.detected and np.hypot(*(place - positions[n])) <= FARTHEST_PX:
            refined[n], errors[n] = place, found.errors[0]
    return refined, errors


def refine_frames(
    frames: Sequence[npt.NDArray[Any]], positions: Sequence[Real], *, camera_offset: float | None = None
) -> list[tuple[Real, Real]]:
    """Apply :func:`refine_found` to each frame and its (N, 2) positions, on all cores where there are many beads."""
    many = sum(map(len, positions)) > FEW
    found = processes.parallel_map(
        partial(_refine_frame, camera_offset=camera_offset),
        list(zip(frames, positions, strict=True)),
        processes.available() if many else 1,
    )
    return list(progress.track(found, "refining", total=len(frames), unit="frame"))


def _refine_frame(given: tuple[npt.NDArray[Any], Real], camera_offset: float | None) -> tuple[Real, Real]:
    return refine_found(*given, camera_offset=camera_offset)


def _others(positions: Real, own: int, size: tuple[int, ...]) -> Real | None:
    """The beads (K, 2) with rings in the window of one, nearest first; None where an unseen one may lie beyond the frame."""
    away = np.hypot(*(positions - positions[own]).T)
    away[own] = np.inf
    nearest = np.argsort(away, kind="stable")[:MOST_OTHERS]
    near = positions[nearest[away[nearest] <= REACHING_PX]]
    edge = min(*positions[own], size[1] - 1 - positions[own][0], size[0] - 1 - positions[own][1])
    return None if not len(near) and edge < UNSEEN_PX else near


def _black(frame: npt.NDArray[Any]) -> float:
    """The level without light: 0 for counts; far below negative values, where light is unknown, so that its tilt adds."""
    least, most = float(np.min(frame)), float(np.max(frame))
    return 0.0 if least >= 0 else least - 4 * (most - least)
