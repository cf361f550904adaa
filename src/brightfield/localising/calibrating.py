"""From a few frames to a profile: what beads there are, and what they look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError
from brightfield.localising.centring import radial_centres
from brightfield.localising.finding import candidates
from brightfield.localising.fitting import fit_profile
from brightfield.localising.frames import Locator
from brightfield.localising.profile import Profile
from brightfield.localising.windows import corners, cut, territories

Real = npt.NDArray[np.float64]
DIAMETER_PX = 48.0  # of the image of a bead where nobody says it: rings of 24 px are seen, wider ones are cut off
MOST = 40  # windows to fit the profile to: more say no more
AGREED = 0.7  # of the median quality: candidates that fit worse are something else
NEAREST = 0.5  # of the diameter of the brightest part, between two beads


def calibrate(frames: Sequence[npt.NDArray[Any]], diameter: float | None = None) -> Profile:
    """Fit the profile of the beads in some frames.

    Args:
        frames: (H, W) each, a few of a movie.
        diameter: px across a bead's image, its rings included; None: up to ``DIAMETER_PX``, found from the images.

    Raises:
        BrightfieldError: no frame, no bead, or a diameter that does not fit the frames.
    """
    if not len(frames) or min(min(frame.shape) for frame in frames) < 16 or (diameter is not None and diameter < 3):
        raise BrightfieldError(
            f"Got {len(frames)} frames and a diameter of {diameter} px: expected at least one frame of 16 x 16 px or more, and a "
            "diameter of 3 px or more. Give the diameter of a bead's image, its rings included."
        )
    smallest = min(min(frame.shape) for frame in frames)
    wide = min(DIAMETER_PX if diameter is None else diameter, smallest - 4)
    profile = _fit(frames, wide, wide / 4)
    if diameter is None:
        # a narrow bead in a wide window lets its neighbours in: fit again in what it fills
        narrow = 2 * profile.extent(0.98) + 4
        if narrow < 0.8 * wide:
            profile = _fit(frames, narrow, narrow / 2)
    return _without_neighbours(frames, profile)


def _without_neighbours(frames: Sequence[npt.NDArray[Any]], profile: Profile) -> Profile:
    """The profile fitted again to beads from which the rings of the others are taken away; twice, as those get clearer."""
    for _ in range(2):
        locator = Locator(profile)
        windows, gates, starts = [], [], []
        for frame in frames:
            beads = locator.locate(frame)
            if len(beads.positions):
                cleared, inside, first = locator.alone(frame, beads.positions, beads.amplitudes)
                windows.append(cleared)
                gates.append(np.ones_like(cleared) if inside is None else inside)
                starts.append(beads.positions - first)
        if not windows:
            return profile
        pixels, seen, start = np.concatenate(windows), np.concatenate(gates), np.concatenate(starts)
        chosen = _some(len(pixels))
        profile = fit_profile(pixels[chosen], start[chosen], reach=profile.reach, gates=seen[chosen])[0]
    return profile


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
