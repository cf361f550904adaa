"""The last step after a network: beads that somebody else has found, refined against the raw frame.

Every bead gets a profile of its own, fitted to its own window together with its position and the tilt of the light. That costs
nothing of the precision: a change of a radial profile is even around the centre and a shift odd, so the Fisher matrix holds nothing
between them, and the bound is that of a known profile. And no height, light or kind of bead has to be like another's. Beads whose
rings reach into a window are fitted together with its own.

What a network vouches for comes as gates: 1 where a pixel shows beads and the background, 0 on debris.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.neighbours import fit_apart
from brightfield.beads.localisation.windows import corners, cut
from brightfield.errors import BrightfieldError
from brightfield.system import processes, progress

Real = npt.NDArray[np.float64]
HALF_PX = 32  # of a window: narrower ones lose what the outer rings tell, and neighbours that must be fitted too
FARTHEST_PX = 2.0  # a position that moves farther is another bead's, or debris's
REACHING_PX = 60.0  # a bead no farther from a window's own has rings in the window, and is fitted with it,
MOST_OTHERS = 3  # the nearest of them: the time grows with the square of their number
UNSEEN_PX = 36.0  # from the edge: a bead that is known to be alone and lies nearer may have a neighbour beyond it
FEW = 60  # beads that are sooner refined than a process is started
LEAST_PIXELS = 200  # that must count in a window: fewer cannot tell profile and position


def refine_found(
    frame: npt.NDArray[Any],
    positions: Real,
    *,
    starts: Real | None = None,
    vouched: npt.ArrayLike | None = None,
    half: int = HALF_PX,
    camera_offset: float | None = None,
) -> tuple[Real, Real]:
    """Refine positions against the pixels of a frame.

    Args:
        frame: (H, W), raw.
        positions: (N, 2) x and y in px, right to about a pixel; what remains where a bead cannot be refined.
        starts: (N, 2) better ones, from images that a network has cleaned; None: ``positions``.
        vouched: (H, W) of all beads, or (N, H, W) of each, from 0 (a pixel that is not to count) to 1; None: all count.
        half: px, half of a window.
        camera_offset: counts of the camera without light; None: 0, or for images that are not counts a level well below
            their least.

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
    if vouched is not None:
        weights = np.broadcast_to(np.asarray(vouched, dtype=np.float32), (len(positions), *frame.shape))
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
            found = fit_apart(window, begin[n] - first[n], others=others, gate=gate, camera_offset=black)
        except BrightfieldError:
            continue  # no light is there: the position stays what it was, and says so by having no error
        place = found.positions[0] + first[n]
        if found.converged and found.shown and np.hypot(*(place - positions[n])) <= FARTHEST_PX:
            refined[n], errors[n] = place, found.errors[0]
    return refined, errors


def refine_frames(
    frames: Sequence[npt.NDArray[Any]], positions: Sequence[Real], *, camera_offset: float | None = None
) -> list[tuple[Real, Real]]:
    """:func:`refine_found` for each frame and its (N, 2) positions, on all cores where there are many beads."""
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
    """The beads (K, 2) whose rings reach into the window of one, nearest first; None where one may lie unseen beyond the frame."""
    away = np.hypot(*(positions - positions[own]).T)
    away[own] = np.inf
    nearest = np.argsort(away, kind="stable")[:MOST_OTHERS]
    near = positions[nearest[away[nearest] <= REACHING_PX]]
    edge = min(*positions[own], size[1] - 1 - positions[own][0], size[0] - 1 - positions[own][1])
    return None if not len(near) and edge < UNSEEN_PX else near


def _black(frame: npt.NDArray[Any]) -> float:
    """0 for counts; where values go below, nothing is known of the light, and a level far down makes its tilt a plain sum."""
    least, most = float(np.min(frame)), float(np.max(frame))
    return 0.0 if least >= 0 else least - 4 * (most - least)
