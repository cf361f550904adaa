"""Beads of several kinds or heights: a profile for each, and who belongs to which, in turns.

As means and members in K-means (MacQueen 1967, Proceedings of the Fifth Berkeley Symposium 1, 281), with profiles for means: all
beads are fitted by every profile, each goes to that which leaves least, and each profile is fitted again to its members. The
number of kinds grows by one at a time, where what is left differs most along one direction, for as long as that pays.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.fitting import fit_profile
from brightfield.beads.localisation.frames import Locator
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.solving import UNLIKE, Refined
from brightfield.beads.localisation.subtraction import Ints, Single
from brightfield.errors import BrightfieldError
from brightfield.system import progress

Real = npt.NDArray[np.float64]
MOST_KINDS = 4
FEWEST = 12  # beads that make a kind
WINDOWS = 60  # of a kind, to fit its profile to
TURNS = 3  # of members and profiles, for each number of kinds
PAYS = 0.92  # of what is left in the pixels: another kind must leave less
RING_PX = 1.0  # of distance, over which what is left is taken together to tell kinds apart
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Members:
    """All beads of some frames, without their neighbours; a row for each.

    Attributes:
        windows: (N, side, side) in the units of the frames.
        gates: how much each pixel counts, likewise.
        found: how each is fitted in its window.
        kinds: (N,) by which profile.
    """

    windows: Single
    gates: Single
    found: Refined
    kinds: Ints


def split_kinds(frames: Sequence[npt.NDArray[Any]], profile: Profile, most: int = MOST_KINDS) -> tuple[Profile, ...]:
    """The profiles of the kinds of beads that some frames show: the given one alone where it explains what they show.

    Args:
        frames: (H, W) each, a few of a movie.
        profile: of all beads, which is refined into several.
        most: kinds there may be.
    """
    kept: tuple[Profile, ...] = (profile,)
    members = _members(frames, kept) if profile.misfit > UNLIKE else None
    for _ in progress.track(range(len(kept), most), "kinds of beads", unit="kind"):
        split = None if members is None else _split(members, kept)
        if members is None or split is None:
            break
        tried = _settled(frames, members, *split, profile.camera_offset)
        again = _members(frames, tried) if len(tried) > len(kept) else None
        if again is None:
            break
        before, after = _left(members, kept), _left(again, tried)
        log.info("%d kinds of beads leave %.3f in a pixel, %d leave %.3f", len(kept), before, len(tried), after)
        if after > PAYS * before:
            break
        kept, members = tried, again
    return kept


def _members(frames: Sequence[npt.NDArray[Any]], profiles: tuple[Profile, ...]) -> Members | None:
    """The beads of all frames by these profiles; None where there is none."""
    locator = Locator(profiles, half=int(np.ceil(max(profile.reach for profile in profiles))) + 1)
    parts = []
    for frame in frames:
        located = locator.locate(frame)
        if len(located.positions):
            cleared = locator.alone(frame, located.beads)
            gates = np.ones_like(cleared.windows) if cleared.gates is None else cleared.gates
            parts.append((cleared.windows, gates, located.positions - cleared.first, located.kinds))
    if not parts:
        return None
    windows, gates, starts, kinds = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Members(windows, gates, locator.fit(windows, gates, starts, kinds), kinds)


def _left(members: Members, profiles: tuple[Profile, ...]) -> float:
    """The median bead's root mean square residual, in the units of the frames."""
    scale = np.array([_scatter(profile) for profile in profiles])
    return float(np.median(members.found.residuals * scale[members.kinds]))


def _scatter(profile: Profile) -> float:
    """The deviation of a pixel of the background, in the units of the frames."""
    return float(np.sqrt(profile.noise.variance(np.array([profile.background]))[0]))


def _split(members: Members, profiles: tuple[Profile, ...]) -> tuple[Ints, int] | None:
    """The kinds of all beads when that which leaves most becomes two, and how many there are; None where it cannot."""
    counts = np.bincount(members.kinds, minlength=len(profiles))
    squares = np.bincount(members.kinds, members.found.residuals**2, len(profiles))
    worst = int(np.where(counts >= 2 * FEWEST, squares, -1.0).argmax())
    if counts[worst] < 2 * FEWEST:
        return None
    rows = np.flatnonzero(members.kinds == worst)
    rest = _by_distance(members, rows, profiles[worst])
    rest -= np.median(rest, axis=0)
    limit = 3 * np.median(np.abs(rest), axis=0)  # few wild ones give no direction
    along = np.clip(rest, -limit, limit) @ np.linalg.svd(np.clip(rest, -limit, limit), full_matrices=False)[2][0]
    kinds = members.kinds.copy()
    kinds[rows[along > np.median(along)]] = len(profiles)
    return kinds, len(profiles) + 1


def _by_distance(members: Members, rows: Ints, profile: Profile) -> Real:
    """What a profile leaves of each bead, over its amplitude, as means over rings (n, rings)."""
    side = members.windows.shape[1]
    span, found = np.arange(side), members.found
    away = span - found.positions[rows][:, :, None]
    distance = np.hypot(away[:, 1, :, None], away[:, 0, None, :])
    amplitudes = found.amplitudes[rows][:, None, None]
    rest = (members.windows[rows] - found.offsets[rows][:, None, None]) / amplitudes - profile.at(distance)
    rings = int(profile.reach / RING_PX)
    ring = np.minimum((distance / RING_PX).astype(np.intp), rings)
    at = (ring + (rings + 1) * np.arange(len(rows))[:, None, None]).ravel()
    gates = members.gates[rows].ravel().astype(np.float64)
    count = np.bincount(at, gates, len(rows) * (rings + 1))
    means = np.bincount(at, gates * rest.ravel(), len(rows) * (rings + 1)) / np.maximum(count, 1e-9)
    return means.reshape(len(rows), -1)[:, :rings]


def _settled(
    frames: Sequence[npt.NDArray[Any]], members: Members, kinds: Ints, count: int, camera_offset: float | None
) -> tuple[Profile, ...]:
    """Profiles and members in turns, from a first guess of the members; fewer profiles where a kind does not last."""
    for turn in range(TURNS):
        fitted = [_fitted(members, np.flatnonzero(kinds == kind)) for kind in range(count)]
        profiles = _alike([profile for profile in fitted if profile is not None], camera_offset)
        again = _members(frames, profiles) if len(profiles) == count and turn < TURNS - 1 else None
        if again is None:
            break
        members, kinds = again, again.kinds
    return profiles


def _alike(profiles: Sequence[Profile], camera_offset: float | None) -> tuple[Profile, ...]:
    """With one noise, the least, as what is left by one profile is compared with what is left by another."""
    noise = min(profiles, key=_scatter).noise if profiles else None
    return tuple(replace(profile, noise=noise or profile.noise, camera_offset=camera_offset) for profile in profiles)


def _fitted(members: Members, rows: Ints) -> Profile | None:
    """The profile of those that fit best; None where there are too few, or they show none."""
    if len(rows) < FEWEST:
        return None
    good = rows[np.argsort(members.found.residuals[rows] / members.found.amplitudes[rows], kind="stable")]
    good = good[: max(3 * len(rows) // 4, FEWEST)]  # the rest lies on something, or is something else
    chosen = good[np.unique(np.linspace(0, len(good) - 1, min(len(good), WINDOWS)).astype(np.intp))]
    reach = (members.windows.shape[1] - 1) / 2 - 1
    try:
        return fit_profile(
            members.windows[chosen], members.found.positions[chosen], reach=reach, gates=members.gates[chosen]
        )[0]
    except BrightfieldError:
        return None
