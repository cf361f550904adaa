"""Learning of the profiles of a movie from a few frames, with a check of the answer against these frames.

The first answer is that of :mod:`calibrating` and :mod:`kinds`. Where its positions leave much light unexplained, a second one is
searched: centres that explain most light by rings around them (:mod:`radial_variance`), at several radii, and one profile fitted to
whole frames (:mod:`joint_profile`). Of all answers that counts which explains the frames best, with a penalty for each position.
Beads that none of the profiles shows get a further one (:mod:`other_kinds`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from brightfield import images
from brightfield.beads.localisation.calibrating import WIDEST_PX, calibrate, require_frames, without_neighbours
from brightfield.beads.localisation.checking import Check, check
from brightfield.beads.localisation.frames import FAINTEST, Located, Locator
from brightfield.beads.localisation.joint_profile import fit_joint_profile
from brightfield.beads.localisation.kinds import MOST_KINDS, split_kinds
from brightfield.beads.localisation.other_kinds import overlooked, with_another_kind
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.radial_variance import ring_centres
from brightfield.beads.localisation.showing import without_single_pixels
from brightfield.errors import BrightfieldError

RADII_PX = (8, 12, 16, 24, 32, 48, 60)  # radii of beads that are tried in the search
SEARCHED_FRAMES = 3  # number of frames that are searched
POLISHED = 3  # number of times that the best answer of the search is fitted again
WELL_EXPLAINED = 0.7  # share of the light: above, no other answer is searched
SINGLE_PIXEL = (
    0.1  # largest deviation of a profile 1 px from its centre at which it shows hot pixels: no lens is so sharp
)
LEAST_GAIN = (
    12.0  # smallest variance that a position explains on average, over that of a pixel's noise: three parameters fit 3
)
WORTHWHILE = 0.02  # smallest share of the light that a further kind of bead must explain
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Learned:
    """Profiles with their answer in the frames from which they were learned.

    Attributes:
        locator: finds beads by these profiles.
        located: the beads of each frame.
        check: the answer against the frames.
    """

    locator: Locator
    located: list[Located]
    check: Check

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The profiles, one per kind of bead."""
        return self.locator.profiles


def learn(
    frames: Sequence[npt.NDArray[Any]],
    *,
    diameter: float | None = None,
    separation: float | None = None,
    faintest: float = FAINTEST,
    kinds: int = MOST_KINDS,
) -> Learned:
    """Learn the profiles of the beads of some frames, and check the answer.

    Args:
        frames: (H, W) each, a few of a movie.
        diameter: diameter of a bead's image in px, rings included; None: estimated.
        separation: smallest distance between two beads in px; None: derived from their profile.
        faintest: smallest contrast of a bead, as a share of the typical one.
        kinds: largest number of profiles.

    Raises:
        BrightfieldError: there is no bead in the frames, or the frames or the diameter are too small.
    """
    require_frames(frames, diameter)
    answer = partial(_answer, separation=separation, faintest=faintest)
    learned = _learned(frames, diameter, kinds, answer)
    if _single_pixels(learned):
        try:
            learned = _learned([without_single_pixels(frame) for frame in frames], diameter, kinds, answer)
        except BrightfieldError as error:
            raise BrightfieldError(_HOT_PIXELS.format(frames=len(frames))) from error
        if _single_pixels(learned):
            raise BrightfieldError(_HOT_PIXELS.format(frames=len(frames)))
        learned = answer(learned.profiles, frames)
    gain = (learned.check.before - learned.check.after) / max(learned.check.noise / learned.check.pixels, 1e-30)
    if not learned.check.positions or gain < LEAST_GAIN * learned.check.positions:
        raise BrightfieldError(_NO_BEAD.format(frames=len(frames)))
    return learned


_HOT_PIXELS = (
    "No bead was found in the {frames} frames examined: what stands out are single pixels (hot or dead pixels of the camera, "
    "single photons), and a lens blurs a bead over more than one. Give frames that show beads."
)
_NO_BEAD = (
    "No bead was found in the {frames} frames examined: nothing round stands out of the noise. Expected round spots or rings. Give "
    "frames that show beads, or the diameter of a bead's image in px, rings included (--diameter)."
)


class Answer(Protocol):
    """Locates beads by profiles in frames, and checks the answer."""

    def __call__(self, profiles: Profile | Sequence[Profile], frames: Sequence[npt.NDArray[Any]]) -> Learned: ...


def _answer(
    profiles: Profile | Sequence[Profile],
    frames: Sequence[npt.NDArray[Any]],
    *,
    separation: float | None,
    faintest: float,
) -> Learned:
    locator = Locator(profiles, separation=separation, faintest=faintest)
    located = [locator.locate(frame) for frame in frames]
    return Learned(locator, located, check(frames, locator, located))


def _learned(frames: Sequence[npt.NDArray[Any]], diameter: float | None, kinds: int, answer: Answer) -> Learned:
    """The answer of the first method, or a better one where it leaves much light."""
    best: Learned | None = None
    refused: BrightfieldError | None = None
    try:
        best = answer(split_kinds(frames, calibrate(frames, diameter), kinds), frames)
    except BrightfieldError as error:
        refused = error
    if best is None or not best.check.explained >= WELL_EXPLAINED:
        other = _searched(frames, diameter, answer)
        if other is not None and (best is None or other.check.criterion < best.check.criterion):
            split = answer(split_kinds(frames, other.profiles[0], kinds, halves=False), frames)
            best = split if split.check.criterion < other.check.criterion else other
    if best is None:
        raise BrightfieldError(_NO_BEAD.format(frames=len(frames))) from refused
    return _with_other_kinds(frames, best, kinds, answer)


def _searched(frames: Sequence[npt.NDArray[Any]], diameter: float | None, answer: Answer) -> Learned | None:
    """The best answer by centres of rings at several radii; None where none is better than no bead at all."""
    smallest = min(min(frame.shape) for frame in frames)
    some = [frames[n] for n in np.unique(np.linspace(0, len(frames) - 1, SEARCHED_FRAMES).astype(int))]
    level = [(images.above_background(frame) + np.median(frame)).astype(np.float32) for frame in some]
    widest = min(WIDEST_PX, smallest / 2 - 4)
    radii = (
        [radius for radius in RADII_PX if radius <= widest] if diameter is None else [int(min(diameter / 2, widest))]
    )
    tried = []
    for radius in radii:
        try:
            profile = fit_joint_profile(level, [ring_centres(frame, radius) for frame in level], radius)
            tried.append(answer(profile, some))
        except BrightfieldError:
            continue
        log.info("rings up to %d px: %s", radius, tried[-1].check)
    tried = [one for one in tried if one.check.positions and one.check.criterion < one.check.without_beads]
    if not tried:
        return None
    best = _polished(frames, answer(min(tried, key=_criterion).profiles, frames), answer)
    choices = [best]
    try:
        reach = widest if diameter is None else best.profiles[0].reach
        choices.append(answer(without_neighbours(frames, best.profiles[0], reach), frames))
    except BrightfieldError as error:
        log.info("the profile could not be fitted again: %s", error)
    return min(choices, key=_criterion)


def _polished(frames: Sequence[npt.NDArray[Any]], best: Learned, answer: Answer) -> Learned:
    """The best of a few answers in turn, each with the profile fitted to whole frames at the positions of the last one."""
    last, reach = best, best.profiles[0].reach
    for _ in range(POLISHED):
        try:
            last = answer(fit_joint_profile(frames, [one.positions for one in last.located], reach), frames)
        except BrightfieldError:
            break
        best = min(best, last, key=_criterion)
    return best


def _criterion(learned: Learned) -> float:
    return learned.check.criterion


def _with_other_kinds(frames: Sequence[npt.NDArray[Any]], best: Learned, kinds: int, answer: Answer) -> Learned:
    """The answer with further profiles of beads that those known do not show, where these explain enough."""
    while len(best.profiles) < kinds and best.check.positions:
        left = overlooked(frames, best.locator, best.located)
        tried = [answer(profiles, frames) for profiles in with_another_kind(best.profiles, left)] if left else []
        if not tried:
            return best
        other = min(tried, key=_criterion)
        log.info("with another kind of bead: %s", other.check)
        more = other.check.explained - best.check.explained
        if other.check.criterion >= best.check.criterion or more < WORTHWHILE:
            return best
        best = other
    return best


def _single_pixels(learned: Learned) -> bool:
    return all(abs(float(profile.at(1.0))) < SINGLE_PIXEL for profile in learned.profiles)
