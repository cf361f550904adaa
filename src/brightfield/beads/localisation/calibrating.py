"""Calibration: the profile of the beads, from a few frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.beads.localisation.centring import radial_centres
from brightfield.beads.localisation.finding import candidates
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.beads.localisation.frames import Locator
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.solving import POOR_MISFIT
from brightfield.beads.localisation.subtraction import Beads
from brightfield.beads.localisation.windows import corners, cut, territories
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
Seen = tuple[npt.NDArray[Any], Beads]  # a frame, and the beads in it
# Diameters of a bead's image that are tried where none is given. The first includes rings up to a radius of 24 px. Where the
# residual is far above the noise, as with many small beads in so wide a window, the next is tried.
DIAMETERS_PX = (48.0, 24.0, 12.0)
MOST_WINDOWS = 40  # largest number of windows to which the profile is fitted: more do not improve it
LEAST_AGREEMENT = 0.7  # smallest quality of a candidate over the median: others are not beads
ROUNDS = 6  # largest number of rounds of subtracting neighbours and fitting the profile again
CONVERGED_RATIO = 0.98  # a round that leaves more than this share of the last misfit is the last
GROWTH = 1.4  # factor by which the reach may grow in a round
GOOD_MISFIT = 1.03  # residual over the noise, up to which the profile needs no more rings
CUT_OFF = 0.85  # share of the reach: a profile that extends beyond has been cut off
WIDEST_PX = 60.0  # largest radius of a bead's outermost ring
DARKEST_SHARE = 0.001  # share of the pixels whose noise may lie below the level without light
CERTAIN = 5.0  # standard errors: a smaller coupling counts as 0, so that beads add


def calibrate(frames: Sequence[npt.NDArray[Any]], diameter: float | None = None) -> Profile:
    """Fit the profile of the beads in some frames.

    Args:
        frames: (H, W) each, a few of a movie.
        diameter: diameter of a bead's image in px, rings included; None: estimated from the images, from ``DIAMETERS_PX``.

    Raises:
        BrightfieldError: no frame, no bead, or a diameter that does not fit the frames.
    """
    require_frames(frames, diameter)
    if diameter is not None:
        return _calibrated(frames, diameter, known=True)
    best: Profile | None = None
    for wide in DIAMETERS_PX:
        try:
            # only the widest may grow with the rings: a narrower one would grow to what has failed already
            profile = _calibrated(frames, wide, known=wide < DIAMETERS_PX[0])
        except BrightfieldError:
            if best is None and wide == DIAMETERS_PX[-1]:
                raise
            continue
        if len(Locator(profile).locate(frames[0]).positions) and (best is None or profile.misfit < best.misfit):
            best = profile
        if best is not None and best.misfit <= POOR_MISFIT:
            break
    if best is None:
        raise BrightfieldError(
            f"No profile of {', '.join(f'{wide:g}' for wide in DIAMETERS_PX)} px in diameter finds beads in the frames: expected "
            "round spots or rings. Give the diameter of a bead's image in px, rings included (--diameter)."
        )
    return best


def require_frames(frames: Sequence[npt.NDArray[Any]], diameter: float | None) -> None:
    """Raise BrightfieldError where there is no frame, or frames or the diameter are too small to calibrate."""
    if not len(frames) or min(min(frame.shape) for frame in frames) < 16 or (diameter is not None and diameter < 3):
        raise BrightfieldError(
            f"Got {len(frames)} frames and a diameter of {diameter} px: expected at least one frame of 16 x 16 px or more, and a "
            "diameter of 3 px or more. Give the diameter of a bead's image, rings included."
        )


def _calibrated(frames: Sequence[npt.NDArray[Any]], diameter: float, *, known: bool) -> Profile:
    """The profile of beads of a known diameter; of an unknown one, narrowed to the bead or widened with its rings."""
    smallest = min(min(frame.shape) for frame in frames)
    wide = min(diameter, smallest - 4)
    profile = _fit(frames, wide, wide / 4)
    if not known:
        # a window wider than the bead includes neighbours: fit again in a narrower one
        narrow = 2 * profile.extent(0.98) + 4
        if narrow < 0.8 * wide:
            profile = _fit(frames, narrow, narrow / 2)
    widest = profile.reach if known else min(WIDEST_PX, smallest / 2 - 4)
    return without_neighbours(frames, profile, widest)


def without_neighbours(frames: Sequence[npt.NDArray[Any]], profile: Profile, widest: float) -> Profile:
    """Subtract the neighbours of each bead and fit the profile again, in rounds.

    While the residual exceeds the noise, the reach grows up to ``widest`` px: outer rings show once the inner ones are known.
    """
    for _ in range(ROUNDS):
        grow = profile.misfit > GOOD_MISFIT or profile.extent(0.98) > CUT_OFF * profile.reach
        reach = max(min(profile.reach * GROWTH, widest), profile.reach) if grow else profile.reach
        locator = Locator(profile, half=int(np.ceil(max(reach, profile.extent()))) + 1)
        found = [(frame, locator.locate(frame)) for frame in frames]
        seen = [(frame, beads.beads) for frame, beads in found if len(beads.positions)]
        if not seen:
            return profile
        before, profile = profile, _refitted(locator, seen, _measured_offset(locator, seen), reach)
        if reach == before.reach and profile.misfit > CONVERGED_RATIO * before.misfit:
            break
    # the residuals of several kinds of beads look like a coupling of their light
    return profile if profile.misfit <= POOR_MISFIT else replace(profile, camera_offset=None)


def _refitted(locator: Locator, seen: Sequence[Seen], camera_offset: float | None, reach: float) -> Profile:
    windows, gates, starts = [], [], []
    for frame, beads in seen:
        cleared = locator.clear(frame, beads)
        windows.append(cleared.windows)
        gates.append(np.ones_like(cleared.windows) if cleared.gates is None else cleared.gates)
        starts.append(beads.positions - cleared.first)
    pixels, open_, start = np.concatenate(windows), np.concatenate(gates), np.concatenate(starts)
    chosen = _evenly_chosen(len(pixels))
    profile = fit_profile(pixels[chosen], start[chosen], reach=reach, gates=open_[chosen])[0]
    return replace(profile, camera_offset=camera_offset)


def _measured_offset(locator: Locator, seen: Sequence[Seen]) -> float | None:
    """The level without light, from the coupling of beads that overlap; None where they add, or hardly overlap."""
    sums = [locator.coupling(frame, beads) for frame, beads in seen]
    rest, crossed = np.concatenate([one for one, _ in sums]), np.concatenate([other for _, other in sums])
    background = float(np.median(np.concatenate([beads.backgrounds for _, beads in seen])))
    camera_offset = locator.profiles[0].camera_offset
    known = 0.0 if camera_offset is None else 1 / (background - camera_offset)
    total = max(float(crossed.sum()), 1e-30)
    lacking = float(rest.sum()) / total
    error = float(np.sqrt(np.sum((rest - lacking * crossed) ** 2))) / total
    coupling = known + lacking
    if coupling <= CERTAIN * error:
        return None
    level = background - 1 / coupling
    # no pixel is darker than without light: a higher level is an error of the profile
    return level if level < min(float(np.quantile(frame, DARKEST_SHARE)) for frame, _ in seen) else None


def _evenly_chosen(count: int) -> npt.NDArray[np.intp]:
    """At most ``MOST_WINDOWS`` row numbers, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_WINDOWS)).astype(np.intp))


def _fit(frames: Sequence[npt.NDArray[Any]], diameter: float, separation: float) -> Profile:
    side = 2 * (int(np.ceil(diameter / 2)) + 2) + 1
    windows, gates, starts = [], [], []
    for frame in frames:
        places, _ = candidates(frame, max(int(diameter / 2), 2), separation)
        inside = (np.abs(places - np.array(frame.shape[::-1]) / 2) < np.array(frame.shape[::-1]) / 2 - side / 2).all(
            axis=1
        )
        first = corners(places, side)
        cleared = territories(places, first, side)
        windows.append(cut(frame, first[inside], side)[0])
        gates.append(cleared[inside])
        starts.append((places - first)[inside])
    pixels, seen, start = np.concatenate(windows), np.concatenate(gates), np.concatenate(starts)
    if not len(pixels):
        raise BrightfieldError(
            f"No bead was found in {len(frames)} frames at {side // 2} px or more from the edge: expected round spots or rings. "
            "Give the diameter of a bead's image in px, or frames that show beads."
        )
    chosen = _evenly_chosen(len(pixels))
    pixels, seen, start = pixels[chosen], seen[chosen], start[chosen]
    near = radial_centres(pixels * seen + (1 - seen) * np.median(pixels))
    start = np.where(np.hypot(*(near - start).T)[:, None] < 2, near, start)
    profile, found = fit_profile(pixels, start, reach=diameter / 2, gates=seen)
    good = found.converged & (found.quality >= LEAST_AGREEMENT * np.median(found.quality[found.converged]))
    if good.all():
        return profile
    return fit_profile(pixels[good], found.positions[good], reach=diameter / 2, gates=seen[good])[0]
