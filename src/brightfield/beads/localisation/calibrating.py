"""From a few frames to a profile: what beads there are, and what they look like."""

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
from brightfield.beads.localisation.solving import UNLIKE
from brightfield.beads.localisation.subtraction import Beads
from brightfield.beads.localisation.windows import corners, cut, territories
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
Seen = tuple[npt.NDArray[Any], Beads]  # a frame, and the beads in it
# Of the image of a bead where nobody says it: rings of 24 px are seen, wider ones are cut off. Where the profile leaves much more
# than noise, as with many small beads in so wide a window, a narrower one is tried.
DIAMETERS_PX = (48.0, 24.0, 12.0)
MOST = 40  # windows to fit the profile to: more say no more
AGREED = 0.7  # of the median quality: candidates that fit worse are something else
TURNS = 6  # of taking neighbours away and fitting the profile again: each knows them better
SETTLED = 0.98  # of the last turn's misfit: a turn that gains less is the last
GROWTH = 1.4  # of the reach in a turn
EXPLAINED = 1.03  # times the noise: a profile that leaves less needs no more rings
CUT_OFF = 0.85  # of the reach: rings that tell something beyond are cut off
WIDEST_PX = 60.0  # from a bead's centre to its outermost ring
DARK_SHARE = 0.001  # of the pixels may be noise below the level without light
CERTAIN = 5.0  # standard errors of the coupling: beads that multiply by less are taken to add


def calibrate(frames: Sequence[npt.NDArray[Any]], diameter: float | None = None) -> Profile:
    """Fit the profile of the beads in some frames.

    Args:
        frames: (H, W) each, a few of a movie.
        diameter: px across a bead's image, its rings included; None: up to the first of ``DIAMETERS_PX``, found from the images.

    Raises:
        BrightfieldError: no frame, no bead, or a diameter that does not fit the frames.
    """
    if not len(frames) or min(min(frame.shape) for frame in frames) < 16 or (diameter is not None and diameter < 3):
        raise BrightfieldError(
            f"Got {len(frames)} frames and a diameter of {diameter} px: expected at least one frame of 16 x 16 px or more, and a "
            "diameter of 3 px or more. Give the diameter of a bead's image, its rings included."
        )
    if diameter is not None:
        return _calibrated(frames, diameter, known=True)
    best: Profile | None = None
    for wide in DIAMETERS_PX:
        try:
            # only the widest finds out how far rings reach: a narrower one would grow to what has failed already
            profile = _calibrated(frames, wide, known=wide < DIAMETERS_PX[0])
        except BrightfieldError:
            if best is None and wide == DIAMETERS_PX[-1]:
                raise
            continue
        if len(Locator(profile).locate(frames[0]).positions) and (best is None or profile.misfit < best.misfit):
            best = profile
        if best is not None and best.misfit <= UNLIKE:
            break
    if best is None:
        raise BrightfieldError(
            f"No profile of {', '.join(f'{wide:g}' for wide in DIAMETERS_PX)} px across finds beads in the frames themselves. "
            "Give the diameter of a bead's image in px, its rings included (--diameter)."
        )
    return best


def _calibrated(frames: Sequence[npt.NDArray[Any]], diameter: float, *, known: bool) -> Profile:
    """The profile of beads up to a diameter; where that is not known, as narrow as they turn out, or wider with their rings."""
    smallest = min(min(frame.shape) for frame in frames)
    wide = min(diameter, smallest - 4)
    profile = _fit(frames, wide, wide / 4)
    if not known:
        # a narrow bead in a wide window lets its neighbours in: fit again in what it fills
        narrow = 2 * profile.extent(0.98) + 4
        if narrow < 0.8 * wide:
            profile = _fit(frames, narrow, narrow / 2)
    widest = profile.reach if known else min(WIDEST_PX, smallest / 2 - 4)
    return _without_neighbours(frames, profile, widest)


def _without_neighbours(frames: Sequence[npt.NDArray[Any]], profile: Profile, widest: float) -> Profile:
    """The profile fitted again to beads from which the rings of the others are taken away, in turns, as those get clearer.

    While it does not explain all, it grows, up to ``widest`` px: outer rings show once the inner ones are known.
    """
    for _ in range(TURNS):
        grow = profile.misfit > EXPLAINED or profile.extent(0.98) > CUT_OFF * profile.reach
        reach = max(min(profile.reach * GROWTH, widest), profile.reach) if grow else profile.reach
        locator = Locator(profile, half=int(np.ceil(max(reach, profile.extent()))) + 1)
        found = [(frame, locator.locate(frame)) for frame in frames]
        seen = [(frame, beads.beads) for frame, beads in found if len(beads.positions)]
        if not seen:
            return profile
        before, profile = profile, _refitted(locator, seen, _dark(locator, seen), reach)
        if reach == before.reach and profile.misfit > SETTLED * before.misfit:
            break
    # what beads of another kind leave in each other looks like light that multiplies
    return profile if profile.misfit <= UNLIKE else replace(profile, camera_offset=None)


def _refitted(locator: Locator, seen: Sequence[Seen], camera_offset: float | None, reach: float) -> Profile:
    windows, gates, starts = [], [], []
    for frame, beads in seen:
        cleared = locator.alone(frame, beads)
        windows.append(cleared.windows)
        gates.append(np.ones_like(cleared.windows) if cleared.gates is None else cleared.gates)
        starts.append(beads.positions - cleared.first)
    pixels, open_, start = np.concatenate(windows), np.concatenate(gates), np.concatenate(starts)
    chosen = _some(len(pixels))
    profile = fit_profile(pixels[chosen], start[chosen], reach=reach, gates=open_[chosen])[0]
    return replace(profile, camera_offset=camera_offset)


def _dark(locator: Locator, seen: Sequence[Seen]) -> float | None:
    """The level without light, by how beads multiply where they overlap; None where they add, or hardly overlap."""
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
    # no pixel is darker than without light: such a level comes of what the profile does not know yet
    return level if level < min(float(np.quantile(frame, DARK_SHARE)) for frame, _ in seen) else None


def _some(count: int) -> npt.NDArray[np.intp]:
    """Row numbers of at most ``MOST``, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST)).astype(np.intp))


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
            f"No bead was found in {len(frames)} frames that lies {side // 2} px or more inside. Expected round spots or rings. "
            "Give the diameter of a bead's image in px, or frames that show beads."
        )
    chosen = _some(len(pixels))
    pixels, seen, start = pixels[chosen], seen[chosen], start[chosen]
    near = radial_centres(pixels * seen + (1 - seen) * np.median(pixels))
    start = np.where(np.hypot(*(near - start).T)[:, None] < 2, near, start)
    profile, found = fit_profile(pixels, start, reach=diameter / 2, gates=seen)
    good = found.converged & (found.quality >= AGREED * np.median(found.quality[found.converged]))
    if good.all():
        return profile
    return fit_profile(pixels[good], found.positions[good], reach=diameter / 2, gates=seen[good])[0]
