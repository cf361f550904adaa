"""Read a table of positions and check every value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.data.importing.grouping import read_csv
from brightfield.errors import BrightfieldError

NEEDED = ("frame", "x", "y")
MOST_FRAMES = 10_000_000  # largest range of frame numbers
FARTHEST_PX = 1_000_000  # largest coordinate: no camera is so large
LEAST_SEEN = 0.01  # smallest share of frames, from a particle's first to its last, in which it must be seen
ERRORS = ("x_error", "y_error")


def read_positions(path: Path) -> pd.DataFrame:
    """Read and check the CSV of ``brightfield predict`` for beads, or one of trackpy.

    A row with x and y left empty stands for a frame without beads and is left out.

    Returns:
        Columns ``frame`` (int64), ``x``, ``y`` (px); if the file has them, ``quality``, ``x_error``, ``y_error``, ``image`` and
        ``particle`` (int64).

    Raises:
        BrightfieldError: columns are missing, or a row is not a valid position.
    """
    table = read_csv(path, NEEDED, text=("image",))
    table.index = pd.RangeIndex(2, len(table) + 2)  # the line in the file
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
    if "particle" in table:
        found["particle"] = _particles(path, table)
    return found.reset_index(drop=True)


def _particles(path: Path, table: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The particle numbers, checked: whole, and each at most once per frame."""
    numbers = pd.to_numeric(table["particle"], errors="coerce").astype(np.float64)
    fine = numbers.between(0, 2**31 - 1) & (numbers == numbers.round())
    _check(path, table, fine, ("frame", "particle"), "whole numbers from 0 up as particles")
    once = ~pd.DataFrame({"frame": table["frame"], "particle": numbers}).duplicated()
    _check(path, table, once, ("frame", "particle"), "each particle once in a frame")
    _check_gaps(path, table["frame"].astype(np.float64), numbers)
    return np.asarray(numbers, dtype=np.int64)


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
    came = ", ".join(f"{column} = {first[column]}" for column in columns)
    raise BrightfieldError(
        f"{path.name}: {int((~fine).sum())} rows are not positions, the first in line {first.name} ({came}): expected {expected}."
    )
