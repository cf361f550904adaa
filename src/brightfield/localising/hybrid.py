"""The last step after a network: beads that somebody else has found, refined against the raw frame.

Every bead gets a profile of its own, fitted to its own window together with its position. That costs nothing of the precision: a
change of a radial profile is even around the centre and a shift odd, so the Fisher matrix holds nothing between them, and the bound
is that of a known profile. And no height, light or kind of bead has to be like another's.

What a network vouches for comes as gates: 1 where a pixel shows this bead and the background, 0 on debris and on other beads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError
from brightfield.localising.fitting import fit_profile
from brightfield.localising.windows import corners, cut, territories

Real = npt.NDArray[np.float64]
HALF_PX = 24  # of a window
FARTHEST_PX = 2.0  # a position that moves farther is another bead's, or debris's
LEAST_PIXELS = 200  # that must count in a window: fewer cannot tell profile and position


def refine_found(
    frame: npt.NDArray[Any],
    positions: Real,
    *,
    starts: Real | None = None,
    vouched: npt.ArrayLike | None = None,
    half: int = HALF_PX,
) -> tuple[Real, Real]:
    """Refine positions against the pixels of a frame.

    Args:
        frame: (H, W), raw.
        positions: (N, 2) x and y in px, right to about a pixel; what remains where a bead cannot be refined.
        starts: (N, 2) better ones, from images that a network has cleaned; None: ``positions``.
        vouched: (H, W) of all beads, or (N, H, W) of each, from 0 (a pixel that is not to count) to 1; None: all count.
        half: px, half of a window.

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
    gates = territories(begin, first, side) * (1 if inside is None else inside)
    if vouched is not None:
        weights = np.broadcast_to(np.asarray(vouched, dtype=np.float32), (len(positions), *frame.shape))
        gates *= np.stack(
            [cut(weight, corner[None], side)[0][0] for weight, corner in zip(weights, first, strict=True)]
        )
    for n, (window, gate) in enumerate(zip(windows, gates, strict=True)):
        if gate.sum() < LEAST_PIXELS:
            continue
        try:
            _, found = fit_profile(window[None], begin[n : n + 1] - first[n], gates=gate)
        except BrightfieldError:
            continue  # nothing round is there: the position stays what it was, and says so by having no error
        place = found.positions[0] + first[n]
        if found.converged[0] and np.hypot(*(place - positions[n])) <= FARTHEST_PX:
            refined[n], errors[n] = place, found.errors[0]
    return refined, errors
