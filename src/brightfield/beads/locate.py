"""``brightfield locate FRAMES --out FOLDER``: classical tracking of beads without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import images
from brightfield.beads.localisation.calibrating import calibrate
from brightfield.beads.localisation.frames import FAINTEST, Located, Locator
from brightfield.beads.localisation.kinds import MOST_KINDS, split_kinds
from brightfield.beads.localisation.plotting import profile_figure, write_profile
from brightfield.beads.localisation.profile import Profile
from brightfield.errors import BrightfieldError
from brightfield.results import Metadata, Points, writing
from brightfield.results.points import position_rows, position_table
from brightfield.system import progress

PROFILE = "profile.png"
FIRST = 5  # frames from which the profile is learned
OVERLAYS = 10
POOR = 1.5  # times the noise: a profile that leaves more is told of


@dataclass(frozen=True)
class LocateSummary:
    """What came of a movie.

    Attributes:
        table: as in positions.csv.
        files: all that were written.
        frames: how many were read.
        profiles: of the beads, one a kind.
    """

    table: pd.DataFrame
    files: list[Path]
    frames: int
    profiles: tuple[Profile, ...]

    def __str__(self) -> str:
        number = f"{len(self.table)} positions in {self.frames} frames: {self.files[-1]}"
        if len(self.table):
            error = float(self.table[["x_error", "y_error"]].to_numpy().mean())
            number += f" (standard errors of {error:.3f} px on average)"
        if len(self.profiles) > 1:
            number += (
                f"\nBeads differ: {len(self.profiles)} profiles, one a kind or height, each bead by that which leaves least "
                "(column kind)."
            )
        misfit = max(profile.misfit for profile in self.profiles)
        if misfit > POOR:
            number += (
                f"\nThe profile leaves {misfit:.1f} times the noise of a pixel: beads differ from each other, are not round, or "
                f"overlap. Standard errors tell the scatter of pixels, not that; look at {PROFILE}."
            )
        return number


def locate(
    paths: Sequence[Path],
    out: Path,
    *,
    diameter: float | None = None,
    separation: float | None = None,
    faintest: float = FAINTEST,
    first: int = FIRST,
    kinds: int = MOST_KINDS,
    fast: bool = False,
    overlays: int = OVERLAYS,
    overwrite: bool = False,
) -> LocateSummary:
    """Find the beads in all frames and write ``positions.csv``, ``profile.png`` and some overlays; frames are read one at a time.

    Where beads differ, ``positions.csv`` has the number of each one's profile in ``profile.png`` as ``kind``.

    Args:
        paths: images, stacks or folders of them, in the order of the movie.
        out: the folder.
        diameter: px across a bead's image, its rings included; None: found from the first frames.
        separation: px that two beads are at least apart; None: from their profile.
        faintest: of the usual contrast: beads of less are left out.
        first: frames from which the profile is learned.
        kinds: profiles at most, where beads differ from each other more than noise explains.
        fast: leave out the outer rings and the last fit, see :class:`brightfield.beads.localisation.frames.Locator`.
        overlays: frames to draw with their positions.
        overwrite: replace answers that are there.

    Raises:
        BrightfieldError: no frame, no bead, frames of several sizes, or answers that are there already.
    """
    begin = [images.to_grey(image) for _, image in islice(images.frames(paths), first)]
    if not begin:
        raise BrightfieldError(f"There is no image in {', '.join(map(str, paths))}: expected frames of a movie.")
    writer = writing.Writer(out, Metadata(), overwrite=overwrite, overlays=overlays)
    _refuse(out / PROFILE, overwrite)
    profiles = split_kinds(begin, calibrate(begin, diameter), kinds)
    locator = Locator(profiles, separation=separation, faintest=faintest, fast=fast)
    rows: dict[str, pd.DataFrame] = {}
    for name, image in progress.track(images.frames(paths), "locate", _count(paths), unit="frame"):
        grey = images.to_grey(image)
        if grey.shape != begin[0].shape:
            raise BrightfieldError(
                f"{name} is {grey.shape[1]} x {grey.shape[0]} px, the first frame {begin[0].shape[1]} x {begin[0].shape[0]}: "
                "frames of one movie have one size. Give one movie at a time."
            )
        found = locator.locate(grey)
        points = Points(found.positions, found.quality, found.errors)
        writer.add(name, image, points)
        told = position_rows(points)
        rows[name] = told.assign(kind=found.kinds + 1) if len(locator.profiles) > 1 else told
    table = position_table(rows)
    files = writer.finish(table)
    picture = _picture(locator, begin, out)
    return LocateSummary(table, [*files[:-1], *picture, files[-1]], len(rows), locator.profiles)


def _picture(locator: Locator, frames: Sequence[images.Image], out: Path) -> list[Path]:
    """The profile on the pixels of the first frame that has beads."""
    for frame in frames:
        found: Located = locator.locate(frame)
        if len(found.positions):
            cleared = locator.alone(np.asarray(frame), found.beads)
            places = found.positions - cleared.first
            figure = profile_figure(locator.profiles, cleared.windows, places, found.kinds)
            write_profile(out / PROFILE, figure)
            return [out / PROFILE]
    return []


def _count(paths: Sequence[Path]) -> int:
    return sum(images.frame_count(path) for path in images.files(paths))


def _refuse(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise BrightfieldError(f"{path} is there already. Choose another folder, or give --overwrite.")
