"""``brightfield locate FRAMES --out FOLDER``: classical tracking of beads without any training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import images, layout
from brightfield.beads.choosing import learning_frames
from brightfield.beads.localisation.checking import LITTLE_EXPLAINED, Check, check
from brightfield.beads.localisation.frames import FAINTEST, Located, Locator
from brightfield.beads.localisation.kinds import MOST_KINDS
from brightfield.beads.localisation.learning import Learned, learn
from brightfield.beads.localisation.plotting import profile_figure, write_profile
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.showing import blank
from brightfield.errors import BrightfieldError
from brightfield.results import Metadata, Points, writing
from brightfield.results.points import position_rows, position_table
from brightfield.results.stated import Stated
from brightfield.system import progress

CALIBRATION_FRAMES = 5  # number of frames to which the profile is fitted
OVERLAYS = 10  # frames drawn with their positions
POOR_MISFIT = 1.5  # residual of a profile over the noise of a pixel: the user is warned of a larger one
CHECKED = 10  # number of further frames whose positions are checked against their pixels
NAMED = 3  # number of blank frames that are named


@dataclass(frozen=True)
class LocateSummary:
    """The result of locating the beads of a movie.

    Attributes:
        table: the rows of positions.csv.
        files: all files written.
        frames: number of frames read.
        profiles: one fitted profile per kind of bead.
        listing: the files that were found, taken and left out.
        check: the positions against the pixels, in some frames.
        blank: names of the frames that show nothing: dark, saturated or constant.
        notes: lines on the pixel size, the frame rate, and what of the files was not read.
    """

    table: pd.DataFrame
    files: list[Path]
    frames: int
    profiles: tuple[Profile, ...]
    listing: images.Listing
    check: Check
    blank: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        number = f"{len(self.table)} positions in {self.frames} frames: {self.files[-1]}"
        if len(self.table):
            error = float(self.table[["x_error", "y_error"]].to_numpy().mean())
            number += f" (standard errors of {error:.3f} px on average)"
        number += f"\n{self.check}."
        if self.check.implausible:
            number += (
                " Most positions explain little of their pixels: they may be parts of larger rings, or no beads. Check the "
                "overlays, or give another --diameter."
            )
        if self.check.explained < LITTLE_EXPLAINED:
            number += (
                "\nMuch light is left. Compare with a network: `brightfield predict beads FRAMES -o FOLDER --beside locate` says "
                "which of the two explains more."
            )
        if self.blank:
            names = ", ".join(self.blank[:NAMED]) + (", ..." if len(self.blank) > NAMED else "")
            number += (
                f"\n{len(self.blank)} of {self.frames} frames show nothing (closed shutter, saturated or constant) and have no "
                f"position: {names}."
            )
        if len(self.profiles) > 1:
            number += (
                f"\nBeads differ: {len(self.profiles)} profiles, one per kind or height. The column kind holds the number of the "
                "profile that fits a bead best."
            )
        misfit = max(profile.misfit for profile in self.profiles)
        if misfit > POOR_MISFIT:
            number += (
                f"\nThe residual of the profile is {misfit:.1f} times the noise of a pixel, expected about 1: beads differ from "
                f"each other, are not round, or overlap. The standard errors cover pixel noise only. Check {layout.PROFILE}."
            )
        return "\n".join([number, *self.notes, *self.listing.lines()])


def locate(
    paths: Sequence[Path],
    out: Path,
    *,
    diameter: float | None = None,
    separation: float | None = None,
    faintest: float = FAINTEST,
    first: int = CALIBRATION_FRAMES,
    kinds: int = MOST_KINDS,
    fast: bool = False,
    overlays: int = OVERLAYS,
    overwrite: bool = False,
    pixel_size_um: float | None = None,
) -> LocateSummary:
    """Find the beads in all frames and write ``positions.csv``, ``profile.png`` and some overlays; frames are read one at a time.

    Where beads differ, the column ``kind`` of ``positions.csv`` holds the number of each bead's profile in ``profile.png``; where
    frames come from several folders, the column ``source`` names the file of each. Before anything is written, the answer is
    checked against the frames from which the profile is learned.

    Args:
        paths: images, stacks or folders of them, in the order of the movie.
        out: output folder.
        diameter: diameter of a bead's image in px, rings included; None: estimated, and an implausible answer is refused.
        separation: smallest distance between two beads in px; None: derived from their profile.
        faintest: smallest contrast of a bead, as a share of the typical one; fainter beads are left out.
        first: number of frames to which the profile is fitted: the first ones that show something.
        kinds: largest number of profiles, used where beads differ by more than noise explains.
        fast: leave out the outer rings and the last fit, see :class:`brightfield.beads.localisation.frames.Locator`.
        overlays: number of frames to draw with their positions.
        overwrite: replace existing results.
        pixel_size_um: side of a pixel in micrometres; None: as the files state.

    Raises:
        BrightfieldError: there is no frame or no bead, the positions explain too little of the frames, frames differ in size, or
            results exist already.
    """
    listing = images.list_images(paths)
    listing.refuse_names_twice()
    begin = learning_frames(listing.taken, first)
    if not begin:
        raise BrightfieldError(f"There is no image in {', '.join(map(str, paths))}: expected the frames of a movie.")
    places, sources = listing.sources(), dict[str, str]()
    writer = writing.Writer(out, Metadata(), overwrite=overwrite, overlays=overlays)
    writer.check(Points)
    _refuse_existing(out / layout.PROFILE, overwrite)
    learned = learn(list(begin.values()), diameter=diameter, separation=separation, faintest=faintest, kinds=kinds)
    if diameter is None:
        _refuse_implausible(learned.check)
    counts = {path: images.frame_count(path) for path in listing.taken}
    total = sum(counts.values())
    quick = Locator(learned.profiles, separation=separation, faintest=faintest, fast=True) if fast else None
    movie = _Movie.begin(learned, begin, quick, total)
    rows: dict[str, pd.DataFrame] = {}
    stated = Stated(pixel_size_um)
    for number, frame in enumerate(progress.track(images.frames_of(listing.taken), "locate", total, unit="frame")):
        name, image, path = frame.name, frame.image, frame.path
        stated.add(name, frame.header, frame.time_s)
        found = movie.locate(number, name, images.to_grey(image))
        points = Points(found.positions, found.quality, found.errors)
        writer.add(name, image, points)
        if path in places:
            sources[name] = places[path]
        frame_rows = position_rows(points)
        rows[name] = frame_rows.assign(kind=found.kinds + 1) if len(learned.profiles) > 1 else frame_rows
    table = stated.in_columns(writing.with_sources(position_table(rows), sources))
    written = writer.finish(table)
    picture = _write_profile_figure(learned, begin, out)
    return LocateSummary(
        table,
        [*written[:-1], *picture, written[-1]],
        len(rows),
        learned.profiles,
        listing,
        movie.check,
        movie.blank,
        (*stated.lines(), *_joined(counts)),
    )


def _joined(counts: Mapping[Path, int]) -> Iterator[str]:
    """A warning where a movie was read together with other files, which may be no part of it."""
    movies = [path.name for path, count in counts.items() if count > 1]
    if movies and len(counts) > 1:
        yield (
            f"warning: {len(counts)} files were read as one movie, frames numbered on, of which {images.some_of(movies)} have "
            "several frames. Where they are no pieces of one movie, locate each by itself."
        )


@dataclass
class _Movie:
    """Locates the beads of a movie's frames, one after the other, and keeps what the summary needs.

    Attributes:
        locator: finds the beads.
        known: the beads of frames located already, by the number of the frame.
        checked: numbers of the frames whose positions are checked.
        level: brightness of the frames from which the profiles were learned.
        check: the positions against the pixels, so far.
        blank: names of frames that show nothing, so far.
        shape: (H, W) of the first frame, once it is read.
    """

    locator: Locator
    known: dict[int, Located]
    checked: set[int]
    level: float
    check: Check
    blank: list[str] = field(default_factory=list)
    shape: tuple[int, ...] | None = None

    @classmethod
    def begin(cls, learned: Learned, frames: Mapping[int, images.Image], fast: Locator | None, count: int) -> _Movie:
        level = float(np.median([np.median(frame[::4, ::4]) for frame in frames.values()]))
        if fast is not None:  # its windows lack the outer rings: its answers are not checked
            return cls(fast, {}, set(), level, learned.check)
        checked = {int(n) for n in np.linspace(0, count - 1, CHECKED).round()} - frames.keys()
        known = dict(zip(frames, learned.located, strict=True))
        return cls(learned.locator, known, checked, level, learned.check)

    def locate(self, number: int, name: str, frame: images.Image) -> Located:
        """The beads of a frame (H, W); none in one that shows nothing. Raises BrightfieldError for another size."""
        self.shape = frame.shape if self.shape is None else self.shape
        if frame.shape != self.shape:
            raise BrightfieldError(
                f"{name} is {frame.shape[1]} x {frame.shape[0]} px, the first frame {self.shape[1]} x {self.shape[0]}: "
                "expected frames of one size. Give one movie at a time."
            )
        if blank(frame, self.level):
            self.blank.append(name)
            return Located.nothing()
        found = self.known[number] if number in self.known else self.locator.locate(frame)
        if number in self.checked:
            self.check += check([frame], self.locator, [found])
        return found


def _refuse_implausible(answer: Check) -> None:
    """Refuse positions most of which explain little of their pixels, and which together explain little of the frames."""
    if answer.implausible:
        raise BrightfieldError(
            f"{answer.positions} positions in {answer.frames} frames explain {100 * max(answer.explained, 0.0):.0f}% of the light "
            f"above noise, and {answer.low} of them little of their own pixels (chi-square {answer.chi_square:.1f}, expected about "
            "1): rings that overlap cannot be told apart, or there are no beads. Give the diameter of a bead's image in px, rings "
            "included (--diameter), or frames in which beads lie farther apart."
        )


def _write_profile_figure(learned: Learned, frames: Mapping[int, images.Image], out: Path) -> list[Path]:
    """Draw the profiles on the pixels of the first frame that has beads; return the file written, if any."""
    for frame, found in zip(frames.values(), learned.located, strict=True):
        if len(found.positions):
            cleared = learned.locator.clear(np.asarray(frame), found.beads)
            places = found.positions - cleared.first
            figure = profile_figure(learned.profiles, cleared.windows, places, found.kinds)
            write_profile(out / layout.PROFILE, figure)
            return [out / layout.PROFILE]
    return []


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise BrightfieldError(f"{path} exists already. Choose another folder, or give --overwrite.")
