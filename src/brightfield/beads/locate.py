"""``brightfield locate FRAMES --out FOLDER``: classical tracking of beads without any training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import images, layout
from brightfield.beads.localisation.calibrating import calibrate
from brightfield.beads.localisation.frames import FAINTEST, Located, Locator
from brightfield.beads.localisation.kinds import MOST_KINDS, split_kinds
from brightfield.beads.localisation.plotting import profile_figure, write_profile
from brightfield.beads.localisation.profile import Profile
from brightfield.errors import BrightfieldError
from brightfield.results import Metadata, Points, writing
from brightfield.results.points import position_rows, position_table
from brightfield.results.stated import Stated
from brightfield.system import progress

CALIBRATION_FRAMES = 5  # first frames, to which the profile is fitted
OVERLAYS = 10  # frames drawn with their positions
POOR_MISFIT = 1.5  # residual of a profile over the noise of a pixel: the user is warned of a larger one


@dataclass(frozen=True)
class LocateSummary:
    """The result of locating the beads of a movie.

    Attributes:
        table: the rows of positions.csv.
        files: all files written.
        frames: number of frames read.
        profiles: one fitted profile per kind of bead.
        listing: the files that were found, taken and left out.
        notes: lines on the pixel size, the frame rate, and what of the files was not read.
    """

    table: pd.DataFrame
    files: list[Path]
    frames: int
    profiles: tuple[Profile, ...]
    listing: images.Listing
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        number = f"{len(self.table)} positions in {self.frames} frames: {self.files[-1]}"
        if len(self.table):
            error = float(self.table[["x_error", "y_error"]].to_numpy().mean())
            number += f" (standard errors of {error:.3f} px on average)"
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
    frames come from several folders, the column ``source`` names the file of each.

    Args:
        paths: images, stacks or folders of them, in the order of the movie.
        out: output folder.
        diameter: diameter of a bead's image in px, rings included; None: estimated from the first frames.
        separation: smallest distance between two beads in px; None: derived from their profile.
        faintest: smallest contrast of a bead, as a share of the typical one; fainter beads are left out.
        first: number of first frames to which the profile is fitted.
        kinds: largest number of profiles, used where beads differ by more than noise explains.
        fast: leave out the outer rings and the last fit, see :class:`brightfield.beads.localisation.frames.Locator`.
        overlays: number of frames to draw with their positions.
        overwrite: replace existing results.
        pixel_size_um: side of a pixel in micrometres; None: as the files state.

    Raises:
        BrightfieldError: there is no frame or no bead, frames differ in size, or results exist already.
    """
    listing, begin = _begin(paths, first)
    places, sources = listing.sources(), dict[str, str]()
    writer = writing.Writer(out, Metadata(), overwrite=overwrite, overlays=overlays)
    _refuse_existing(out / layout.PROFILE, overwrite)
    profiles = split_kinds(begin, calibrate(begin, diameter), kinds)
    locator = Locator(profiles, separation=separation, faintest=faintest, fast=fast)
    rows: dict[str, pd.DataFrame] = {}
    stated = Stated(pixel_size_um)
    counts = {path: images.frame_count(path) for path in listing.taken}
    for frame in progress.track(images.frames_of(listing.taken), "locate", sum(counts.values()), unit="frame"):
        name, image, path = frame.name, frame.image, frame.path
        stated.add(name, frame.header, frame.time_s)
        grey = images.to_grey(image)
        if grey.shape != begin[0].shape:
            raise BrightfieldError(
                f"{name} is {grey.shape[1]} x {grey.shape[0]} px, the first frame {begin[0].shape[1]} x {begin[0].shape[0]}: "
                "expected frames of one size. Give one movie at a time."
            )
        found = locator.locate(grey)
        points = Points(found.positions, found.quality, found.errors)
        writer.add(name, image, points)
        if path in places:
            sources[name] = places[path]
        frame_rows = position_rows(points)
        rows[name] = frame_rows.assign(kind=found.kinds + 1) if len(locator.profiles) > 1 else frame_rows
    table = stated.in_columns(writing.with_sources(position_table(rows), sources))
    written = writer.finish(table)
    picture = _write_profile_figure(locator, begin, out)
    return LocateSummary(
        table,
        [*written[:-1], *picture, written[-1]],
        len(rows),
        locator.profiles,
        listing,
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


def _begin(paths: Sequence[Path], first: int) -> tuple[images.Listing, list[images.Image]]:
    """The files, and the first frames in grey; raises BrightfieldError if there are none, or if one was saved twice."""
    listing = images.list_images(paths)
    listing.refuse_names_twice()
    begin = [images.to_grey(image) for _, image in islice(images.frames(listing.taken), first)]
    if not begin:
        raise BrightfieldError(f"There is no image in {', '.join(map(str, paths))}: expected the frames of a movie.")
    return listing, begin


def _write_profile_figure(locator: Locator, frames: Sequence[images.Image], out: Path) -> list[Path]:
    """Draw the profiles on the pixels of the first frame that has beads; return the file written, if any."""
    for frame in frames:
        found: Located = locator.locate(frame)
        if len(found.positions):
            cleared = locator.clear(np.asarray(frame), found.beads)
            places = found.positions - cleared.first
            figure = profile_figure(locator.profiles, cleared.windows, places, found.kinds)
            write_profile(out / layout.PROFILE, figure)
            return [out / layout.PROFILE]
    return []


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise BrightfieldError(f"{path} exists already. Choose another folder, or give --overwrite.")
