"""Tables of positions: which columns are frame, x and y, in which unit they are, and where frames are counted from.

Read are the tables of this project and of trackpy, TrackMate's table of spots, and ImageJ's table of results. Columns are found by
name without regard to case; ``x [px]``, ``x (px)`` and ``x_px`` are x. A name that says another unit is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield.data.importing import trackmate
from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import Sheet, columns_of, open_sheet, read_columns, shown

NEEDED = ("frame", "x", "y")
_FRAME = ("frame", "frame number", "frame_number", "frame index", "frame_index")
_SLICE, _T = "slice", "t"  # of ImageJ, which counts slices from 1; frames or seconds
_IMAGEJ = "Slice"
_OTHER_UNITS = frozenset(
    {"um", "µm", "μm", "micron", "microns", "micrometer", "micrometre", "nm", "mm", "cm", "m", "inch", "in"}
)
_BRACKETS = re.compile(r"(?P<name>[^\[(]*?)[\s_]*[\[(]\s*(?P<unit>[^\])]*?)\s*[\])]")
_ENDING = re.compile(r"(?P<name>[xy])[\s_]+(?P<unit>\w+)")


@dataclass(frozen=True)
class Spots:
    """Positions as a table has them.

    Attributes:
        table: columns frame, x and y (px) and those that were asked for; the index is the line in the file. Cells that are no
            numbers are text.
        first: number of the first frame of a movie, where the format says so: 0 or 1; None: not known.
        trackmate: whether the table is TrackMate's; its ``particle`` is NaN for spots without a track.
    """

    table: pd.DataFrame
    first: int | None = None
    trackmate: bool = False


def read_spots(
    path: Path, pixel_size_um: float | None, text: Collection[str] = (), optional: Sequence[str] = ()
) -> Spots:
    """Read a table of positions, without a check of its values.

    Args:
        path: the file.
        pixel_size_um: pixel size, by which positions of TrackMate in units of length are divided; None: they are refused.
        text: columns that may be there, read as text.
        optional: columns that may be there, read as numbers. TrackMate's table has ``particle`` only, from TRACK_ID.

    Raises:
        BrightfieldError: columns are missing, or have an unknown or another unit, or :func:`read_columns` refuses the file.
    """
    sheet = open_sheet(path, NEEDED)
    if trackmate.is_spots(sheet.names):
        places = {name: sheet.names.index(name) for name in trackmate.KNOWN if name in sheet.names}
        table = trackmate.from_table(path, read_columns(sheet, places), pixel_size_um)
        return Spots(table, first=0, trackmate=True)
    places = {name: place for name in NEEDED if (place := _place(sheet, name)) is not None}
    slices = _named(sheet, (_SLICE,))
    if "frame" not in places and (other := slices or _named(sheet, (_T,))):
        places = {"frame": other[0], **places}
    missing = [name for name in NEEDED if name not in places]
    extra = columns_of(sheet, [*missing, *text, *optional], missing)
    if slices:
        extra[_SLICE] = slices[0]
    table = read_columns(sheet, {**places, **extra}, text)
    if sheet.names[places["frame"]].casefold() == _T:
        _check_counts(path, table["frame"])
    if not slices:
        return Spots(table)
    table = _frame_or_slice(path, table, slices[0] == places["frame"])
    imagej = sheet.names[slices[0]] == _IMAGEJ and sheet.names[places["frame"]] in (_IMAGEJ, "Frame")
    counted = imagej and not (pd.to_numeric(table["frame"], errors="coerce") < 1).any()
    return Spots(table.drop(columns=_SLICE), first=1 if counted else None)


def _place(sheet: Sheet, name: str) -> int | None:
    """Where frame, x or y is; None if there is no such column."""
    if name in sheet.names:
        return sheet.names.index(name)
    if name == "frame":
        same = _named(sheet, _FRAME)
        found: dict[int, str] = {}
    else:
        found = {i: unit for i, column in enumerate(sheet.names) if (unit := _unit(column, name)) is not None}
        same = [i for i, unit in found.items() if unit in ("", *trackmate.PIXELS)]
    if len(same) > 1:
        columns = " and ".join(sheet.names[i] for i in same)
        raise BrightfieldError(
            f"{sheet.path}, line {sheet.line}: {columns} could both be {name}. Name one of them {name}."
        )
    if found and not same:
        place, unit = next(iter(found.items()))
        raise BrightfieldError(
            f"{sheet.path}, line {sheet.line}: the column {sheet.names[place]} is in {unit}, expected {name} in pixels. Divide it "
            f"by the pixel size, and name it {name}."
        )
    return same[0] if same else None


def _named(sheet: Sheet, names: Collection[str]) -> list[int]:
    return [i for i, found in enumerate(sheet.names) if found.casefold() in names]


def _unit(column: str, name: str) -> str | None:
    """The unit that the name of a column says, "" if none; None if it is the name of another column."""
    folded = column.casefold()
    if folded == name:
        return ""
    match = _BRACKETS.fullmatch(folded) or _ENDING.fullmatch(folded)
    if match is None or match["name"] != name:
        return None
    unit = match["unit"]
    return unit if match.re is _BRACKETS or unit in _OTHER_UNITS | trackmate.PIXELS else None


def _check_counts(path: Path, column: pd.Series) -> None:
    """Refuse a column t that may hold seconds."""
    values = np.unique(pd.to_numeric(column, errors="coerce").dropna())
    if len(values) and not (values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))):
        raise BrightfieldError(
            f"{path.name}: the column t has {shown(float(values[0]))} to {shown(float(values[-1]))}, not every whole number from "
            "0 or 1 up: whether it counts frames or seconds cannot be told. Number the frames in a column frame."
        )


def _frame_or_slice(path: Path, table: pd.DataFrame, only: bool) -> pd.DataFrame:
    """The table with the one of ImageJ's columns Frame and Slice in which the movie runs."""
    if only or table[_SLICE].nunique() <= 1:
        return table
    if table["frame"].nunique() <= 1:
        return table.assign(frame=table[_SLICE])
    raise BrightfieldError(
        f"{path.name} has several frames and several slices, expected the positions of one plane. Leave one slice, and remove the "
        "column."
    )
