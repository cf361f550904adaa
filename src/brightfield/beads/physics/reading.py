"""Read a table of positions and check every value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.data.importing.spots import NEEDED, read_spots
from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import shown

MOST_FRAMES = 10_000_000  # largest range of frame numbers
FARTHEST_PX = 1_000_000  # largest coordinate: no camera is so large
LEAST_SEEN = 0.01  # smallest share of frames, from a particle's first to its last, in which it must be seen
ERRORS = ("x_error", "y_error")
UNTRACKED = -1  # particle of a position that belongs to no track


def read_positions(path: Path, pixel_size_um: float | None = None) -> pd.DataFrame:
    """Read and check the CSV of ``brightfield predict`` for beads, or one of trackpy, TrackMate or ImageJ.

    A row with x and y left empty stands for a frame without beads and is left out. Frames stay as the table counts them.

    Args:
        path: the file.
        pixel_size_um: pixel size, which positions of TrackMate in units of length need.

    Returns:
        Columns ``frame`` (int64), ``x``, ``y`` (px); if the file has them, ``quality``, ``x_error``, ``y_error``, ``image`` and
        ``particle`` (int64; of TrackMate the track, or ``UNTRACKED``, unless tracks split or merge).

    Raises:
        BrightfieldError: columns are missing, a row is not a valid position, or all are of one frame or of several movies.
    """
    spots = read_spots(path, pixel_size_um, text=("image", "movie"), optional=("quality", *ERRORS, "particle"))
    table = spots.table
    _check_movie(path, table)
    table = table[~table[["x", "y"]].isna().all(axis=1)]
    optional = [name for name in ("quality", *ERRORS) if name in table]
    numbers = table[[*NEEDED, *optional]].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    frame = numbers["frame"]
    whole = frame.between(0, 2**31 - 1) & (frame == frame.round())
    _check(path, table, whole, NEEDED, "a whole frame number from 0 up")
    near = numbers[["x", "y"]].abs().le(FARTHEST_PX).all(axis=1)
    _check(path, table, near, NEEDED, f"finite x and y in pixels, at most {FARTHEST_PX:,}")
    for name in set(ERRORS) & set(optional):
        fine = table[name].isna() | (np.isfinite(numbers[name]) & (numbers[name] >= 0))
        _check(path, table, fine, (name,), "standard errors in pixels, 0 or more, or nothing")
    found: pd.DataFrame = numbers.assign(frame=frame.astype(np.int64))
    if len(found) and int(found["frame"].max() - found["frame"].min()) >= MOST_FRAMES:
        raise BrightfieldError(
            f"{path.name}: frames from {found['frame'].min()} to {found['frame'].max()}: expected a range of at most "
            f"{MOST_FRAMES:,}. Number frames in order, and give each movie a table of its own."
        )
    if "image" in table:
        found["image"] = table["image"]
    if "particle" in table and not (spots.trackmate and _branches(table)):
        found["particle"] = _particles(path, table, spots.trackmate)
    if len(found) and spots.table["frame"].nunique() == 1:
        raise BrightfieldError(
            f"{path.name} has one frame only: all {len(found)} positions are of frame {found['frame'].iloc[0]}, expected a "
            "movie. Number the frames in order in the column frame."
        )
    return found.reset_index(drop=True)


def _check_movie(path: Path, table: pd.DataFrame) -> None:
    """Refuse positions of several movies, which would be linked as one."""
    movies = table["movie"].unique().tolist() if "movie" in table else []
    if len(movies) > 1:
        raise BrightfieldError(
            f"{path.name} has positions of {len(movies)} movies ({', '.join(movies[:5])}), expected one. Split the table."
        )


def _branches(table: pd.DataFrame) -> bool:
    """Whether a track has two spots in a frame: TrackMate's tracks may split and merge, and are no particles then."""
    return bool(table.loc[table["particle"].notna(), ["frame", "particle"]].duplicated().any())


def _particles(path: Path, table: pd.DataFrame, tracked: bool) -> npt.NDArray[np.int64]:
    """The particle numbers, checked: whole, and each at most once per frame; tracks of TrackMate may leave positions out."""
    numbers = pd.to_numeric(table["particle"], errors="coerce").astype(np.float64)
    outside = table["particle"].isna() & tracked
    fine = outside | (numbers.between(0, 2**31 - 1) & (numbers == numbers.round()))
    _check(path, table, fine, ("frame", "particle"), "whole numbers from 0 up as particles")
    once = outside | ~pd.DataFrame({"frame": table["frame"], "particle": numbers}).duplicated()
    _check(path, table, once, ("frame", "particle"), "each particle once in a frame")
    _check_gaps(path, table["frame"].astype(np.float64)[~outside], numbers[~outside])
    return np.asarray(numbers.fillna(UNTRACKED), dtype=np.int64)


def _check_gaps(path: Path, frame: pd.Series, particle: pd.Series) -> None:
    """Refuse particles that are seen too seldom: the frames between would fill the memory."""
    of_each = frame.groupby(particle).agg(["min", "max", "size"])
    number, span = of_each["size"].to_numpy(), (of_each["max"] - of_each["min"] + 1).to_numpy()
    seldom = np.flatnonzero(number < LEAST_SEEN * span)
    if len(seldom):
        first = int(seldom[0])
        raise BrightfieldError(
            f"{path.name}: particle {of_each.index[first]:.0f} is seen in {number[first]} of {int(span[first]):,} frames from its "
            f"first to its last: expected at least {LEAST_SEEN:.0%}. Link again with --memory, or leave it out."
        )


def _check(path: Path, table: pd.DataFrame, fine: pd.Series, columns: tuple[str, ...], expected: str) -> None:
    if fine.all():
        return
    first = table[~fine].iloc[0]
    came = ", ".join(f"{column} = {shown(first[column])}" for column in columns)
    raise BrightfieldError(
        f"{path.name}: {int((~fine).sum())} rows are not positions, the first in line {first.name} ({came}): expected {expected}."
    )
