"""How much of a frame's light given positions explain, whoever found them: one profile is fitted to all, and drawn at each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import lsqr

from brightfield import images
from brightfield.beads.localisation.checking import Check, white_variance
from brightfield.beads.localisation.joint_profile import fit_joint_profile
from brightfield.beads.localisation.profile import Profile
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
REACH_PX = 32.0  # radius of a bead's image; light further out is explained by none
ROUNDS = 30  # of the fit of the amplitudes: neighbours overlap little, so few are enough


def explain(frame: npt.NDArray[Any], positions: Real) -> Check:
    """The light of a frame that beads at some positions explain.

    One profile is fitted to the frame at these positions, and an amplitude of either sign to each of them, so that positions of
    different methods are judged alike. Overlapping beads add.

    Args:
        frame: (H, W), raw.
        positions: (N, 2) x and y in px.

    Returns:
        The check; of one without a position, or whose positions explain no more than noise, ``explained`` is 0.
    """
    above = images.above_background(frame.astype(np.float32))
    rest, parameters = above, 0
    if len(positions):
        reach = min(REACH_PX, min(frame.shape) / 2 - 1)
        try:
            profile = fit_joint_profile([above], [positions], reach)
            rest = above - _drawn(above, profile, positions)
            parameters = len(profile.coefficients) + 3 * len(positions)
        except BrightfieldError:  # no more than noise is explained
            pass
    return Check(
        frames=1,
        positions=len(positions),
        low=0,
        near=0,
        pixels=frame.size,
        parameters=parameters,
        before=float((above**2).sum()),
        after=float((rest**2).sum()),
        noise=white_variance(rest) * frame.size,
    )


def _drawn(above: Real, profile: Profile, positions: Real) -> Real:
    """Beads at the positions (N, 2), with the amplitudes that fit the frame (H, W) best."""
    height, width = above.shape
    rows, columns, values = [], [], []
    for n, (x, y) in enumerate(positions):
        across = np.arange(max(int(np.ceil(x - profile.reach)), 0), min(int(x + profile.reach) + 1, width))
        down = np.arange(max(int(np.ceil(y - profile.reach)), 0), min(int(y + profile.reach) + 1, height))
        shape = profile.at(np.hypot(across - x, down[:, None] - y)).ravel()
        rows.append((down[:, None] * width + across).ravel())
        columns.append(np.full(len(shape), n))
        values.append(shape)
    at = np.concatenate(rows), np.concatenate(columns)
    design = sparse.coo_array((np.concatenate(values), at), shape=(above.size, len(positions))).tocsr()
    amplitudes = lsqr(design, above.ravel(), iter_lim=ROUNDS)[0]
    return np.asarray(design @ amplitudes).reshape(above.shape)
