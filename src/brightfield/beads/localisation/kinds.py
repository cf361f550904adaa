"""Clustering of beads by kind or height, with one profile per kind.

As in K-means (MacQueen 1967, Proceedings of the Fifth Berkeley Symposium 1, 281), with profiles for means, two steps alternate:
each bead is assigned to the profile of the smallest residual, and each profile is fitted again to its members. The number of kinds
grows by one at a time, by splitting the kind with the largest residuals along their main direction, while residuals shrink enough.
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
from brightfield.beads.localisation.solving import POOR_MISFIT, Refined
from brightfield.beads.localisation.subtraction import Ints, Single
from brightfield.errors import BrightfieldError
from brightfield.system import progress

Real = npt.NDArray[np.float64]
MOST_KINDS = 4  # largest number of kinds
FEWEST_BEADS = 12  # smallest number of beads of a kind
MOST_WINDOWS = 60  # largest number of windows of a kind to which its profile is fitted
ROUNDS = 3  # rounds of assignment and fitting, for each number of kinds
WORTHWHILE_RATIO = 0.92  # largest ratio of residuals with and without another kind at which it is added
RING_PX = 1.0  # width of the rings over which residuals are averaged to distinguish kinds
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Members:
    """All beads of some frames, with their neighbours subtracted, one row per bead.

    Attributes:
        windows: (N, side, side) in the units of the frames.
        gates: (N, side, side) weights of the pixels.
        found: the fit of each bead in its window.
        kinds: (N,) index of the profile of each bead.
    """

    windows: Single
    gates: Single
    found: Refined
    kinds: Ints


def split_kinds(
    frames: Sequence[npt.NDArray[Any]], profile: Profile, most: int = MOST_KINDS, *, halves: bool = True
) -> tuple[Profile, ...]:
    """Fit a profile for each kind of bead in some frames; the given one alone is returned where it explains them.

    Args:
        frames: (H, W) each, a few of a movie.
        profile: common profile of all beads, from which the others are split.
        most: largest number of kinds.
        halves: begin with two halves of a kind; otherwise where its beads differ most, for kinds that are plainly different.
    """
    kept: tuple[Profile, ...] = (profile,)
    members = _members(frames, kept) if profile.misfit > POOR_MISFIT else None
    for _ in progress.track(range(len(kept), most), "kinds of beads", unit="kind"):
        split = None if members is None else _split(members, kept, halves)
        if members is None or split is None:
            break
        tried = _alternated(frames, members, *split, profile.camera_offset)
        again = _members(frames, tried) if len(tried) > len(kept) else None
        if again is None:
            break
        before, after = _median_residual(members, kept), _median_residual(again, tried)
        log.info("%d kinds of beads leave a residual of %.3f, %d leave %.3f", len(kept), before, len(tried), after)
        if after > WORTHWHILE_RATIO * before:
            break
        kept, members = tried, again
    return kept


def _members(frames: Sequence[npt.NDArray[Any]], profiles: tuple[Profile, ...]) -> Members | None:
    """Locate the beads of all frames with these profiles; None where there are none."""
    locator = Locator(profiles, half=int(np.ceil(max(profile.reach for profile in profiles))) + 1)
    parts = []
    for frame in frames:
        located = locator.locate(frame)
        if len(located.positions):
            cleared = locator.clear(frame, located.beads)
            gates = np.ones_like(cleared.windows) if cleared.gates is None else cleared.gates
            parts.append((cleared.windows, gates, located.positions - cleared.first, located.kinds))
    if not parts:
        return None
    windows, gates, starts, kinds = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Members(windows, gates, locator.fit(windows, gates, starts, kinds), kinds)


def _median_residual(members: Members, profiles: tuple[Profile, ...]) -> float:
    """The median over beads of the root mean square residual, in the units of the frames."""
    scale = np.array([_scatter(profile) for profile in profiles])
    return float(np.median(members.found.residuals * scale[members.kinds]))


def _scatter(profile: Profile) -> float:
    """The standard deviation of a pixel of the background, in the units of the frames."""
    return float(np.sqrt(profile.noise.variance(np.array([profile.background]))[0]))


def _split(members: Members, profiles: tuple[Profile, ...], halves: bool) -> tuple[Ints, int] | None:
    """Split the kind with the largest residuals: the new kinds of all beads and their number; None where it is too small."""
    counts = np.bincount(members.kinds, minlength=len(profiles))
    squares = np.bincount(members.kinds, members.found.residuals**2, len(profiles))
    worst = int(np.where(counts >= 2 * FEWEST_BEADS, squares, -1.0).argmax())
    if counts[worst] < 2 * FEWEST_BEADS:
        return None
    rows = np.flatnonzero(members.kinds == worst)
    rest = _by_distance(members, rows, profiles[worst])
    rest -= np.median(rest, axis=0)
    limit = 3 * np.median(np.abs(rest), axis=0)  # a few outliers must not set the direction
    along = np.clip(rest, -limit, limit) @ np.linalg.svd(np.clip(rest, -limit, limit), full_matrices=False)[2][0]
    kinds = members.kinds.copy()
    kinds[rows[along > (np.median(along) if halves else _two_means(along))]] = len(profiles)
    return kinds, len(profiles) + 1


def _two_means(values: Real) -> float:
    """The limit between two groups of values (n,) whose variances around their own means are smallest (Otsu)."""
    ordered = np.sort(values)
    count = np.arange(1, len(ordered))
    below, total = np.cumsum(ordered)[:-1], float(ordered.sum())
    between = (below / count - total / len(ordered)) ** 2 * count / (len(ordered) - count)
    return float(ordered[int(between.argmax())])


def _by_distance(members: Members, rows: Ints, profile: Profile) -> Real:
    """The residual of each bead over its amplitude, as means over rings (n, rings)."""
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


def _alternated(
    frames: Sequence[npt.NDArray[Any]], members: Members, kinds: Ints, count: int, camera_offset: float | None
) -> tuple[Profile, ...]:
    """Alternate fitting and assignment from a first assignment; fewer profiles where a kind becomes too small."""
    for turn in range(ROUNDS):
        fitted = [_fitted(members, np.flatnonzero(kinds == kind)) for kind in range(count)]
        profiles = with_common_noise([profile for profile in fitted if profile is not None], camera_offset)
        again = _members(frames, profiles) if len(profiles) == count and turn < ROUNDS - 1 else None
        if again is None:
            break
        members, kinds = again, again.kinds
    return profiles


def with_common_noise(profiles: Sequence[Profile], camera_offset: float | None) -> tuple[Profile, ...]:
    """The profiles with the smallest of their noises, so that residuals of different profiles can be compared."""
    noise = min(profiles, key=_scatter).noise if profiles else None
    return tuple(replace(profile, noise=noise or profile.noise, camera_offset=camera_offset) for profile in profiles)


def _fitted(members: Members, rows: Ints) -> Profile | None:
    """Fit the profile to the members that fit best; None where there are too few, or they show none."""
    if len(rows) < FEWEST_BEADS:
        return None
    good = rows[np.argsort(members.found.residuals[rows] / members.found.amplitudes[rows], kind="stable")]
    good = good[: max(3 * len(rows) // 4, FEWEST_BEADS)]  # the others are disturbed, or are not beads
    chosen = good[np.unique(np.linspace(0, len(good) - 1, min(len(good), MOST_WINDOWS)).astype(np.intp))]
    reach = (members.windows.shape[1] - 1) / 2 - 1
    try:
        return fit_profile(
            members.windows[chosen], members.found.positions[chosen], reach=reach, gates=members.gates[chosen]
        )[0]
    except BrightfieldError:
        return None
