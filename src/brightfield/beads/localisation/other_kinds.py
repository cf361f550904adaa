"""Beads that none of the profiles shows, as those of the opposite contrast or of another size: centres of rings in what is left.

:mod:`kinds` splits the beads that a common profile has found; beads that it has not found are not among them. They stand in the
residual of the frames, as round as beads, and many of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from brightfield.beads.localisation.checking import white_variance
from brightfield.beads.localisation.finding import suppress_weaker
from brightfield.beads.localisation.frames import Located, Locator
from brightfield.beads.localisation.joint_profile import fit_joint_profile
from brightfield.beads.localisation.kinds import with_common_noise
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.radial_variance import explained_by_rings
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
RADII_PX = (8, 20)  # radii within which an overlooked bead must be round
REACHES_PX = (8, 12, 16, 24, 32, 48)  # radii of its profile that are tried
ROUND = 0.85  # smallest share of the variance around an overlooked bead that rings explain: debris is rarely so round
STRONG = 5.0  # smallest variance that rings explain there, over that of the noise
LEAST_PER_FRAME = 2.0  # smallest number of overlooked beads in a frame, on average,
LEAST_SHARE = 0.1  # and over the number of beads found: fewer are debris


@dataclass(frozen=True)
class Overlooked:
    """What the beads found leave of some frames, and the round things in it.

    Attributes:
        frames: (H, W) each, with all beads found subtracted.
        places: (N, 2) of each frame, x and y to a pixel.
    """

    frames: list[npt.NDArray[Any]]
    places: list[Real]


def overlooked(frames: Sequence[npt.NDArray[Any]], locator: Locator, located: Sequence[Located]) -> Overlooked | None:
    """The round things that the beads found leave in the frames (H, W); None where they are few."""
    rest = [locator.residual(frame, found.beads) for frame, found in zip(frames, located, strict=True)]
    found = sum(len(one.positions) for one in located)
    best: list[Real] = []
    for radius in RADII_PX:
        least = max(LEAST_PER_FRAME, LEAST_SHARE * len(located[0].positions))
        first = _round_things(rest[0], located[0].positions, radius)
        if len(first) < least:
            continue  # the first frame tells, which saves searching the others
        others = zip(rest[1:], located[1:], strict=True)
        places = [first, *(_round_things(frame, one.positions, radius) for frame, one in others)]
        total = sum(map(len, places))
        if total >= max(LEAST_PER_FRAME * len(frames), LEAST_SHARE * found) and total > sum(map(len, best)):
            best = places
    return Overlooked(list(rest), best) if best else None


def with_another_kind(profiles: tuple[Profile, ...], left: Overlooked) -> list[tuple[Profile, ...]]:
    """The profiles together with one of the round things left, at several reaches of this one."""
    tried = []
    for reach in REACHES_PX:
        try:
            new = fit_joint_profile(left.frames, left.places, reach)
        except BrightfieldError:
            continue
        tried.append(with_common_noise([*profiles, new], profiles[0].camera_offset))
    return tried


def _round_things(rest: npt.NDArray[Any], positions: Real, radius: int) -> Real:
    """Places (N, 2) in a residual (H, W) that are round, strong and away from the beads found."""
    share, explained = explained_by_rings(rest, radius)
    strength = share * explained
    peak = (ndimage.maximum_filter(strength, 5) == strength) & (share > ROUND)
    y, x = np.nonzero(peak & (explained > STRONG * white_variance(rest)))
    places = np.stack([x, y], axis=1).astype(np.float64)
    kept = places[suppress_weaker(places, strength[y, x], radius)]
    if not len(kept) or not len(positions):
        return kept
    away: Real = kept[cKDTree(positions).query(kept)[0] > RADII_PX[0]]
    return away
